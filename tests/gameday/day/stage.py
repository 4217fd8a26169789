"""A day on a stage: its clock moves when it sleeps, and its experiments end when the script says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gameday.day.child import Child, Ended
from gameday.day.commands import Command
from gameday.day.desk.view import View
from gameday.day.events import Event, Timeline
from gameday.day.hands import Day, Hands, Paged
from gameday.day.plan import CheckItem, Inject, Item, Plan, Roles
from gameday.day.session import Session
from gameday.day.state import DayState, Running, fold

BEGINS = 1_000_000.0


class Killed(BaseException):
    """What a SIGKILL is to a process: nothing after it happens."""


@dataclass
class Machine:
    """What outlives a day's process: the clock, and the experiments that run."""

    takes_s: Mapping[str, float] = field(default_factory=dict)
    ends: Mapping[str, Ended] = field(default_factory=dict)
    now: float = BEGINS
    begun: list[str] = field(default_factory=list)  # every experiment that began, in order
    interrupted: list[str] = field(default_factory=list)
    processes: dict[int, Play] = field(default_factory=dict)


@dataclass
class Play:
    """An experiment as a process of its own."""

    machine: Machine
    name: str
    pid: int
    born: str = "then"
    until: float | None = None
    stopped: bool = False

    def begin(self) -> None:
        """Begin."""
        self.machine.begun.append(self.name)
        self.until = self.machine.now + self.machine.takes_s.get(self.name, 5.0)

    def interrupt(self) -> None:
        """End, with an undo that takes a second."""
        self.machine.interrupted.append(self.name)
        if not self.stopped and self.until is not None:
            self.stopped, self.until = True, self.machine.now + 1.0

    def ended(self) -> Ended | None:
        """Return what came of it."""
        if self.until is None:
            return Ended("interrupted", 130, never=True)
        if self.machine.now < self.until:
            return None
        usual = Ended("held", 0, f"run-{self.name}", 100, 1, hit_at=self.until - 1)
        return (
            Ended("interrupted", 130, f"run-{self.name}") if self.stopped else self.machine.ends.get(self.name, usual)
        )


class Script:
    """A desk whose coordinator presses keys at given seconds of the day."""

    def __init__(self, machine: Machine, keys: Sequence[tuple[float, Command]] = ()) -> None:
        self.machine, self.keys = machine, list(keys)
        self.said: list[str] = []
        self.questions: list[str] = []

    def commands(self) -> list[Command]:
        """Return what is due."""
        due = [key for key in self.keys if BEGINS + key[0] <= self.machine.now]
        self.keys = [key for key in self.keys if key not in due]
        return [command for _, command in due]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.machine.now += seconds

    def show(self, view: View) -> None:
        """Look."""
        if view.question and view.question not in self.questions:
            self.questions.append(view.question)

    def say(self, line: str) -> None:
        """Hear."""
        self.said.append(line)

    def close(self) -> None:
        """Leave."""


