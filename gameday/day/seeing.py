"""The looks of the go/no-go list, one function each: a scene in, an answer and a sentence out. They may raise.

They stand on what a run itself looks with: its gate, its guards, its sampler, its locks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from gameday.aws import Aws
from gameday.block import block_of, place_of
from gameday.config import Environment
from gameday.day.actions import overdue
from gameday.day.alarming import holder_now
from gameday.day.plan import Plan
from gameday.engine.rehearsal import unarmed, watched
from gameday.engine.sampler import Sampler
from gameday.engine.settling import of_another
from gameday.errors import UsageError
from gameday.model import Answer as Seen
from gameday.model import Block, MetricSpec
from gameday.notify import channels_of, check
from gameday.record import changing_folders
from gameday.runbooks import problems_of
from gameday.safety import days, gate
from gameday.safety.armed import Run, Steady
from gameday.safety.promises import Promises, count
from gameday.safety.targets import Alarm, Service, read_alarm, read_database, read_service

Answer = Literal["yes", "no", "unknown"]
ACTIVE = ("pending", "initiating", "running", "stopping")  # FIS experiments
PEOPLE = ("ssm-incidents",)  # services of actions that lead to people without a subscription that can be looked at
NO_ARN = ("PendingConfirmation", "Deleted")  # instead of a subscription's ARN


@dataclass(frozen=True)
class Scene:
    """What is looked at: a plan, and where it is to be played. *file* is the plan's own."""

    plan: Plan
    environment: Environment
    aws: Aws
    runs: Path
    suite: Path
    file: Path | None = None
    day: Path | None = None  # the folder of the day that looks

    @cached_property
    def run(self) -> Run:
        """A run that is never armed, to read with."""
        return unarmed(self.environment, self.aws, self.block)

    @cached_property
    def blocks(self) -> list[Block]:
        """Our block of each of the plan's experiments; one without it has an empty one."""
        read = [yaml.safe_load(path.read_text()) for path in self.experiments]
        return [block_of(one) if place_of(one) else Block() for one in read]

    @cached_property
    def block(self) -> Block:
        """The metrics and the guards of all of them together."""
        steady = {name: spec for block in self.blocks for name, spec in block.steady.items()}
        guards = list({guard.title: guard for block in self.blocks for guard in block.guards}.values())
        return Block(steady=steady, guards=guards)

    @cached_property
    def experiments(self) -> list[Path]:
        """The experiments' files. Raises UsageError: one is not there."""
        named = [item.experiment for item in self.plan.agenda] + [inject.experiment for inject in self.plan.injects]
        return [self.path(name) for name in dict.fromkeys(named) if name]

    def path(self, name: str) -> Path:
        """Return a file that the plan names: from the suite's root, or beside the plan."""
        beside = self.file.parent if self.file else self.suite / "plans"
        for found in (self.suite / name, beside / name):
            if found.is_file():
                return found
        raise UsageError(f"there is no {name} in {self.suite}, nor beside the plan")


def steady(scene: Scene) -> tuple[Answer, str]:
    """Return whether the service runs all its tasks, its targets are healthy, and its metrics are fresh and well.

    What only users bring about has no data before there are any: it is judged where there are data, and named if not.
    """
    run = scene.run
    service = read_service(run, run.named("cluster", None), run.named("service", None))
    always, usual = _metrics(scene, _published(run)), _metrics(scene, scene.block.steady)
    wrong = [*_trouble(service), *_database(run), *(usual.reasons if usual.answer is Seen.NO else ())]
    if wrong:
        return "no", "; ".join(wrong)
    if always.answer is not Seen.YES:
        return "unknown", "; ".join(always.reasons)
    known = "metrics are fresh" if usual.answer is Seen.YES else f"not known before there is load: {usual.reasons[0]}"
    return "yes", f"{len(service.tasks)} tasks of {service.title} run and are healthy; {known}"


