"""What an action that is not ours would hit, as far as its arguments tell: chaosaws names its targets in known ways.

Which API calls it makes, nobody has written down: its intent says so. How many tasks go is known of the functions of
`_hits`; of the others it is not, and a limit that cannot be checked is a reason not to. Of other packages no argument
is known by its name: that somebody listed the action is the permission.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gameday.errors import Refusal
from gameday.model import Blast
from gameday.safety import blast
from gameday.safety.armed import Run
from gameday.safety.intent import Intent, Target
from gameday.safety.targets import Service, elsewhere, read_balancing, read_cluster, read_database, read_service

CHAOSAWS = "chaosaws."
DEREGISTER = "chaosaws.elbv2.actions.deregister_target"
FIS_GOES = ("aws:ecs:stop-task", "aws:ecs:task-kill-process")  # a task that is hit is gone
SELECTION = re.compile(r"(COUNT|PERCENT)\((\d+)\)")
CLUSTERS, SERVICES = ("cluster", "cluster_name"), ("service", "service_name", "services")
DATABASES = ("db_instance_identifier", "instance_id")
NAMED = {"tg_name": "target_group", "target_group_arn": "target_group", "load_balancer_names": "load_balancer",
         "load_balancer_arn": "load_balancer"}  # fmt: skip
NO_CALLS = "which API calls it makes is not known beforehand"
WHY_NO_UNDO = "it is no action of this suite; only the experiment's own rollbacks undo it"


def intent(run: Run, action: str, arguments: Mapping[str, Any], *, undo: bool = False) -> Intent:
    """Return the intent of an action of somebody else; as an *undo* it may hit what moves, but only what is allowed.

    Raises Refusal: a target that it names is not there.
    """
    targets: list[Target] = []
    refusals = [reason for arn in _arns(arguments) for reason in elsewhere(arn, run.environment)]
    refusals += _profile(run, arguments)
    hit, of = None, None
    for found in _services(run, arguments):
        targets.append(found.target)
        hit, of = _hits(action, arguments, found), len(found.tasks)
        refusals += found.forbidden(run.environment) if undo else _service(run, action, arguments, found, hit)
    for database in _databases(run, arguments):
        targets.append(database.target)
        refusals += [*database.forbidden(run.environment), *([] if undo else database.unrest())]
    for kind, name in _others(arguments):
        balancing = read_balancing(run, kind, name)
        targets.append(balancing.target)
        refusals += balancing.forbidden(run.environment)
        if action == DEREGISTER:
            hit, of = 1, len(balancing.healthy)
            refusals += [*blast.over(_limits(run), 1, of, "targets"), *blast.last_healthy(balancing.healthy, 1, name)]
        elif not undo:
            refusals += _unknown(run, action, name)
    if template := arguments.get("experiment_template_id"):
        refusals += _template(run, str(template), targets)
    if action.startswith(CHAOSAWS) and not targets and not undo:
        refusals.append(f"what {action} hits cannot be said from its arguments, so no limit can be checked")
    return Intent(
        f"call {action}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}); {NO_CALLS}",
        targets=tuple(targets), hit=hit, of=of, calls_known=False, why_no_undo=WHY_NO_UNDO,
        refusals=tuple(dict.fromkeys(refusals)), action=action,
    )  # fmt: skip


def _services(run: Run, arguments: Mapping[str, Any]) -> Iterator[Service]:
    cluster = _first(arguments, CLUSTERS)
    names = _first(arguments, SERVICES)
    if "task_id" in arguments and not names:
        names = run.environment.names.get("service")  # a task alone does not tell its service
    for name in names if isinstance(names, list) else [names]:
        if name:
            yield read_service(run, run.named("cluster", cluster), str(name))
    if cluster and not names:
        raise Refusal(f"the whole cluster {cluster} would be hit, the limit is 1 service; name one")


def _databases(run: Run, arguments: Mapping[str, Any]) -> Iterator[Any]:
    if name := _first(arguments, DATABASES):
        yield read_database(run, str(name))
    if name := arguments.get("db_cluster_identifier"):
        yield read_cluster(run, str(name))


def _others(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, kind in NAMED.items():
        value = arguments.get(key) or []
        for name in value if isinstance(value, list) else [value]:
            yield kind, str(name)


def _service(run: Run, action: str, arguments: Mapping[str, Any], found: Service, hit: int | None) -> Sequence[str]:
    reasons = [*found.forbidden(run.environment), *found.unrest]
    task = str(arguments.get("task_id") or "").rpartition("/")[2]
    if task and not any(arn.endswith(f"/{task}") for arn in found.running):
        reasons.append(f"{task} is none of the {len(found.tasks)} running tasks of {found.title}")
    if hit is None:
        return [*reasons, *_unknown(run, action, f"the {len(found.tasks)} tasks of {found.title}")]
    return [*reasons, *found.objections(run, hit, goes=True)] if hit else reasons


def _limits(run: Run) -> Blast:
    return blast.smaller(run.blast, run.environment.rules.blast)


def _unknown(run: Run, action: str, what: str) -> list[str]:
    """A limit that cannot be checked is a reason not to."""
    limits = _limits(run)
    if limits.tasks is None and (limits.percent is None or limits.percent >= 100):
        return []
    limit = f"{limits.tasks} tasks" if limits.tasks is not None else f"{limits.percent:g} %"
    return [f"how many of {what} {action} hits is unknown, the limit is {limit}"]


def _hits(action: str, arguments: Mapping[str, Any], found: Service) -> int | None:
    """Return how many tasks go, None when it cannot be said."""
    of, name = len(found.tasks), action.rpartition(".")[2]
    if not action.startswith(f"{CHAOSAWS}ecs."):
        return None
    if name == "stop_task":
        return 1
    if name == "stop_random_tasks":
        count, percent = arguments.get("task_count"), arguments.get("task_percent")
        return blast.how_many(of, int(count) if count else None, None if percent is None else math.floor(percent))
    if name == "update_desired_count":
        return max(0, of - int(arguments["desired_count"]))
    return {"delete_service": of, "tag_resource": 0, "untag_resource": 0}.get(name)


def _template(run: Run, name: str, targets: list[Target]) -> list[str]:
    """Look into a FIS template; add what it names to *targets* and return why it must not start."""
    found: Any = run.aws.fis.get_experiment_template(id=name)["experimentTemplate"]
    targets.append(Target("fis.template", name, found.get("arn", "")))
    deadly = {key for one in found["actions"].values() if one["actionId"] in FIS_GOES
              for key in (one.get("targets") or {}).values()}  # fmt: skip
    reasons: list[str] = []
    for key, target in found.get("targets", {}).items():
        told = target.get("parameters") or {}
        if {"cluster", "service"} <= told.keys():
            service = read_service(run, told["cluster"], told["service"])
            targets.append(service.target)
            hit = _selected(str(target.get("selectionMode", "ALL")), len(service.tasks))
            reasons += service.objections(run, hit, goes=key in deadly)
        elif arns := target.get("resourceArns"):
            reasons += [reason for arn in arns for reason in _resource(run, arn, targets)]
        else:
            reasons.append(f"what target {key} of FIS template {name} resolves to cannot be said beforehand; "
                           "name a service or ARNs in it")  # fmt: skip
    return reasons


def _selected(mode: str, of: int) -> int:
    """Return how many of *of* a FIS selection mode takes: ALL, COUNT(n) or PERCENT(n)."""
    match = SELECTION.fullmatch(mode)
    if match is None:
        return of
    number = int(match[2])
    return min(of, number) if match[1] == "COUNT" else of * number // 100


def _resource(run: Run, arn: str, targets: list[Target]) -> list[str]:
    if ":rds:" in arn and ":db:" in arn:
        database = read_database(run, arn.rpartition(":")[2])
        targets.append(database.target)
        return [*elsewhere(arn, run.environment), *database.forbidden(run.environment), *database.unrest()]
    return [f"whether {arn} may be hit cannot be said; name a service or a database in the FIS template"]


def _profile(run: Run, arguments: Mapping[str, Any]) -> list[str]:
    """An action with an account of its own would leave the one that was checked."""
    return [f"the argument {key} leads to another session than the one that was checked"
            for key in ("aws_profile_name", "aws_assume_role_arn") if arguments.get(key)]  # fmt: skip


def _arns(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("arn:"):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _arns(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _arns(item)


def _first(arguments: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((arguments[name] for name in names if arguments.get(name)), None)
