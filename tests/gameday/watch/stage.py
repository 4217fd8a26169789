"""A service on paper: its deployments, its traffic and a clock that only moves when somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gameday.config import Environment, Sampling, Watch
from gameday.watch.rules import plan_of
from gameday.watch.story import Story
from gameday.watch.telling import Delivery
from gameday.watch.values import Crash, Deployment, Good, Period, Traffic
from gameday.watch.watcher import Manner, Stop, Watcher

NOW = 1_795_600_000.0
LAB = Sampling(tick_s=1, period_s=1, look_back_s=8, late_s=1, max_gap_s=4)
GOOD, BAD = {"app": "sha256:" + "a" * 64}, {"app": "sha256:" + "b" * 64}
OLD = Good("revision/1", "family:1", {"app": "registry:5000/app:latest"}, GOOD)
NEW = Deployment("deployment/2", "IN_PROGRESS", NOW, "revision/2", "family:2", BAD, "ecs-svc/2", NOW)


@dataclass(frozen=True)
class Sent:
    """A delivery."""

    channel: str = "paper"
    ok: bool = True
    detail: str = ""
    ref: str = ""


@dataclass
class Stage:
    """Eyes, hands and clock in one; what AWS would answer is set by the test."""

    errors: Callable[[float], float] = lambda at: 0.0  # the error ratio of the period at
    rate: Callable[[float], float | None] = lambda at: 100.0  # requests a period; None: no data
    time: float = NOW + 0.5
    deployed_after_s: float = 5.0
    watched: Deployment = NEW
    newer: Deployment | None = None
    crashed: list[Crash] = field(default_factory=list)
    playing: tuple[str, float] | None = None
    broken: Callable[[str, float], bool] = lambda what, at: False  # whether this call fails
    lost: bool = False  # the answer to the next write is lost
    good: Good | None = OLD
    back_at: float | None = None  # when a rollback was heard
    takes_s: float = 3.0
    calls: list[str] = field(default_factory=list)
    messages: list[tuple[str, str, list[str]]] = field(default_factory=list)

    # -- clock --

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    # -- eyes --

    def newest(self) -> Deployment | None:
        self._ask("newest")
        found = self._now()
        return self.newer or found

    def deployment(self, arn: str) -> Deployment:
        self._ask("deployment")
        found = self._now()
        return self.newer if self.newer and arn == self.newer.arn else found

    def revision(self, arn: str) -> Good:
        return OLD

    def traffic(self, start: float, until: float) -> Traffic:
        self._ask("traffic")
        wanted = ((float(at), self.rate(float(at))) for at in range(int(start), int(until)))
        periods = [Period(at, rate, rate * self._errors(at)) for at, rate in wanted if rate is not None]
        return Traffic(until, tuple(periods), {each.at: 100 * self._errors(each.at) for each in periods})

    def crashes(self, release: Deployment) -> list[Crash]:
        self._ask("crashes")
        return [each for each in self.crashed if each.at <= self.time]

    def running_digests(self) -> dict[str, dict[str, str]]:
        return {"task/1": GOOD if self._is_back() else BAD}

    def experiment(self) -> tuple[str, float] | None:
        return self.playing

    # -- hands --

    def last_good(self, bad: Deployment) -> Good | None:
        return self.good

    def stop(self, deployment: str) -> str:
        return self._write("stop")

    def is_on(self, task_definition: str) -> bool:
        return self.newer is not None

    def update(self, task_definition: str) -> str:
        made = Deployment("deployment/3", "IN_PROGRESS", self.time, "revision/3", "family:3", GOOD)
        self.newer = made
        return self._write("update")

    def by_digest(self, good: Good, story: Story) -> str:
        return "family:3"

    # -- what became of it --

    def _ask(self, what: str) -> None:
        if self.broken(what, self.time):
            raise ConnectionError(f"{what}: Rate exceeded")

    def _write(self, what: str) -> str:
        if self.broken(what, self.time):
            self.newer = None
            raise ConnectionError(f"{what}: Rate exceeded")
        self.calls.append(what)
        self.back_at = self.time
        if self.lost:
            self.lost = False
            raise ConnectionError("the answer was lost")
        return what

    def _is_back(self) -> bool:
        return self.back_at is not None and self.time >= self.back_at + self.takes_s

    def _errors(self, at: float) -> float:
        return 0.0 if self.back_at is not None and at >= self.back_at + self.takes_s else self.errors(at)

    def _now(self) -> Deployment:
        if self.newer is not None and self._is_back():
            self.newer = replace(self.newer, status="SUCCESSFUL")
        if self.back_at is not None and self.newer is None:
            status = "ROLLBACK_SUCCESSFUL" if self._is_back() else "ROLLBACK_IN_PROGRESS"
            return replace(self.watched, status=status, back_to="revision/1", back_at=self.back_at)
        ended = self.watched.created_at + self.deployed_after_s
        if self.watched.status == "IN_PROGRESS" and self.time >= ended:
            return replace(self.watched, status="SUCCESSFUL", finished_at=ended)
        return self.watched


def environment(**watch: object) -> Environment:
    """Return an environment with the lab's pace."""
    return Environment("lab", "eu-west-1", sampling=LAB, name="lab", watch=Watch(**{"observe_s": 10, **watch}))  # type: ignore[arg-type]


def watcher(stage: Stage, folder: Path, manner: Manner | None = None, preset: str = "", **watch: object) -> Watcher:
    """Return a watcher of the stage that records in *folder*."""
    where = environment(**watch)
    story = Story(folder, where, "cluster", "service", plan_of(where, preset))
    story.began = stage.time

    def tell(kind: str, title: str, lines: list[str]) -> list[Delivery]:
        stage.messages.append((kind, title, lines))
        return [Sent()]

    return Watcher(
        stage, stage, stage, story, LAB, tell=tell, say=lambda sentence: None, manner=manner or Manner(), stop=Stop()
    )


def watched(stage: Stage, folder: Path, manner: Manner | None = None, preset: str = "", **watch: object) -> Story:
    """Watch the stage to its end; return the story."""
    one = watcher(stage, folder, manner, preset, **watch)
    one.watch()
    return one.story