def _published(run: Run) -> dict[str, MetricSpec]:
    """Return metrics that AWS itself sends all the time: without limits, only their age counts."""
    service = {"ClusterName": run.named("cluster", None), "ServiceName": run.named("service", None)}
    found = {"the service's CPU": MetricSpec("AWS/ECS/CPUUtilization", service)}
    if database := run.environment.names.get("database"):
        found["the database's CPU"] = MetricSpec("AWS/RDS/CPUUtilization", {"DBInstanceIdentifier": database})
    return found


def _metrics(scene: Scene, specs: Mapping[str, MetricSpec]) -> Steady:
    sampler = Sampler(scene.aws.cloudwatch, specs, scene.environment.sampling, scene.run.recorder)
    if specs:
        sampler.tick()
    return sampler.steady()


def _trouble(service: Service) -> Iterator[str]:
    yield from service.unrest
    if not service.tasks:
        yield f"0 tasks of {service.title} run"
    for task in service.tasks:
        if task.trouble:
            yield f"task {task.arn.rpartition('/')[2]}: {task.trouble}"


def _database(run: Run) -> Iterator[str]:
    if name := run.environment.names.get("database"):
        status = read_database(run, name).status
        if status != "available":
            yield f"{name} is {status}"


def alarms(scene: Scene) -> tuple[Answer, str]:
    """Return whether every alarm that guards, pages, or is expected by the day, is there, OK, and leads to somebody."""
    names = [*scene.environment.rules.alarms, scene.environment.names.get("alarm", "")]
    names += [item.expect.page for item in scene.plan.agenda if item.expect]
    names += [name for one in scene.plan.injects for name in (one.alarm, one.expect.page if one.expect else "")]
    wanted = list(dict.fromkeys(name for name in names if name))
    if not wanted:
        return "unknown", "neither the environment nor the plan names an alarm, so none was looked at"
    found = [read_alarm(scene.run, name) for name in wanted]
    if wrong := [why for alarm in found for why in _deaf(scene, alarm)]:
        return "no", "; ".join(wrong)
    if unseeing := [alarm for alarm in found if alarm.state != "OK"]:
        return "unknown", "; ".join(f"{alarm.name} is {alarm.state} ({alarm.reason})" for alarm in unseeing)
    return "yes", f"{', '.join(wanted)}: OK, and each leads to somebody"


def _deaf(scene: Scene, alarm: Alarm) -> Iterator[str]:
    """Yield why nobody would hear of an alarm, or why it is no baseline."""
    if alarm.state == "ALARM":
        yield f"{alarm.name} is in ALARM ({alarm.reason})"
    if not alarm.enabled:
        yield f"the actions of {alarm.name} are disabled"
    if not any(_leads(scene.aws, action) for action in alarm.actions):
        yield f"{alarm.name} leads to nobody: {len(alarm.actions)} actions, and no confirmed subscription behind them"


def _leads(aws: Aws, action: str) -> bool:
    """Return whether an action reaches somebody: an incident's response plan, or a topic somebody has subscribed to."""
    service = action.split(":")[2] if action.count(":") > 4 else ""
    if service != "sns":
        return service in PEOPLE
    pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=action)
    return any(one["SubscriptionArn"] not in NO_ARN for page in pages for one in page["Subscriptions"])


def guards(scene: Scene) -> tuple[Answer, str]:
    """Return whether every guard of the day's experiments and of the environment lets a fault begin.

    Signals of the load, and metrics that nothing brings about yet, are not there before a run: they are named.
    """
    every = gate.guards_of(scene.environment, scene.block)
    readings, _ = watched(scene.run, scene.block)
    seen = list(zip(every, readings, strict=True))
    later = [one for guard, one in seen if guard.signal or (guard.metric and one.answer is Seen.UNKNOWN)]
    now = [one for _, one in seen if one not in later]
    if wrong := [one.sentence for one in now if one.answer is Seen.NO]:
        return "no", "; ".join(wrong)
    if dark := [one.sentence for one in now if one.answer is Seen.UNKNOWN]:
        return "unknown", "; ".join(dark)
    if not now:
        return "unknown", f"{len(later)} guards, and none of them can be read before there is load"
    more = f"; {len(later)} more begin with the load" if later else ""
    return "yes", "; ".join(one.sentence for one in now) + more


