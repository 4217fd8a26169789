"""What is put into a day while an item goes on: a message, an alarm, a person who leaves, another experiment.

When each comes is drawn once from the plan's seed. Whatever is put in is written down first and done then: a day that
was killed in between does nothing twice. People always know it for practice: every message begins with [GAME DAY].
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gameday.aws import Aws
from gameday.config import Environment
from gameday.day.alarming import Alarming
from gameday.day.events import Timeline
from gameday.day.plan import Inject, Plan
from gameday.day.state import DayState, fold
from gameday.errors import GamedayError, Refusal
from gameday.model import iso
from gameday.notify import Delivery, Notifier
from gameday.redact import Redactor

SUITE = "the suite"
KIND = "game day"  # of every message: practice, whoever hears it


def draw(plan: Plan, seed: int | None = None) -> dict[str, float]:
    """Return {inject: seconds after the begin of its item}, drawn by *seed* (the plan's) and the inject's own name.

    The order in the file does not matter, nor what other injects there are.
    """
    chosen = plan.seed if seed is None else seed
    drawn = {}
    for inject in plan.injects:
        lot = random.Random(f"{chosen}/{inject.name}")
        drawn[inject.name] = round(lot.uniform(min(inject.after_s), max(inject.after_s)), 3)
    return drawn


def due_at(plan: Plan, state: DayState, drawn: Mapping[str, float]) -> dict[str, float]:
    """Return {inject: when it is due, in seconds since the epoch} of those whose item goes on and that are to come."""
    found = {}
    for inject in plan.injects:
        item = state.items.get(inject.during)
        if item and item.state == "going on" and item.began is not None and _to_come(state, inject):
            found[inject.name] = item.began + drawn.get(inject.name, 0.0)
    return dict(sorted(found.items(), key=lambda each: each[1]))


def due(plan: Plan, state: DayState, drawn: Mapping[str, float], now: float) -> list[Inject]:
    """Return the injects to put in now, the one that was due first first; none while the day is held or ends."""
    if state.phase != "begun":
        return []
    named = {inject.name: inject for inject in plan.injects}
    return [named[name] for name, at in due_at(plan, state, drawn).items() if at <= now]


def over(plan: Plan, state: DayState, now: float) -> list[Inject]:
    """Return the injects that were put in and whose effect is to end now.

    After `for_s`; an alarm at the end of its item at the latest, a person's absence with the day.
    """
    return [inject for inject in plan.injects if _lasts(state, inject) and _is_over(state, inject, now)]


def missed(plan: Plan, state: DayState) -> list[Inject]:
    """Return the injects that never came: their item was over, or left out, before they were due."""
    gone = {name for name, item in state.items.items() if item.state in ("ended", "skipped")}
    every = state.phase == "ended"
    return [one for one in plan.injects if _to_come(state, one) and (every or one.during in gone)]


def _to_come(state: DayState, inject: Inject) -> bool:
    return inject.name not in state.fired and inject.name not in state.failed


def _lasts(state: DayState, inject: Inject) -> bool:
    return inject.kind in ("alarm", "leaves") and inject.name in state.fired and inject.name not in state.over


def _is_over(state: DayState, inject: Inject, now: float) -> bool:
    if state.phase in ("aborting", "ended") or (inject.for_s and now >= state.fired[inject.name] + inject.for_s):
        return True
    return inject.kind == "alarm" and state.item(inject.during).state in ("ended", "skipped")


class Injector:
    """Puts messages, alarms and absences into one day. Experiments are played by the day's session."""

    def __init__(
        self, plan: Plan, environment: Environment, aws: Aws, timeline: Timeline, notifier: Notifier, redact: Redactor
    ) -> None:
        self.plan = plan
        self.timeline = timeline
        self.notifier = notifier
        self.alarming = Alarming(plan, environment, aws, timeline, redact)
        self._telling: list[threading.Thread] = []

    def fire(self, inject: Inject) -> None:
        """Put *inject* in, and write down that it was, or why it could not be. Never raises, never waits for a channel.

        What became of a message is an event of its own, once it is known; `close` waits for those.
        """
        acts = {"message": self._say, "alarm": self._alarm, "leaves": self._leave}
        try:
            if (phase := fold(self.timeline.read()).phase) in ("aborting", "ended"):
                raise Refusal(f"the day is {phase}: nothing is put in any more")
            acts.get(inject.kind, self._nothing)(inject)
        except Exception as error:  # noqa: BLE001  an inject that fails never ends the day; the timeline says why
            self._failed(inject, error)

    def end(self, inject: Inject) -> None:
        """End what *inject* did, and write down what was read back. Idempotent; never raises."""
        if not _lasts(fold(self.timeline.read()), inject):
            return
        if inject.kind == "leaves":
            self._return(inject)
            return
        said, complete = self.alarming.put_back(inject.alarm)
        self._note("inject.over", said, inject, complete=complete)

    def left(self) -> list[str]:
        """Return what injects changed and nobody has put back, with the command that does; none is as it should be."""
        return self.alarming.left()

    def close(self, within_s: float) -> None:
        """Wait until every message is out, or given up, for a bounded time."""
        until = time.monotonic() + within_s
        for thread in self._telling:
            thread.join(max(0.0, until - time.monotonic()))

    def _say(self, inject: Inject) -> None:
        self._fired(inject, inject.message)
        self._tell(inject, inject.message)

    def _alarm(self, inject: Inject) -> None:
        self.alarming.refuse(inject.alarm)
        what = f"the alarm {inject.alarm} is put into ALARM by hand; nothing is broken"
        if inject.announced:
            self._tell(inject, what)
        self._fired(inject, what)
        try:
            self.alarming.set_off(inject.alarm)
        except Exception:  # the answer may be lost, and the alarm set off all the same
            said, complete = self.alarming.put_back(inject.alarm)
            self._note("inject.over", said, inject, complete=complete)
            raise

    def _leave(self, inject: Inject) -> None:
        gone = f"{inject.leaves} leaves {_how_long(inject)}, and others take over"
        if inject.announced:
            self._fired(inject, gone)
            self._tell(inject, gone)
        else:
            self._fired(inject, f"{gone}; tell {inject.leaves}, and nobody else")

    def _return(self, inject: Inject) -> None:
        back = f"{inject.leaves} is back"
        self._note("inject.over", back, inject)
        if inject.announced:
            self._tell(inject, back)

    def _nothing(self, inject: Inject) -> None:
        raise Refusal(f"{inject.name} is played as an experiment, not put in")

    def _fired(self, inject: Inject, text: str) -> None:
        self._note("inject.fired", text, inject, announced=inject.announced)

    def _failed(self, inject: Inject, error: Exception) -> None:
        why = str(error) if isinstance(error, GamedayError) else f"{type(error).__name__}: {error}"
        with suppress(OSError):  # a full disk: the day itself ends by it, and this must not
            self._note("inject.failed", why, inject)

    def _note(self, kind: str, text: str, inject: Inject, **more: bool) -> None:
        facts: dict[str, Any] = {"name": inject.name, "kind": inject.kind, **more}
        if inject.leaves:
            facts["leaves"] = inject.leaves
        self.timeline.add(kind, text, who=inject.leaves or SUITE, item=inject.during, **facts)

    def _tell(self, inject: Inject, title: str) -> None:
        """Say it in the inject's channels, the plan's, or all, without waiting for them."""
        channels = self.notifier.channels
        known = channels.environment.channels if inject.to else channels.named
        wanted = inject.to or self.plan.channels or list(known)
        named = {name: known[name] for name in wanted if name in known}
        some = replace(self.notifier, channels=replace(channels, named=named))  # the threads of messages are the same
        lost = [
            Delivery(name, False, "there is no such channel", iso(time.time())) for name in wanted if name not in known
        ]

        def tell() -> None:
            deliveries = [each.as_json() for each in (*some.tell(KIND, title, []), *lost)]
            with suppress(OSError):  # a full disk: the day itself ends by it
                facts: dict[str, Any] = {"deliveries": deliveries, "inject": inject.name}
                self.timeline.add("told", title, who=SUITE, item=inject.during, **facts)

        self._telling.append(threading.Thread(target=tell, daemon=True, name=f"gameday-inject-{inject.name}"))
        self._telling[-1].start()


def _how_long(inject: Inject) -> str:
    return f"for {inject.for_s:g} s" if inject.for_s else "until the end of the day"
