"""One watch from its lease to its record: what the command line and the Lambda function have in common."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday import release
from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.model import Json
from gameday.watch.eyes import AwsEyes, RealClock, failures, tried
from gameday.watch.lease import Lease
from gameday.watch.rollback import Hands
from gameday.watch.rules import plan_of
from gameday.watch.service import Service
from gameday.watch.story import Story, own_folder, unfinished, watched_in
from gameday.watch.telling import Tell, nobody
from gameday.watch.watcher import Manner, Say, Stop, Watcher


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be watched, and how. Empty and 0: as the environment has it."""

    cluster: str = ""
    service: str = ""
    release: str = ""
    committed: str = ""
    preset: str = ""
    observe_s: float = 0.0
    resume: bool = False
    manner: Manner = field(default_factory=Manner)


def named(environment: Environment, asked: Asked) -> tuple[str, str]:
    """Return the cluster and the service. Raises UsageError: neither the command nor the environment names it."""
    found = [
        asked.cluster or environment.names.get("cluster", ""),
        asked.service or environment.names.get("service", ""),
    ]
    for option, name in zip(("cluster", "service"), found, strict=True):
        if not name:
            raise UsageError(
                f"which {option}? write --{option} NAME, or name it in environments.{environment.name}.names"
            )
    return found[0], found[1]


@contextmanager
def opened(
    environment: Environment, asked: Asked, runs: Path, tell: Tell = nobody, say: Say = lambda sentence: None,
    stop: Stop | None = None,
) -> Iterator[Watcher]:  # fmt: skip
    """Yield a watcher that has its service, in a record of its own or in that of one that was cut short.

    Raises Refusal: another watcher has the service. Raises UsageError: there is nothing to watch, or to resume.
    """
    plan = plan_of(environment, asked.preset, asked.observe_s)
    cluster, name = named(environment, asked)
    aws = Aws(environment, read_only=asked.manner.dry_run)
    aws.check_account()
    service = Service(aws, cluster, name)
    newest = _first(service)
    lease = Lease(Aws(environment).dynamodb if environment.lock_table else None, environment, cluster, name)
    began = time.time()
    with _held(lease, f"{name} watched since {began:.0f}", runs):
        left = _left(runs, environment, cluster, name, newest, asked)
        folder = left[0] if left else own_folder(runs, began, name)
        story = Story(folder, environment, cluster, name, plan)
        if left:
            story.go_on_from(left[1])
        else:
            story.drill = asked.manner.drill
            story.release = _released(aws, cluster, name, asked)
            story.save()
        stop = stop or Stop()
        clock = RealClock(lambda: stop.asked)
        yield Watcher(
            AwsEyes(aws, environment, service), Hands(service, aws), clock, story, environment.sampling,
            tell=tell, say=say, manner=asked.manner, stop=stop, lost=lambda: lease.lost,
        )  # fmt: skip


def _first(service: Service) -> str:
    """Return the ARN of the newest deployment. Raises UsageError: no such service, no deployment, or no answer."""
    try:
        tried(service.described, RealClock(), lambda error: None)
        newest = tried(service.newest, RealClock(), lambda error: None)
    except failures() as error:
        raise UsageError(f"{service.name}: ECS does not answer, so nothing can be watched: {error}") from error
    if newest is None:
        raise UsageError(f"ECS remembers no deployment of {service.name}; watch after `aws ecs update-service`")
    return newest.arn


def _released(aws: Aws, cluster: str, name: str, asked: Asked) -> release.Release:
    """Return what is known of the release; a watch does not wait for what AWS will not say."""
    try:
        return release.find(aws, cluster, name, asked.release or None, asked.committed or None)
    except failures():
        return release.Release(asked.release or None)


@contextmanager
def _held(lease: Lease, watch: str, folder: Path) -> Iterator[None]:
    lease.take(watch, folder)
    try:
        yield
    finally:
        lease.give_back()


def _left(
    runs: Path, environment: Environment, cluster: str, name: str, newest: str, asked: Asked
) -> tuple[Path, dict[str, Json]] | None:
    """Return the watch to go on with; one of an older deployment, with no rollback begun, is closed instead."""
    left = unfinished(runs, environment, cluster, name)
    if left is None:
        if asked.resume:
            raise UsageError(f"no watch of {name} in {runs} was cut short; leave --resume away to begin one")
        return None
    folder, told = left
    if told.get("rollback") or watched_in(told) == newest:
        return left
    old = Story(folder, environment, cluster, name, plan_of(environment))
    old.recorder.save("watch.json", {**told, "outcome": "superseded", "exit": 4})
    return None


@contextmanager
def listening(stop: Stop, say: Say) -> Iterator[None]:
    """SIGINT and SIGTERM end a watch between two looks; a rollback is finished first, unless they come again."""

    def heard(number: int, frame: Any) -> None:
        stop.asked += 1
        say("ending after this look; a rollback under way is finished first (again: leave it, to be resumed)")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: list[tuple[int, Callable[..., Any] | int | None]] = [
        (number, signal.signal(number, heard)) for number in (signal.SIGINT, signal.SIGTERM)
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