@dataclass
class Stage:
    """One plan, to be played by one process or by several after each other."""

    folder: Path
    plan: Plan
    machine: Machine = field(default_factory=Machine)
    attended: bool = False
    refused: Sequence[str] = ()
    keys: Sequence[tuple[float, Command]] = ()
    looks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    looks_from_s: float = 0.0  # before that a look cannot tell
    delays: Mapping[str, float] = field(default_factory=dict)
    stop: Callable[[DayState, float], str] = lambda state, now: ""
    paged: Callable[[str, float], Paged] = lambda name, now: Paged(None, why="nobody reads")
    why_takes_s: float = 0.0
    kill_at: int | None = None  # after so many events of this process
    heard_at: float | None = None
    deaf: bool = False  # no end of an inject is ever seen
    told: list[str] = field(default_factory=list)  # titles
    lines: list[str] = field(default_factory=list)  # and what stood below them
    fired: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    asked_at: float = 0.0

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.folder)
        if not self.timeline.path.exists():
            self.timeline.add("day.opened", at=self.machine.now, pid=1)
        self.desk = Script(self.machine, self.keys)

    def play(self) -> int:
        """Play it to its end, or until the process is killed."""
        timeline = _Mortal(self.folder, self.kill_at)
        self.timeline = timeline
        day = Day(self.plan, str(self.folder), self.attended, self.refused, missed=bool(self.refused))
        heard_at = self.heard_at
        return Session(
            day, self._hands(), self.desk, timeline, now=lambda: self.machine.now, sleep=self.desk.wait,
            heard=lambda: "a signal" if heard_at is not None and self.machine.now >= BEGINS + heard_at else "",
        ).play()  # fmt: skip

    @property
    def events(self) -> list[Event]:
        """All events of the day."""
        return Timeline(self.folder).read()

    @property
    def state(self) -> DayState:
        """Where it stands."""
        return fold(self.events)

    def kinds(self, *wanted: str) -> list[str]:
        """Return `KIND ITEM` of the events of some areas, in order."""
        return [f"{one.kind} {one.item}".strip() for one in self.events if one.kind.split(".")[0] in wanted]

    def _hands(self) -> Hands:
        return Hands(
            start=self._start, again=self._again, look=self._look, fire=self._fire, end=self._end, due=self._due,
            over=self._over, stop=lambda state, events, now: self.stop(state, now),
            paged=lambda name, events, now: self.paged(name, now), why=self._why,
            tell=self._tell, tick=lambda step: step,
        )  # fmt: skip

    def _why(self, alarm: str) -> list[str] | None:
        self.asked_at = self.asked_at or self.machine.now
        return [f"{alarm} has no action"] if self.machine.now >= self.asked_at + self.why_takes_s else None

    def _tell(self, title: str, *lines: str, incident: str = "") -> None:
        self.told.append(title)
        self.lines += lines

    def _start(self, what: Item | Inject) -> Child:
        play = Play(self.machine, what.name, 100 + len(self.machine.processes))
        self.machine.processes[play.pid] = play
        return play

    def _again(self, running: Running) -> Child:
        return self.machine.processes[running.pid]

    def _look(self, line: CheckItem) -> tuple[str, str]:
        if self.machine.now < BEGINS + self.looks_from_s:
            return "unknown", "no data yet"
        found = self.looks.get(str(line.look))
        if found is None:
            raise RuntimeError("crashed")
        return found

    def _due(self, state: DayState) -> dict[str, float]:
        going = {name: item.began for name, item in state.items.items() if item.state == "going on"}
        return {one.name: (going[one.during] or 0) + self.delays.get(one.name, 0.0) for one in self.plan.injects
                if one.during in going and one.name not in state.fired}  # fmt: skip

    def _over(self, state: DayState, now: float) -> list[Inject]:
        return [one for one in self.plan.injects if one.alarm and one.name in state.fired and one.name not in state.over
                and state.item(one.during).state != "going on"]  # fmt: skip

    def _fire(self, inject: Inject) -> None:
        self.fired.append(inject.name)
        self.timeline.add("inject.fired", item=inject.during, at=self.machine.now, name=inject.name, kind=inject.kind)

    def _end(self, inject: Inject) -> None:
        self.ended.append(inject.name)
        if self.deaf:
            return
        self.timeline.add("inject.over", item=inject.during, at=self.machine.now, name=inject.name, complete=True)


class _Mortal(Timeline):
    """A timeline whose process dies right after some event is durable."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        super().__init__(folder)
        self._left = kill_at

    def add(
        self, kind: str, text: str = "", /, *, who: str = "", item: str = "", at: float | None = None, **data: object
    ) -> Event:
        """Append it, and perhaps die."""
        event = super().add(kind, text, who=who, item=item, at=at, **data)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise Killed
        return event


ROLES = Roles("Olga", "Cora")


def plan(*agenda: Item, **more: object) -> Plan:
    """Return a plan with this agenda."""
    return Plan("a day", ROLES, list(agenda), **more)  # type: ignore[arg-type]  # of a test's own words


def experiment(name: str, **more: object) -> Item:
    """Return an item that plays an experiment."""
    return Item(name, experiment=f"{name}.yaml", **more)  # type: ignore[arg-type]


def pause(name: str, pause_s: float) -> Item:
    """Return a pause."""
    return Item(name, pause_s=pause_s)
