"""One watch from its lease to its record: what the command line and the Lambda function have in common."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from gameday import release
from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.model import Json, from_iso
from gameday.watch.eyes import AwsEyes, RealClock, failures, is_final, tried
from gameday.watch.lease import Lease
from gameday.watch.rollback import Hands
from gameday.watch.rules import plan_of
from gameday.watch.service import Service
from gameday.watch.story import Story, own_folder, unfinished, watched_in
from gameday.watch.telling import Tell, nobody
from gameday.watch.values import Deployment
from gameday.watch.watcher import Manner, Say, Stop, Watcher

ANSWERED_WITHIN_S = 600.0  # a deployment that is begun later than that after the decision is somebody else's


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
    _can_be_written(runs)
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


def _can_be_written(runs: Path) -> None:
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(runs, os.W_OK | os.X_OK):
            raise PermissionError(f"{runs} is not yours to write")
    except OSError as error:
        raise UsageError(
            f"no watch can be recorded in {runs}: {error}; give another folder with `--runs DIR`"
        ) from None


def _first(service: Service) -> Deployment | None:
    """Return the newest deployment; None where ECS gives no answer now: the watch then waits for one, and tells.

    Raises UsageError: no such service or cluster, no deployment, or calls that are not allowed.
    """
    try:
        tried(service.described, RealClock(), lambda error: None)
        newest = tried(service.newest, RealClock(), lambda error: None)
    except failures() as error:
        if not is_final(error):
            return None
        raise UsageError(f"{service.name} of {service.cluster} cannot be watched, says AWS: {error}") from error
    if newest is None:
        raise UsageError(f"ECS remembers no deployment of {service.name}; watch after `aws ecs update-service`")
    return newest


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
    runs: Path, environment: Environment, cluster: str, name: str, newest: Deployment | None, asked: Asked
) -> tuple[Path, dict[str, Json]] | None:
    """Return the watch to go on with. One that is about something else is closed: it must not judge what came since."""
    left = unfinished(runs, environment, cluster, name)
    if left is None:
        if asked.resume:
            raise UsageError(f"no watch of {name} in {runs} was cut short; leave --resume away to begin one")
        return None
    folder, told = left
    if asked.resume or (bool(told.get("drill")) == asked.manner.drill and is_about(told, newest)):
        return left
    old = Story(folder, environment, cluster, name, plan_of(environment))
    old.recorder.save("watch.json", {**told, "outcome": "superseded", "exit": 4})
    return None


def is_about(told: Mapping[str, Json], newest: Deployment | None) -> bool:
    """Whether a watch that was cut short is about the newest deployment: it watched it, or began it as the way back.

    A call of its rollback whose answer it did not live to read is known by its digests and its time.
    """
    back = cast("Mapping[str, Json] | None", told.get("rollback"))
    if newest is None:
        return back is not None
    if newest.arn in {watched_in(told), str((back or {}).get("deployment") or "-")}:
        return True
    to = cast("Mapping[str, Json]", (back or {}).get("to") or {})
    begun = cast("Mapping[str, Json]", told.get("times") or {}).get("rollback_started_at")
    brought = ", ".join(sorted(set(newest.digests.values())))
    if not (begun and brought) or to.get("digest") != brought:
        return False
    return 0 <= newest.created_at - from_iso(str(begun)) < ANSWERED_WITHIN_S


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
