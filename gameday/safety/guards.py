"""Guards: what must stay true while a fault is in, or the run is aborted.

A guard has three answers. Unknown counts as a breach once its grace time is over, because a guard that cannot see
must not say "go on".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gameday.model import Answer, GuardSpec

Read = Callable[[str, float], float | None]  # (signal, window in seconds) -> value, None: no data
AlarmState = Callable[[str], str | None]  # alarm name -> its state, None: cannot be read


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one guard."""

    answer: Answer
    value: float | str | None
    sentence: str


def read(guard: GuardSpec, signal: Read, alarm: AlarmState) -> Reading:
    """Look at *guard* once."""
    if guard.alarm:
        state = alarm(guard.alarm)
        known = {"OK": Answer.YES, "ALARM": Answer.NO}
        return Reading(known.get(state or "", Answer.UNKNOWN), state, f"{guard.title} is {state or 'unreadable'}")
    value = signal(guard.signal or "", guard.over_s)
    if value is None:
        return Reading(Answer.UNKNOWN, None, f"{guard.title}: no data")
    too_high = guard.max is not None and value > guard.max
    too_low = guard.min is not None and value < guard.min
    answer = Answer.NO if too_high or too_low else Answer.YES
    return Reading(answer, value, f"{guard.title}: it is {value:.4g}")


@dataclass(slots=True)
class Watch:
    """The guards of one run, with the memory of since when each has been unknown."""

    guards: list[GuardSpec]
    signal: Read
    alarm: AlarmState
    unknown_since: dict[int, float] = field(default_factory=dict)

    def breach(self, now: float) -> Reading | None:
        """Return the first guard that trips, or None. *now* is a monotonic time in seconds."""
        for index, guard in enumerate(self.guards):
            reading = read(guard, self.signal, self.alarm)
            if reading.answer is Answer.NO:
                return reading
            if reading.answer is Answer.YES:
                self.unknown_since.pop(index, None)
                continue
            since = self.unknown_since.setdefault(index, now)
            if now - since > guard.grace_s:
                return Reading(
                    Answer.UNKNOWN, None, f"{reading.sentence} for {now - since:.1f} s (grace {guard.grace_s:g} s)"
                )
        return None
