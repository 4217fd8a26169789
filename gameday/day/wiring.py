"""A day with everything it needs: the environment, the experiments as processes, channels, people, injects."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.aws import Aws
from gameday.block import block_in
from gameday.config import Environment
from gameday.day import calendar, clock, injects, looks, stops
from gameday.day.child import Child, Place, Process, start
from gameday.day.desk import live
from gameday.day.events import Event, Timeline
from gameday.day.folder import Opened
from gameday.day.hands import Book, Clocks, Day, Hands, Paged
from gameday.day.later import Later
from gameday.day.notes import find, named, steps, tick
from gameday.day.plan import CheckItem, Inject, Item
from gameday.day.state import DayState, Running
from gameday.day.telling import Aside, Teller, chosen, threads
from gameday.engine.settling import undo_run
from gameday.errors import GamedayError, Refusal
from gameday.model import Json
from gameday.notify import Channels, Notifier
from gameday.people.readers import Readers
from gameday.people.why import why_no_page
from gameday.record import Record
from gameday.redact import Redactor
from gameday.safety.process import Mortal
from gameday.source import Source

SETTLED_WITHIN_S = 60.0  # a watchman that puts things back is waited for
READ_EVERY_S = 3.0
UNATTENDED_S = 120.0  # how long the end of an incident is waited for when nobody can say go


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a day is played."""

    opened: Opened
    environment: Environment
    suite: Path
    runs: Path
    channels: Channels
    redact: Redactor
    sure: bool = False  # nobody is asked any more
    environ: Mapping[str, str] | None = None  # of the experiments: the shell's, before an environment was put into it

    @property
    def timeline(self) -> Timeline:
        """The day's events."""
        return self.opened.timeline


