"""Templates of AWS FIS, in a file of their own or inside an experiment: what FIS would refuse, and what never stops.

`cloudformation` and boto3 check the shape only. The catalogue holds the actions that touch ECS, RDS and the network
(FIS user guide, 2026); an action of another service is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gameday.decode import suggestion
from gameday.engine.lint.case import Case, listing, mapping, text
from gameday.engine.lint.words import unknown
from gameday.errors import Problem
from gameday.model import Json
from gameday.source import Path_

KEYS = [
    "clientToken", "description", "roleArn", "targets", "actions", "stopConditions", "tags", "logConfiguration",
    "experimentOptions", "experimentReportConfiguration",
]  # fmt: skip
ACTION = ["actionId", "description", "parameters", "targets", "startAfter"]
TARGET = ["resourceType", "resourceArns", "resourceTags", "filters", "selectionMode", "parameters"]
MODE = re.compile(r"ALL|COUNT\([1-9]\d*\)|PERCENT\((?:[1-9]\d?|100)\)")
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
SHORTEST_S, LONGEST_S = 60, 12 * 3600
STOP = "write `stopConditions: [{source: aws:cloudwatch:alarm, value: ARN OF AN ALARM}]`"


@dataclass(frozen=True, slots=True)
class Kind:
    """What one FIS action takes. Without a *target* it takes none."""

    target: str = ""
    resource: str = ""
    required: str = ""
    optional: str = ""


_NET = "sources flowsPercent installDependencies useEcsFaultInjectionEndpoints"
CATALOGUE: Mapping[str, Kind] = {
    "aws:fis:wait": Kind(required="duration"),
    "aws:cloudwatch:assert-alarm-state": Kind(required="alarmArns alarmStates"),
    "aws:ecs:stop-task": Kind("Tasks", "aws:ecs:task"),
    "aws:ecs:drain-container-instances": Kind("Clusters", "aws:ecs:cluster", "drainagePercentage duration"),
    "aws:ecs:task-cpu-stress": Kind("Tasks", "aws:ecs:task", "duration", "percent workers installDependencies"),
    "aws:ecs:task-io-stress": Kind("Tasks", "aws:ecs:task", "duration", "percent workers installDependencies"),
    "aws:ecs:task-kill-process": Kind("Tasks", "aws:ecs:task", "processName", "signal installDependencies"),
    "aws:ecs:task-network-blackhole-port": Kind(
        "Tasks", "aws:ecs:task", "duration port trafficType",
        "protocol installDependencies useEcsFaultInjectionEndpoints",
    ),
    "aws:ecs:task-network-latency": Kind(
        "Tasks", "aws:ecs:task", "duration", f"delayMilliseconds jitterMilliseconds {_NET}"
    ),
    "aws:ecs:task-network-packet-loss": Kind("Tasks", "aws:ecs:task", "duration", f"lossPercent {_NET}"),
    "aws:rds:reboot-db-instances": Kind("DBInstances", "aws:rds:db", "", "forceFailover"),
    "aws:rds:failover-db-cluster": Kind("Clusters", "aws:rds:cluster"),
    "aws:network:disrupt-connectivity": Kind("Subnets", "aws:ec2:subnet", "duration scope", "prefixListIdentifier"),
    "aws:network:disrupt-vpc-endpoint": Kind("VPCEndpoints", "aws:ec2:vpc-endpoint", "duration"),
}  # fmt: skip


def is_template(data: Json) -> bool:
    """Return whether a file, or a mapping in an experiment, is a FIS template rather than something else."""
    actions = mapping(data).get("actions")
    named = isinstance(actions, dict) and any("actionId" in mapping(action) for action in actions.values())
    return isinstance(data, dict) and "method" not in data and (named or "stopConditions" in data)


def in_experiment(case: Case) -> Iterator[Problem]:
    """Rule: a FIS template that stands in an activity's arguments is right, and stops by itself."""
    for activity in case.activities():
        yield from _search(case, activity.at("provider", "arguments"), activity.provider.get("arguments"))


def _search(case: Case, where: Path_, data: Json) -> Iterator[Problem]:
    if isinstance(data, dict) and is_template(data):
        yield from template(case, where, data)
        return
    for key, value in mapping(data).items():
        yield from _search(case, (*where, key), value)
    for index, value in enumerate(listing(data)):
        yield from _search(case, (*where, index), value)