def nothing_runs(scene: Scene) -> tuple[Answer, str]:
    """Return whether nothing goes on: no run, no deployment, no FIS experiment, and nothing left to undo."""
    run = scene.run
    found = [f"{holder} goes on" for holder in [holder_now(scene.environment, scene.aws)] if holder]
    day = days.going_on(scene.environment)
    if day and day != scene.day:
        found.append(f"game day {day.name} goes on")
    found += read_service(run, run.named("cluster", None), run.named("service", None)).unrest
    pages = run.aws.fis.get_paginator("list_experiments").paginate()
    going: list[Any] = [one for page in pages for one in page["experiments"] if one["state"].get("status") in ACTIVE]
    found += [f"the FIS experiment {one['id']} is {one['state']['status']}" for one in going]
    found += _left_open(scene)
    if found:
        return "no", "; ".join(found)
    return "yes", f"no run, no deployment and no FIS experiment on {scene.environment.name}, and nothing left to undo"


def _left_open(scene: Scene) -> Iterator[str]:
    """Yield the runs and days, in the runs folder and in the lock table, that left something changed."""
    for folder in changing_folders(scene.runs):
        left = Promises(folder / "promises.jsonl").open()
        if left and not of_another(folder, scene.environment):
            yield f"{folder.name} left {count(left)} open ({left[0].sentence}); `gameday undo` settles them"


def channels(scene: Scene) -> tuple[Answer, str]:
    """Return whether every channel of the day would take a message, as far as that shows without sending one."""
    configured = channels_of(scene.environment, scene.suite)
    wanted = scene.plan.channels or list(configured.named)
    if missing := [name for name in wanted if name not in configured.named]:
        return "no", f"there is no channel {', '.join(missing)} in [environments.{scene.environment.name}.channels]"
    if not wanted:
        return "unknown", "no channel is configured, so nobody would be told"
    seen = check(replace(configured, named={name: configured.named[name] for name in wanted}))
    if failed := [f"{one.channel}: {one.detail}" for one in seen if not one.ok]:
        return "no", "; ".join(failed)
    return ("yes" if seen else "unknown"), "; ".join(f"{one.channel}: {one.detail}" for one in seen) or "none answered"


def action_items(scene: Scene) -> tuple[Answer, str]:
    """Return whether nothing that earlier days left to do is overdue."""
    stems = [Path(name).stem for name in (str(scene.file or ""), scene.plan.carries) if name]
    if not stems:
        return "unknown", "which plan's action items are meant is not known"
    found = [item for stem in dict.fromkeys(stems) for item in overdue(scene.runs, stem, time.time())]
    if found:
        return "no", "; ".join(f"{item.text} ({item.owner or 'nobody'}, due {item.due})" for item in found)
    return "yes", f"nothing is overdue of {', '.join(dict.fromkeys(stems))}"


def runbooks(scene: Scene) -> tuple[Answer, str]:
    """Return whether the commands and links of the day's runbooks are still right, as far as that shows offline."""
    named = [*scene.plan.runbooks, *(item.runbook for item in scene.plan.agenda)]
    named += [block.runbook or "" for block in scene.blocks]
    wanted = list(dict.fromkeys(name for name in named if name))
    if not wanted:
        return "unknown", "the plan names no runbook, so none was looked at"
    found = [str(problem) for name in wanted for problem in problems_of(scene.path(name), scene.suite)]
    if found:
        return "no", "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    return "yes", f"{', '.join(wanted)}: every command and link is right"


LOOKS: Mapping[str, Callable[[Scene], tuple[Answer, str]]] = {
    "steady": steady, "alarms": alarms, "guards": guards, "nothing-runs": nothing_runs, "channels": channels,
    "action-items": action_items, "runbooks": runbooks,
}  # fmt: skip
