"""The order of events of a gate: each experiment once, again only what was inconclusive, nothing that no longer fits.

The budget decides what begins, and never ends what runs: a fault is not cut off by a clock. What is aborted,
interrupted or left changed ends the suite, as with `gameday run`. Several players may share one course.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gameday.engine.runner import ENDS_ALL
from gameday.errors import GamedayError
from gameday.gate.judging import RETRIED, Tried
from gameday.gate.suite import Entry
from gameday.model import Json


@dataclass(frozen=True, slots=True)
class Part:
    """One experiment to play: its place in the suite, its file and name, and how long it is thought to take.

    The name is the file as seen from the suite's root, whatever the working directory: good gates are found by it.
    """

    number: int  # from 0, in the suite
    entry: Entry
    file: Path
    title: str
    takes_s: float
    name: str = ""
    keys: frozenset[str] = frozenset()  # what may be set: its configuration, and the environment's names
    sha256: str = ""  # of the file

    def values(self, given: Mapping[str, Json]) -> dict[str, Json]:
        """Return the values to play it with: the suite's, and of those *given* for all the ones it has."""
        return {**self.entry.set, **{key: value for key, value in given.items() if key in self.keys}}


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a part: its tries, and, with none, why it was not played."""

    part: Part
    tries: tuple[Tried, ...] = ()
    skipped: str = ""

    @property
    def seconds(self) -> float:
        """How long all tries took."""
        return sum(each.seconds for each in self.tries)


Player = Callable[[Part], Tried]
Say = Callable[[str], None]


@dataclass
class Course:
    """What the players of one gate share: the budget, and whether something has ended the suite."""

    budget_s: float
    retries: int
    total: int
    say: Say
    done: list[Played] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    ended: str = ""  # why nothing is played any more

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._lock = threading.Lock()

    @property
    def spent_s(self) -> float:
        """Seconds since the gate began."""
        return self.clock() - self.began

    def play(self, part: Part, player: Player) -> Played:
        """Play one part, with its retries, and keep what came of it; or say why it is not played."""
        tries: list[Tried] = []
        skipped = ""
        while not tries or self._again(part, tries):
            if skipped := self._not_now(part):
                break
            with self._lock:
                left = self.budget_s - self.spent_s
                which = f", try {len(tries) + 1}" if tries else ""
                self.say(f"{part.number + 1} of {self.total}: {part.title}{which} ({left:.0f} s left of the budget)")
            tries.append(self._tried(part, player))
            self._stop_after(part, tries[-1])
        return self._keep(Played(part, tuple(tries), "" if tries else skipped))

    def _tried(self, part: Part, player: Player) -> Tried:
        """Let a player play once. An error of ours is a result too: what was played before must still be told."""
        began = self.clock()
        try:
            return player(part)
        except GamedayError as error:
            return Tried(error.exit_code, self.clock() - began, error=str(error))
        except Exception as error:  # noqa: BLE001  a bug: the gate ends with its exit code, and says where it was
            self.say(traceback.format_exc())
            return Tried(GamedayError.exit_code, self.clock() - began, error=f"{type(error).__name__}: {error}")

    def _again(self, part: Part, tries: Sequence[Tried]) -> bool:
        """Whether the last try may be repeated: it said nothing, and there are retries left."""
        if tries[-1].verdict not in RETRIED or len(tries) > self.retries:
            return False
        reason = tries[-1].why[0] if tries[-1].why else "no reason"
        self.say(f"{part.title}: {tries[-1].verdict} ({reason})")
        return True

    def _not_now(self, part: Part) -> str:
        if self.ended:
            return self.ended
        left = self.budget_s - self.spent_s
        if part.takes_s > left:
            return f"about {part.takes_s:.0f} s do not fit into the {max(left, 0):.0f} s left of {self.budget_s:.0f} s"
        return ""

    def _stop_after(self, part: Part, tried: Tried) -> None:
        if tried.exit in ENDS_ALL and not self.ended:
            self.ended = f"{part.title} was {tried.verdict or 'stopped'}, which ends the suite"

    def _keep(self, played: Played) -> Played:
        with self._lock:
            self.done.append(played)
            if played.skipped:
                self.say(f"{played.part.number + 1} of {self.total}: {played.part.title}: not played, {played.skipped}")
        return played


def one_after_another(parts: Sequence[Part], course: Course, player: Player) -> None:
    """Play every part with one player."""
    for part in parts:
        course.play(part, player)


def side_by_side(parts: Sequence[Part], course: Course, players: Sequence[Player], stop: Callable[[], None]) -> None:
    """Play parts at the same time, each player one at a time, in the suite's order.

    On an interrupt nothing more begins, *stop* asks what runs to end, and its undo is waited for.
    """
    waiting = list(parts)
    threads = [threading.Thread(target=_take, args=(waiting, course, player)) for player in players]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(timeout=0.2)
    except KeyboardInterrupt:
        course.ended = "the gate was interrupted"
        stop()
        _wait(threads)
        raise


def _wait(threads: Sequence[threading.Thread]) -> None:
    """Wait until all is undone, however often somebody says stop: the labs go down after this."""
    while any(thread.is_alive() for thread in threads):
        with suppress(KeyboardInterrupt):
            for thread in threads:
                thread.join()


def _take(waiting: list[Part], course: Course, player: Player) -> None:
    while True:
        try:
            part = waiting.pop(0)  # one step of the interpreter: two players never take the same
        except IndexError:
            return
        course.play(part, player)
