"""The watcher as a Lambda function: woken by an alarm or by ECS, it judges the newest deployment by the same rules.

Handler: `gameday.watch.aws_lambda.handler`. Events: SNS with a CloudWatch alarm's JSON, and EventBridge's "CloudWatch
Alarm State Change" and "ECS Deployment State Change". An event is a reason to look, never evidence by itself. Nothing
need be kept between two invocations: what was begun is read from ECS, and the lock table lets one look at a time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, cast

from gameday.config import Channel, Environment, Sampling, Watch
from gameday.errors import Refusal, UsageError
from gameday.model import Json
from gameday.notify import Channels
from gameday.watch.rollback import By
from gameday.watch.session import Asked, opened
from gameday.watch.telling import Delivery, Tell
from gameday.watch.voice import voice
from gameday.watch.watcher import Manner, Watcher

PREFIX = "GAMEDAY_WATCH_"
RESERVE_S = 15.0  # of the function's time, to write its record and to give the service back
T = TypeVar("T", int, float)


class Context(Protocol):
    """What is needed of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""


@dataclass(frozen=True, slots=True)
class Options:
    """The function's settings, each from the variable GAMEDAY_WATCH_<NAME>."""

    environment: Environment
    asked: Asked
    runs: Path


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the function was woken. `ignore` says why there is nothing to look at; empty: there is."""

    sentence: str
    ignore: str = ""


def handler(event: Mapping[str, Json], context: Context) -> dict[str, Json]:
    """Judge once, roll back on evidence, and return `watch.json`; {"ignored": why} where there is nothing to judge."""
    wanted = options(os.environ)
    os.environ.setdefault("GAMEDAY_STATE", str(wanted.runs / "state"))  # a home cannot be written there
    return handle(event, context, wanted)


def handle(event: Mapping[str, Json], context: Context, wanted: Options) -> dict[str, Json]:
    """As `handler`, with everything given. Raises UsageError: no such event is known, or nothing can be watched."""
    cause = cause_of(event, wanted)
    if cause.ignore:
        return {"ignored": cause.ignore}
    try:
        with opened(wanted.environment, wanted.asked, wanted.runs, log, say) as watcher:
            watcher.tell = both(log, voice(Channels(wanted.environment, wanted.environment.channels), watcher.story))
            watcher.story.mark("watch: woken", why=cause.sentence)
            return _look(watcher, context)
    except Refusal as refusal:
        return {"ignored": str(refusal)}


def _look(watcher: Watcher, context: Context) -> dict[str, Json]:
    """Look until there is an end, or little time is left: what comes late is then judged by the next invocation."""
    if not watcher.has_begun():
        return watcher.story.as_json()
    watched, plan = watcher.watched, watcher.plan
    assert watched is not None
    watcher.observed_from = 0.0  # not since this invocation: since the deployment
    if watcher.story.rollback is None and watcher.is_long_over():
        age_s = time.time() - (watched.finished_at or 0.0)
        why = f"the newest deployment ended {age_s:.0f} s ago, more than the {plan.observe_s:g} s that are observed"
        watcher.story.end("superseded", f"{why}: errors now are no evidence against it")
        return {"ignored": watcher.story.why[0]}
    while not watcher.look():
        if context.get_remaining_time_in_millis() / 1e3 < watcher.pace.tick_s + RESERVE_S:
            watcher.story.save()  # going on: the next event, or the end of the deployment, wakes it again
            break
        watcher.clock.sleep(watcher.pace.tick_s)
    return watcher.story.as_json()


# -- events ----------------------------------------------------------------------------------------------


def cause_of(event: Mapping[str, Json], wanted: Options) -> Cause:
    """Return why the function was woken. Raises UsageError: the event is none of the three."""
    if records := event.get("Records"):
        first = cast("list[Mapping[str, Mapping[str, str]]]", records)[0]
        if "Sns" in first:
            return _of_message(first["Sns"]["Message"])
    detail = cast("Mapping[str, Json]", event.get("detail") or {})
    kind = event.get("detail-type")
    if kind == "CloudWatch Alarm State Change":
        state = cast("Mapping[str, str]", detail["state"])
        return _of_alarm(str(detail["alarmName"]), state["value"])
    if kind == "ECS Deployment State Change":
        return _of_deployment(cast("list[str]", event.get("resources") or []), detail, wanted.asked)
    known = "an SNS message of an alarm, CloudWatch Alarm State Change, ECS Deployment State Change"
    raise UsageError(f"no event that is known here (detail-type {kind!r}); known: {known}")


def _of_message(text: str) -> Cause:
    try:
        alarm = json.loads(text)
        return _of_alarm(alarm["AlarmName"], alarm["NewStateValue"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"the SNS message is not a CloudWatch alarm's: {text[:80]!r}") from None


def _of_alarm(name: str, state: str) -> Cause:
    sentence = f"alarm {name} is {state}"
    return Cause(sentence, "" if state == "ALARM" else f"{sentence}: nothing to look at")


def _of_deployment(resources: Sequence[str], detail: Mapping[str, Json], asked: Asked) -> Cause:
    ours = f"{asked.cluster}/{asked.service}"
    sentence = f"{detail.get('eventName')} of {', '.join(resources)}: {detail.get('reason')}"
    if not any(each.partition(":service/")[2] == ours for each in resources):
        return Cause(sentence, f"{sentence}: not {ours}, which is watched")
    return Cause(sentence)


# -- settings --------------------------------------------------------------------------------------------


def options(variables: Mapping[str, str]) -> Options:
    """Read the settings. Raises UsageError naming the variable that is missing or cannot be."""
    get = {name.removeprefix(PREFIX): value for name, value in variables.items() if name.startswith(PREFIX)}
    names = {name: _needed(get, name.upper()) for name in ("cluster", "service")}
    pace = Sampling(
        tick_s=_number(get, "TICK_S", 30.0), period_s=_number(get, "PERIOD_S", 60),
        late_s=_number(get, "LATE_S", 180.0), max_gap_s=_number(get, "MAX_GAP_S", 300.0),
    )  # fmt: skip
    watch = Watch(
        observe_s=_number(get, "OBSERVE_S", 3600.0), min_requests=_number(get, "MIN_REQUESTS", 20),
        verify_within_s=_number(get, "VERIFY_WITHIN_S", 780.0), crashes=_number(get, "CRASHES", 3),
    )  # fmt: skip
    environment = Environment(
        kind="aws", region=variables.get("AWS_REGION", ""), account=get.get("ACCOUNT", ""), names=names, sampling=pace,
        watch=watch, lock_table=get.get("LOCK_TABLE", ""), name=get.get("ENVIRONMENT", "lambda"),
        channels={"topic": Channel(kind="sns", topic=get["TOPIC"])} if get.get("TOPIC") else {},
        owner=get.get("OWNER", ""),
    )  # fmt: skip
    preset = _one_of(get, "PRESET", ("burn", "seed"))
    by = cast("By", _one_of(get, "BY", ("auto", "digest", "stop")))
    manner = Manner(by, dry_run=_one_of(get, "DRY_RUN", ("false", "true")) == "true")
    asked = Asked(names["cluster"], names["service"], preset=preset, manner=manner)
    return Options(
        environment, asked, Path(get.get("RUNS", "/tmp/gameday-watch"))
    )  # the only folder that may be written


def _needed(get: Mapping[str, str], name: str) -> str:
    if not get.get(name):
        raise UsageError(f"{PREFIX}{name} is not set; write the ECS {name.lower()}'s name")
    return get[name]


def _number(get: Mapping[str, str], name: str, default: T) -> T:
    try:
        return type(default)(get[name]) if get.get(name) else default
    except ValueError:
        raise UsageError(f"{PREFIX}{name} is {get[name]!r}; write a number") from None


def _one_of(get: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    given = get.get(name) or words[0]
    if given not in words:
        raise UsageError(f"{PREFIX}{name} is {given!r}; write one of {', '.join(words)}")
    return given


# -- telling ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Logged:
    """A message in the function's own log, for whoever has a metric filter on it."""

    channel: str = "lambda log"
    ok: bool = True
    detail: str = ""
    ref: str = ""


def log(kind: str, title: str, lines: list[str]) -> Sequence[Delivery]:
    """Write a message as one line of JSON."""
    print(json.dumps({"gameday": kind, "title": title, "lines": lines}), flush=True)
    return [Logged()]


def both(first: Tell, second: Tell) -> Tell:
    """Return how to tell in two ways."""
    return lambda kind, title, lines: [*first(kind, title, lines), *second(kind, title, lines)]


def say(sentence: str) -> None:
    """Write one look."""
    print(sentence, flush=True)