class Wiring:
    """Makes the hands of a day."""

    def __init__(self, setting: Setting, aside: Aside) -> None:
        self.here, self.plan, self.aside = setting, setting.opened.plan, aside
        self.aws = Aws(setting.environment)
        on = setting.environment.name
        abort = f"`a` at the coordinator's desk, or gameday halt --on {on}"
        self.notifier = Notifier(chosen(setting.channels, self.plan), setting.opened.folder.name, abort,
                                 self.plan.roles.owner, True, setting.redact,
                                 threads(setting.timeline.read()))  # fmt: skip
        self.injector = injects.Injector(
            self.plan, setting.environment, self.aws, setting.timeline, self.notifier, setting.redact
        )
        self._putting = Aside(lambda error: None)  # what an inject does, beside the messages: those may be slow
        self._whys: Later[list[str]] = Later(lambda error: [f"not known: {type(error).__name__}: {error}"])
        self._looks: Later[tuple[str, str]] = Later(lambda error: ("unknown", f"{type(error).__name__}: {error}"))
        self._books: dict[str, Book] = {}
        self._findings: dict[str, Mapping[str, Json]] = {}
        self._clocks: tuple[tuple[int, float], Sequence[clock.Clock]] = ((0, 0), ())

    def day(self, attended: bool, other: Path | None = None, at_will: bool = False) -> Day:
        """Return the day, and why it may not begin now. One that people sit at begins whenever they like.

        *other* is the folder of the day that goes on here already; *at_will*: an unattended one does so, too.
        """
        plan, environment, now = self.plan, self.here.environment, time.time()
        late = "" if attended or at_will else calendar.too_late(plan, now)
        refused = [late] if late else calendar.frozen(plan, environment, now)
        refused = [*refused, *([f"{other.name} goes on on {environment.name} already"] if other else [])]
        patience_s = plan.bands.mitigate_s if attended else UNATTENDED_S
        return Day(plan, str(self.here.opened.folder), attended, refused, bool(late), patience_s)

    def hands(self) -> Hands:
        """Return everything that the session does through others."""
        return Hands(
            start=self.start, again=self.again, look=self.look, fire=self._fire, end=self._end,
            due=lambda state: injects.due_at(self.plan, state, self.here.opened.drawn),
            over=lambda state, now: injects.over(self.plan, state, now),
            stop=self._stop, paged=self.paged, why=self._why,
            tell=Teller(self.plan, self.notifier, self.here.timeline, self.aside),
            tick=lambda step: tick(self.here.timeline, step, self.here.suite, self.plan.roles.coordinator),
            live=self._live, clocks=self.clock_lines, book=self.book,
        )  # fmt: skip

    # -- experiments --------------------------------------------------------------------------------------------

    def start(self, what: Item | Inject) -> Child:
        """Start the experiment of an item or an inject, waiting."""
        place = self._place(what.name)
        words = ["run", str(place.file), "--on", self.here.environment.name, "--json", "--runs", str(place.runs)]
        for key, value in self.here.opened.values.get(what.name, {}).items():
            words += ["--set", f"{key}={json.dumps(value)}"]
        return start([*words, *(["--yes"] if self.here.sure else [])], place, self.here.environ)

    def again(self, running: Running) -> Child:
        """Return the experiment that ran when the day's process died."""
        place = self._place(running.inject or running.item)
        return Process(Mortal(running.pid, running.born), place, running.since)

    def _place(self, name: str) -> Place:
        folder = self.here.opened.folder
        out, log = folder / f"item-{name}.findings.json", folder / f"item-{name}.log"
        return Place(self.here.opened.files[name], self.here.runs.resolve(), out, log, self.settle)

    def settle(self, folder: Path) -> tuple[bool, str]:
        """Put back what a killed run left. Return whether nothing is left changed, and a sentence."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while True:
            try:
                outcome = undo_run(folder, self.here.environment)
            except Refusal as error:
                if time.monotonic() > deadline:
                    return False, str(error)
                time.sleep(0.2)
            else:
                return not outcome.failures, "; ".join(outcome.failures) or outcome.sentence

    # -- looks, injects, stop rules -----------------------------------------------------------------------------

    def look(self, line: CheckItem) -> tuple[str, str] | None:
        """Return the answer to a look of the go/no-go list, and a sentence; None: it looks."""
        found = self._looks.ask(str(line.look), lambda: self._look(line))
        self._looks.forget(str(line.look))  # the next look is a new one
        return found

    def _look(self, line: CheckItem) -> tuple[str, str]:
        here = self.here
        file = here.opened.folder / "plan.yaml"
        told = Record(here.opened.folder).document("plan.json").get("plan")
        if isinstance(told, dict):
            file = Path(str(told.get("file")))
        own = here.opened.folder.resolve()
        return looks.look(line, self.plan, here.environment, self.aws, here.runs, here.suite, file, own)

    def close(self, within_s: float) -> None:
        """Wait until what was put in has ended and is told, for a bounded time each."""
        self._putting.close(within_s)
        self.injector.close(within_s)

    def _fire(self, inject: Inject) -> None:
        self._putting.do(lambda: self.injector.fire(inject))

    def _end(self, inject: Inject) -> None:
        self._putting.do(lambda: self.injector.end(inject))

    def _stop(self, state: DayState, events: Sequence[Event], now: float) -> str:
        told = self._live(state.running) if state.running else None
        try:
            return stops.stop(
                self.plan, state, events, now, requests=_count(told, "requests"), errors=_count(told, "errors")
            )
        except Exception as error:  # noqa: BLE001  a rule that cannot be looked at stops the day
            return f"the stop rules could not be looked at: {type(error).__name__}: {error}"

    def _live(self, running: Running) -> live.Live | None:
        return live.read(self.here.runs, running.pid, running.since)

    # -- people -------------------------------------------------------------------------------------------------

    def paged(self, name: str, events: Sequence[Event], now: float) -> Paged:
        """Return whether the page came that the item or inject called *name* expects."""
        found = next((one for one in self._clock(events, now, now) if one.name == name), None)
        if found is None:
            return Paged(None, why="the people's clock could not be read")
        page = found.step("page")
        came = page.met if page.at is None or page.met is not None else True
        until = found.hit_at + page.band_s if found.hit_at is not None and page.band_s is not None else 0.0
        return Paged(came, found.step("resolve").at is not None, page.why, until)

    def _why(self, alarm: str) -> list[str] | None:
        return self._whys.ask(alarm, lambda: why_no_page(self.aws, alarm))

    def clock_lines(self, events: Sequence[Event], now: float) -> Clocks:
        """Return the people's clock of the newest hit, a line a step, and when it was."""
        hit = [one for one in self._clock(events, now) if one.hit_at is not None]
        return (
            ([(step.name, step.after_s, step.band_s) for step in hit[-1].steps], hit[-1].hit_at) if hit else ((), None)
        )

    def book(self, item: Item | None) -> Book:
        """Return the runbook of what goes on, and its steps: the item's, its experiment's, or the plan's first."""
        key = item.name if item else ""
        if key not in self._books:
            self._books[key] = self._read_book(item)
        return self._books[key]

    def _read_book(self, item: Item | None) -> Book:
        with suppress(GamedayError):
            files = self.here.opened.files
            block = block_in(Source.yaml(files[item.name])) if item and item.experiment else None
            own = (item.runbook if item else "") or (block.runbook if block else "")
            name = own or next(iter(self.plan.runbooks), "")
            if name:
                path = find(name, self.here.suite)
                return named(path, self.here.suite), steps(path)
        return "", ()

    def _clock(self, events: Sequence[Event], now: float, turn: float | None = None) -> Sequence[clock.Clock]:
        """Return the clocks as of *now*; once a *turn* (default: a second), for a limit may end within one."""
        key = len(events), int(now) if turn is None else turn
        if self._clocks[0] != key:
            found: Sequence[clock.Clock] = ()
            with suppress(Exception):  # what cannot be told of people is not known, and ends no day
                found = clock.clocks(self.plan, events, self._runs(events), now)
            self._clocks = key, found
        return self._clocks[1]

    def _runs(self, events: Sequence[Event]) -> Mapping[str, Mapping[str, Json]]:
        """Return the findings of the experiments so far; of the one that goes on as much as is known."""
        last = None
        for event in events:
            run = str(event.data.get("run") or "")
            if event.kind in ("run.started", "run.ended"):
                last = event
            if event.kind == "run.ended" and run and (name := _name(event)) not in self._findings:
                self._findings[name] = Record(self.here.runs / run).document("findings.json")
        if last is None or last.kind == "run.ended":
            return self._findings
        told = live.read(self.here.runs, int(str(last.data.get("pid") or 0)), last.at)
        marks = Record(self.here.runs / told.run).marks() if told else []
        return {**self._findings, _name(last): clock.going_on(marks)}


