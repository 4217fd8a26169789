"""Guards: what must stay true while a fault is in, or the run is aborted.

A guard has three answers. Unknown counts as a breach once its grace time is over, because a guard that cannot see
must not say "go on".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gameday.model import Answer, GuardSpec


class Sources(Protocol):
    """Where guards look. None means that nothing is known."""

    def signal(self, name: str, over_s: float) -> float | None:
        """Return a signal of the load over a window."""

    def metric(self, guard: GuardSpec) -> float | None:
        """Return the newest fresh value of the guard's metric."""

    def alarm(self, name: str) -> str | None:
        """Return an alarm's state: OK, ALARM or INSUFFICIENT_DATA."""

    def http(self, address: str) -> int | None:
        """Return the status that an address answers; 0: no answer."""

    def safety_lever(self) -> str | None:
        """Return `engaged`, `engaging` or `disengaged`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one guard."""

    answer: Answer
    value: float | str | None
    sentence: str


def read(guard: GuardSpec, sources: Sources) -> Reading:
    """Look at *guard* once."""
    if guard.alarm:
        return _state(guard, sources.alarm(guard.alarm), good=("OK",), bad=("ALARM",))
    if guard.safety_lever:
        return _state(guard, sources.safety_lever(), good=("disengaged",), bad=("engaged", "engaging"))
    if guard.http:
        status = sources.http(guard.http)
        if status is None:
            return Reading(Answer.UNKNOWN, None, f"{guard.title}: not yet asked")
        answer = Answer.YES if status == guard.status else Answer.NO
        return Reading(answer, status, f"{guard.title}: it {f'answers {status}' if status else 'does not answer'}")
    value = sources.signal(guard.signal, guard.over_s) if guard.signal else sources.metric(guard)
    if value is None:
        return Reading(Answer.UNKNOWN, None, f"{guard.title}: no data")
    too_high = guard.max is not None and value > guard.max
    too_low = guard.min is not None and value < guard.min
    answer = Answer.NO if too_high or too_low else Answer.YES
    return Reading(answer, value, f"{guard.title}: it is {value:.4g}")


def _state(guard: GuardSpec, state: str | None, good: tuple[str, ...], bad: tuple[str, ...]) -> Reading:
    answer = Answer.YES if state in good else Answer.NO if state in bad else Answer.UNKNOWN
    return Reading(answer, state, f"{guard.title} is {state or 'unreadable'}")


@dataclass(slots=True)
class Watch:
    """The guards of one run, with the memory of since when each has been unknown."""

    guards: Sequence[GuardSpec]
    sources: Sources
    unknown_since: dict[int, float] = field(default_factory=dict)

    def breach(self, now: float) -> Reading | None:
        """Return the first guard that trips, or None. *now* is a monotonic time in seconds."""
        for index, guard in enumerate(self.guards):
            reading = read(guard, self.sources)
            if reading.answer is Answer.NO:
                return reading
            if reading.answer is Answer.YES:
                self.unknown_since.pop(index, None)
                continue
            since = self.unknown_since.setdefault(index, now)
            if now - since > guard.grace_s:
                waited = f"{reading.sentence} for {now - since:.1f} s (grace {guard.grace_s:g} s)"
                return Reading(Answer.UNKNOWN, None, waited)
        return None
