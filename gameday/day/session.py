"""One game day from its go/no-go list to its end, whoever sits at the desk.

A loop looks at everything a few times a second: what the coordinator wants, which inject is due, whether the experiment
has ended, whether a stop rule says enough. What it decides next it reads from the day's own events, so the process
that goes on after a crash knows what its forerunner knew. Nothing here waits but the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gameday.day import playing
from gameday.day.checking import Checking
from gameday.day.child import Child, Ended
from gameday.day.commands import Command, Desk
from gameday.day.desk.keys import note_parts
from gameday.day.desk.view import View
from gameday.day.events import Timeline
from gameday.day.hands import Day, Hands, Paged
from gameday.day.injects import missed
from gameday.day.plan import Inject, Item
from gameday.day.standing import Standing
from gameday.day.state import DayState, Running

TICK_S = 0.25
AGAIN_S = 5.0  # between two interrupts: one that comes while the interpreter starts may be lost, more do no harm
SEEN_S = 6.0  # a page that came in time may be read so much later
ENDING_S = 30.0  # how long the end of an inject is waited for


class Session:
    """Plays a day. Nothing that an experiment, a channel or a coordinator does makes it raise."""

    def __init__(
        self, day: Day, hands: Hands, desk: Desk, timeline: Timeline, *, heard: Callable[[], str] = lambda: "",
        now: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.day, self.plan, self.hands, self.desk = day, day.plan, hands, desk
        self.at = Standing(timeline, now)
        self.checking = Checking(day, hands, self.at)
        self._heard, self._now, self._sleep = heard, now, sleep
        self._child: Child | None = None
        self._go = False
        self._interrupted_at = self._ending_since = 0.0
        self._asked: set[str] = set()  # of injects: what may not stand in the events yet, because others write it
        self._paged_since: dict[str, float] = {}

    @property
    def state(self) -> DayState:
        """Where the day stands."""
        return self.at.state

    def play(self) -> int:
        """Play the day from where its events stand to its end, and return its exit code. Raises OSError: no disk."""
        self.at.refresh()
        if self.state.phase == "held" and not self.day.attended:
            self.at.add("day.continued", "nobody is there who could say go")
        while self.state.phase != "ended":
            self.turn()
            self._sleep(TICK_S)
        self._show()
        return self.state.exit or 0

    def turn(self) -> None:
        """Look at everything once, and do what is to be done now."""
        self.at.refresh()
        for command in self.desk.commands():
            self._do(command)
        if self.state.phase not in ("aborting", "ended") and (why := self._heard()):
            self.at.add("day.aborting", why, signal=True)
        if self.state.phase == "opened":
            if not self.checking.turn(self._go):
                self._end()
        elif self.state.phase != "ended":
            self._watch()
            self._rules()
            self._put_in()
            self._go_on()
        self._go = False  # a go that nobody waited for is no go for what comes later
        self._show()

    # -- what the coordinator wants ---------------------------------------------------------------------------------

    def _do(self, command: Command) -> None:
        if command.kind == "abort":
            self._abort(f"aborted by {self._coordinator}" + (f": {command.text}" if command.text else ""))
        elif command.kind == "go":
            self._may_go()
        elif command.kind == "hold" and self.state.phase == "begun":
            self.at.add("day.held", "nothing new begins", who=self._coordinator)
            self.hands.tell("held: nothing new begins until the coordinator says go")
        elif command.kind == "note" and command.text:
            about, text = note_parts(command.text)
            self.at.add("note", text, who=self._coordinator, item=self._item_now, about=about)
        elif command.kind == "tick":
            self._tick(command.text)
        elif command.kind == "answer":
            self._go = self.checking.answer(command.text) or self._go
        elif command.kind == "inject":
            self._inject_now(command.text)

    @property
    def _coordinator(self) -> str:
        return self.plan.roles.coordinator

    @property
    def _item_now(self) -> str:
        return next((name for name, item in self.state.items.items() if item.state == "going on"), "")

    def _may_go(self) -> None:
        if self.state.phase == "held":
            self.at.add("day.continued", "go", who=self._coordinator)
            self.hands.tell("goes on")
        else:
            self._go = True  # what it is for is decided where somebody waits for it, in this turn

    def _tick(self, step: str) -> None:
        try:
            self.hands.tick(step)
        except Exception as error:  # noqa: BLE001  a slip at the keyboard never ends a day
            self.desk.say(f"{step} was not ticked: {error}")

    def _inject_now(self, name: str) -> None:
        coming = self.hands.due(self.state)
        wanted = name or next(iter(coming), "")
        inject = next((each for each in self.plan.injects if each.name == wanted and wanted in coming), None)
        if inject is None:
            self.desk.say(f"no inject {name!r} is to come while this goes on" if name else "no inject is to come now")
        elif self.state.phase == "begun":
            self._fire(inject)
        else:
            self.desk.say(f"{inject.name} does not come while the day is {self.state.phase}; say go first")

    def _abort(self, why: str) -> None:
        if self.state.phase not in ("aborting", "ended"):
            self.at.add("day.aborting", why)
            self.hands.tell("aborting: what runs is ended and put back", why)

    # -- experiments ------------------------------------------------------------------------------------------------

    def _start(self, what: Item | Inject, item: str) -> None:
        """Start an experiment: first it is written down as what process it runs, then it may begin."""
        inject = what.name if isinstance(what, Inject) else ""
        self._child, self._interrupted_at = self.hands.start(what), 0.0
        self.at.add("run.started", f"{what.name} runs", item=item, pid=self._child.pid, born=self._child.born,
                  file=what.experiment, inject=inject)  # fmt: skip
        self._child.begin()

    def _watch(self) -> None:
        """Look after the experiment that runs: take its end, or ask for it."""
        running = self.state.running
        if running is None:
            return
        if self._child is None:
            self._child = self.hands.again(running)
        ended = self._child.ended()
        if ended is None:
            if self.state.phase == "aborting" and self._now() >= self._interrupted_at + AGAIN_S:
                self._interrupted_at = self._now()
                self._child.interrupt()
            return
        self._child = None
        if ended.never and self.state.phase != "aborting":
            named: list[Item | Inject] = [*self.plan.agenda, *self.plan.injects]
            wanted = running.inject or running.item
            self._start(next(one for one in named if one.name == wanted), running.item)
        else:
            self._ran(running, ended)

    def _ran(self, running: Running, ended: Ended) -> None:
        self.at.add("run.ended", ended.why, item=running.item, verdict=ended.verdict, exit=ended.exit, run=ended.run,
                  requests=ended.requests, errors=ended.errors, hit_at=ended.hit_at, inject=running.inject)  # fmt: skip
        item = next((each for each in self.plan.agenda if each.name == running.item), None)
        if item and item.announced and not running.inject:
            self.hands.tell(f"{item.name}: {ended.verdict}", *([ended.why] if ended.why else []), f"Run: {ended.run}")

    # -- injects and stop rules -------------------------------------------------------------------------------------

    def _rules(self) -> None:
        if playing.is_left(self.plan, self.state) and (why := self.hands.stop(self.state, self.at.events, self._now())):
            self._abort(why)

    def _put_in(self) -> None:
        self._end_injects()
        if self.state.phase != "begun":
            return
        for name, at in self.hands.due(self.state).items():
            if at <= self._now():
                self._fire(next(each for each in self.plan.injects if each.name == name))
        owed = [each for each in self.plan.injects if each.experiment and each.name in self.state.fired]
        for inject in owed:
            if inject.name not in self.state.ran and self.state.running is None:
                self._start(inject, inject.during)

    def _fire(self, inject: Inject) -> None:
        """Put something in. An experiment is written down here and started in its turn; for others see `injects`."""
        if inject.name in self._asked or inject.name in self.state.fired:
            return
        self._asked.add(inject.name)
        if not inject.experiment:
            self.hands.fire(inject)
        else:
            self.at.add("inject.fired", f"the experiment {inject.experiment}", item=inject.during, name=inject.name,
                      kind=inject.kind, announced=inject.announced)  # fmt: skip

    def _end_injects(self) -> bool:
        """End what is over; return whether something has not come or not ended yet, for a bounded time."""
        over = self.hands.over(self.state, self._now())
        for inject in over:
            if f"{inject.name} is over" not in self._asked:
                self._asked.add(f"{inject.name} is over")
                self.hands.end(inject)
        known = {*self.state.fired, *self.state.failed}
        pending = bool(over) or any(one.name in self._asked and one.name not in known for one in self.plan.injects)
        self._ending_since = self._ending_since or self._now() if pending else 0.0
        return pending and self._now() < self._ending_since + ENDING_S

    def _unended(self) -> None:
        """Write down what may still be changed, because nobody has answered in time whether it is put back."""
        known = {*self.state.fired, *self.state.failed}
        for inject in self.plan.injects:
            lost = inject.name in self._asked and inject.name not in known
            if inject.alarm and (lost or inject in self.hands.over(self.state, self._now())):
                left = f"whether {inject.alarm} is put back was not known within {ENDING_S:g} s; `gameday undo` does it"
                self.at.add("inject.over", left, item=inject.during, name=inject.name, kind=inject.kind, complete=False)

    # -- the agenda -------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Let the agenda go on by one thing."""
        if self.state.running is not None:
            return
        item = playing.next_item(self.plan, self.state)
        if item is None or self.state.phase == "aborting":
            if not self._end_injects():
                self._end()
        elif self.state.item(item.name).state == "open":
            if self.state.phase == "begun":
                self._begin(item)
        elif item.experiment and self.state.item(item.name).ran is None:
            self._start(item, item.name)
        else:
            self._finish(item)

    def _begin(self, item: Item) -> None:
        if why := playing.unmet(item.only_if, item, self.plan, self.state):
            self.at.add("item.skipped", why, item=item.name, planned=True)
            return
        self.at.add("item.begun", item.note, item=item.name)
        if item.announced:
            self.hands.tell(f"{item.name} begins", *([item.note] if item.note else []))

    def _finish(self, item: Item) -> None:
        """End a pause whose time is over, or an experiment that has ended, once the pages they are to cause came."""
        there, now = self.state.item(item.name), self._now()
        if not self._go:
            owed = any(each.experiment and each.name in self.state.fired and each.name not in self.state.ran
                       for each in self.plan.injects if each.during == item.name)  # fmt: skip
            if owed or now < (there.began or now) + (item.pause_s or 0.0) or self._waits(item, now):
                return
        if not all(self._explained(each, now) for each in playing.awaited(item, self.plan, self.state)):
            return
        paged = self._judged(item, now)
        came = [name for name, known in paged if known]
        unknown = "; ".join(sentence for sentence, known in paged if known is None)
        self.at.add("item.ended", who="", item=item.name, **self._result(item), paged=came, unknown=unknown)
        for inject in missed(self.plan, self.state):
            if inject.during == item.name and inject.name not in self._asked:
                checks = bool(inject.experiment or inject.alarm or inject.expect)
                self.at.add("inject.failed", f"{item.name} was over before it was due", item=item.name,
                            name=inject.name, kind=inject.kind, counts=checks)  # fmt: skip

    def _result(self, item: Item) -> dict[str, object]:
        there = self.state.item(item.name)
        if not item.experiment:
            return {}
        return {"verdict": there.verdict, "exit": there.exit, "run": there.run, "requests": there.requests,
                "errors": there.errors}  # fmt: skip

    def _waits(self, item: Item, now: float) -> bool:
        """Return whether a page is still to come, or its incident to end within a bounded time."""
        for each in playing.awaited(item, self.plan, self.state):
            paged = self.hands.paged(each.name, self.at.events, now)
            if not paged.came and not _is_late(each, paged, now):
                return True
            if paged.came and not paged.over:
                since = self._paged_since.setdefault(each.name, now)
                if now < since + self.day.resolved_within_s:
                    return True
        return False

    def _explained(self, each: playing.Awaited, now: float) -> bool:
        """Return whether it is known why a page did not come, if it did not; who says go does not wait for it."""
        paged = self.hands.paged(each.name, self.at.events, now)
        late = paged.came is False and _is_late(each, paged, now)
        return not late or self.hands.why(each.expect.page) is not None or self._go

    def _judged(self, item: Item, now: float) -> list[tuple[str, bool | None]]:
        """Return (name or sentence, whether the page came) of each page that was awaited; write down what is missed."""
        unhit = playing.unhit(item, self.plan, self.state)
        found: list[tuple[str, bool | None]] = [(f"{name}: no fault was seen that could page", None) for name in unhit]
        for each in playing.awaited(item, self.plan, self.state):
            paged = self.hands.paged(each.name, self.at.events, now)
            if paged.came is False and _is_late(each, paged, now):
                text = f"{each.name}: {paged.why or 'the page never came'}"
                self.at.add("people.missed", text, item=item.name, name=each.name, alarm=each.expect.page,
                            why=self.hands.why(each.expect.page) or [])  # fmt: skip
                found.append((each.name, False))
            elif paged.came:
                found.append((each.name, True))
            else:
                early = f"the day went on before {each.expect.within_s:g} s were over"
                why = paged.why if paged.came is None else early
                found.append((f"{each.name}: whether a page came is not known: {why}", None))
        return found

    def _end(self) -> None:
        """End the day: with a word about everything that was not played."""
        for item in self.plan.agenda if self.state.phase != "opened" else ():
            there = self.state.item(item.name).state
            if there == "open":
                self.at.add("item.skipped", "the day ended before", item=item.name)
            elif there == "going on":
                self.at.add("item.ended", "the day ended", who="", item=item.name, **self._result(item))
        self._unended()
        found = playing.outcome(self.at.events)
        self.at.add("day.ended", found.why[0] if found.why else "", outcome=found.word, exit=found.exit, why=found.why)
        self.hands.tell(f"ended: {found.word}", *found.why, incident="resolve")
        self._end_injects()

    # -- what is known, and what is shown ---------------------------------------------------------------------------

    def _show(self) -> None:
        state, events, now = self.state, self.at.events, self._now()
        item = next((each for each in self.plan.agenda if state.item(each.name).state == "going on"), None)
        live = self.hands.live(state.running) if state.running else None
        clocks, hit_at = self.hands.clocks(events, now)
        self.desk.show(
            View(self.plan, state, events, now, live, self.hands.due(state), self.checking.question, self.day.folder,
                 clocks, hit_at, *self.hands.book(item))
        )  # fmt: skip


def _is_late(each: playing.Awaited, paged: Paged, now: float) -> bool:
    """Return whether a page that has not been seen by now did not come in time."""
    return now >= max(each.until, paged.until) + SEEN_S