def _count(told: live.Live | None, name: str) -> int:
    return int((told.figures.get(name) if told else None) or 0)


def _name(event: Event) -> str:
    return str(event.data.get("inject") or event.item)


class Ears:
    """Writes down what people do, from a thread of its own."""

    def __init__(self, setting: Setting, say: Callable[[str], None]) -> None:
        events = setting.timeline.read()
        known = {str(event.data["key"]) for event in events if "key" in event.data}
        plan = setting.opened.plan
        expected = [each.expect for each in plan.agenda] + [each.expect for each in plan.injects]
        alarms = {one.page for one in expected if one} | {inject.alarm for inject in plan.injects}
        since = min((event.at for event in events), default=time.time())
        self._readers = Readers(
            setting.environment, Aws(setting.environment), since, known, alarms - {""}, setting.redact
        )
        self._timeline, self._say, self._over = setting.timeline, say, threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True, name="gameday-people")

    def __enter__(self) -> Ears:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(READ_EVERY_S + 10)

    def _listen(self) -> None:
        """Read until the day is over, and once more then."""
        while True:
            last = self._over.is_set()
            try:
                for seen in self._readers.new():
                    data = {key: value for key, value in seen.data.items() if key not in ("who", "item", "at", "key")}
                    self._timeline.add(seen.kind, seen.text, who=seen.who, item="", at=seen.at, key=seen.key, **data)
            except Exception as error:  # noqa: BLE001  what is not read of people never ends the day
                self._say(f"people could not be read: {type(error).__name__}: {error}")
            if last:
                return
            self._over.wait(READ_EVERY_S)
