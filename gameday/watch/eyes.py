"""What a watcher sees and how it waits: the seams that tests replace by recorded readings and a clock of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from gameday.aws import Aws
from gameday.config import Environment
from gameday.watch.lease import experiment_now
from gameday.watch.readings import Place, find_place, read
from gameday.watch.service import Service
from gameday.watch.story import Story
from gameday.watch.values import Crash, Deployment, Good, Traffic

T = TypeVar("T")
SLICE_S = 0.5
TRIES, PAUSE_S = 3, 0.3  # of one read within a look, on top of botocore's own


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Return the seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    """The system's. A wait ends early when `asked` changes: somebody wants the watcher to end."""

    def __init__(self, asked: Callable[[], int] = lambda: 0) -> None:
        self._asked = asked

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        end, before = time.monotonic() + seconds, self._asked()
        while (left_s := end - time.monotonic()) > 0 and self._asked() == before:
            time.sleep(min(left_s, SLICE_S))


class Eyes(Protocol):
    """Reads only; every method may raise what AWS's client raises."""

    def newest(self) -> Deployment | None:
        """Return the newest deployment."""

    def deployment(self, arn: str) -> Deployment:
        """Return one deployment."""

    def revision(self, arn: str) -> Good:
        """Return a service revision."""

    def traffic(self, start: float, until: float) -> Traffic:
        """Return the traffic of a stretch."""

    def crashes(self, release: Deployment) -> list[Crash]:
        """Return the tasks that ended by themselves."""

    def running_digests(self) -> dict[str, dict[str, str]]:
        """Return the digests that run, by task and container."""

    def experiment(self) -> tuple[str, float] | None:
        """Return the run of the experiment that goes on, and since when."""


class HandsOf(Protocol):
    """What changes ECS; see `gameday.watch.rollback.Hands`."""

    def last_good(self, bad: Deployment) -> Good | None:
        """Return what to go back to."""

    def stop(self, deployment: str) -> str:
        """Roll a deployment back; return the call."""

    def is_on(self, task_definition: str) -> bool:
        """Return whether the service is on this task definition."""

    def update(self, task_definition: str) -> str:
        """Bring a task definition out; return the call."""

    def by_digest(self, good: Good, story: Story) -> str:
        """Return the ARN of a task definition of the good release by digest."""


class AwsEyes:
    """The service, its traffic and the environment's lock, read from AWS."""

    def __init__(self, aws: Aws, environment: Environment, service: Service) -> None:
        self.aws, self.environment, self.service = aws, environment, service
        self._place: Place | None = None

    def newest(self) -> Deployment | None:
        """Return the newest deployment."""
        return self.service.newest()

    def deployment(self, arn: str) -> Deployment:
        """Return one deployment."""
        return self.service.deployment(arn)

    def revision(self, arn: str) -> Good:
        """Return a service revision."""
        return self.service.revision(arn)

    def traffic(self, start: float, until: float) -> Traffic:
        """Return the traffic of a stretch; where it is counted is looked up once."""
        if self._place is None:
            self._place = find_place(self.aws, self.service.described())
        return read(self.aws, self._place, start, until, self.environment.sampling.period_s)

    def crashes(self, release: Deployment) -> list[Crash]:
        """Return the tasks that ended by themselves."""
        return self.service.crashes(release)

    def running_digests(self) -> dict[str, dict[str, str]]:
        """Return the digests that run."""
        return self.service.running_digests()

    def experiment(self) -> tuple[str, float] | None:
        """Return the run that holds the environment's lock."""
        client = self.aws.dynamodb if self.environment.lock_table else None
        holder = experiment_now(client, self.environment)
        return (holder.run, holder.since) if holder else None


def failures() -> tuple[type[Exception], ...]:
    """Return what counts as an answer that AWS did not give."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError, LookupError, OSError)


def is_final(error: BaseException) -> bool:
    """Whether asking again is of no use: AWS did answer, and said that it is not there or not allowed."""
    from botocore.exceptions import ClientError

    said = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    words = ("AccessDenied", "NotFound", "Unauthorized", "UnrecognizedClient", "InvalidClientTokenId", "Expired")
    return any(word in said for word in words)


def tried(ask: Callable[[], T], clock: Clock, failed: Callable[[Exception], None]) -> T:
    """Ask, a few times with a growing pause. Raises the last failure; each is handed to *failed*."""
    for attempt in range(TRIES):
        try:
            return ask()
        except failures() as error:
            failed(error)
            if attempt == TRIES - 1:
                raise
            clock.sleep(PAUSE_S * 2**attempt)
    raise AssertionError("the last try returns or raises")