def template(case: Case, where: Path_, data: dict[str, Json]) -> Iterator[Problem]:
    """Yield the problems of one template."""
    if where == ():
        yield from unknown(case, where, data, KEYS)
        for key in ("description", "roleArn", "actions"):
            if not data.get(key):
                yield case.problem(where, f"the FIS template lacks {key!r}; add it")
    yield from _stops(case, where, data)
    targets, actions = mapping(data.get("targets")), mapping(data.get("actions"))
    for name, target in targets.items():
        yield from _target(case, (*where, "targets", name), mapping(target))
    for name, action in actions.items():
        yield from _action(case, (*where, "actions", name), mapping(action), actions, targets)
    used = {ref for action in actions.values() for ref in mapping(mapping(action).get("targets")).values() if text(ref)}
    for name in targets:
        if actions and name not in used:
            yield case.problem(
                (*where, "targets", name), f"no action uses the target {name!r}; take it out", at_key=True
            )


def _stops(case: Case, where: Path_, data: dict[str, Json]) -> Iterator[Problem]:
    stops, place = listing(data.get("stopConditions")), (*where, "stopConditions")
    if not stops:
        yield case.problem(place if "stopConditions" in data else where, f"no stop condition: nothing ends it; {STOP}")
    for index, stop in enumerate(stops):
        source = mapping(stop).get("source")
        if source == "none":
            yield case.problem((*place, index), f"a stop condition `none`: nothing ends it in AWS itself; {STOP}")
        elif source != "aws:cloudwatch:alarm" or not text(mapping(stop).get("value")):
            yield case.problem((*place, index), f"no stop condition that FIS knows; {STOP}")


def _target(case: Case, where: Path_, target: dict[str, Json]) -> Iterator[Problem]:
    yield from unknown(case, where, target, TARGET)
    mode = text(target.get("selectionMode"))
    if not MODE.fullmatch(mode) and "${" not in mode:
        message = f"no selectionMode {mode!r}; write ALL, COUNT(n) or PERCENT(n)"
        yield case.problem((*where, "selectionMode"), message)
    if target.get("resourceArns") and (target.get("resourceTags") or target.get("filters")):
        message = "FIS takes ARNs, or tags and filters, not both; take one out"
        yield case.problem((*where, "resourceArns"), message, at_key=True)


def _action(
    case: Case, where: Path_, action: dict[str, Json], actions: dict[str, Json], targets: dict[str, Json]
) -> Iterator[Problem]:
    yield from unknown(case, where, action, ACTION)
    for index, name in enumerate(listing(action.get("startAfter"))):
        if text(name) not in actions:
            mend = suggestion(str(name), list(actions))
            yield case.problem((*where, "startAfter", index), f"no action {name!r}; {mend}")
    name = text(action.get("actionId"))
    kind = CATALOGUE.get(name)
    if kind is not None:
        yield from _parameters(case, (*where, "parameters"), mapping(action.get("parameters")), name, kind)
        yield from _references(case, (*where, "targets"), mapping(action.get("targets")), targets, kind)
    elif not name or name.rpartition(":")[0] in {one.rpartition(":")[0] for one in CATALOGUE}:
        yield case.problem((*where, "actionId"), f"no FIS action {name!r}; {suggestion(name, list(CATALOGUE))}")


def _parameters(case: Case, where: Path_, given: dict[str, Json], name: str, kind: Kind) -> Iterator[Problem]:
    known = [*kind.required.split(), *kind.optional.split()]
    for key in given:
        if key not in known:
            mend = suggestion(str(key), known) if known else "it takes none"
            yield case.problem((*where, key), f"{name} has no parameter {key!r}; {mend}", at_key=True)
    if missing := [key for key in kind.required.split() if key not in given]:
        yield case.problem(where, f"{name} needs the parameter {', '.join(missing)}; add it")
    if "duration" in given and "${" not in str(given["duration"]):
        seconds = _seconds(str(given["duration"]))
        if seconds is None or not SHORTEST_S <= seconds <= LONGEST_S:
            message = f"the duration {given['duration']!r} is not within PT1M and PT12H; write such as PT5M"
            yield case.problem((*where, "duration"), message)


def _references(
    case: Case, where: Path_, given: dict[str, Json], targets: dict[str, Json], kind: Kind
) -> Iterator[Problem]:
    if list(given) != ([kind.target] if kind.target else []):
        wanted = f"takes the target {kind.target!r}" if kind.target else "takes no target"
        yield case.problem(where, f"this action {wanted}, not {', '.join(map(str, given)) or 'none'}; mend it")
    for key, name in given.items():
        resource = mapping(targets.get(text(name))).get("resourceType")
        if text(name) not in targets:
            yield case.problem(
                (*where, key), f"no target {name!r}; {suggestion(str(name), list(targets) or ['nothing'])}"
            )
        elif kind.resource and resource != kind.resource:
            message = f"the target {name!r} is of type {resource}, this action needs {kind.resource}; mend the target"
            yield case.problem((*where, key), message)


def _seconds(duration: str) -> int | None:
    found = DURATION.fullmatch(duration)
    if not found or not any(found.groups()):
        return None
    return sum(int(part or 0) * unit for part, unit in zip(found.groups(), (86400, 3600, 60, 1), strict=True))
