"""chaosaws 0.35.1, function by function: what must not be used as it is, why, and what to use instead.

A table. An entry applies when its condition holds for the arguments given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gameday.engine.lint.case import Case, mapping
from gameday.errors import Problem
from gameday.model import Json

Arguments = Mapping[str, Json]


def _always(_: Arguments) -> bool:
    return True


def _unless_false(*names: str) -> Callable[[Arguments], bool]:
    return lambda given: any(given.get(name) is not False for name in names)


def _without(*names: str) -> Callable[[Arguments], bool]:
    return lambda given: any(given.get(name) is None for name in names)


def _small_percent(given: Arguments) -> bool:
    percent = given.get("task_percent")
    return percent is not None and not (isinstance(percent, int | float) and percent >= 100)


@dataclass(frozen=True, slots=True)
class Trap:
    """Why a function must not be used as it is, and what instead."""

    why: str
    instead: str
    when: Callable[[Arguments], bool] = _always


_NO_DATA = "answers 0 when there is no data, so a mistyped metric passes"
_STEADY = "put the metric into `steady` of our block and use `probes.gameday.steady`"
_FIS = "use an action of ours, such as `actions.latency.between`, which waits for FIS and can stop it"
_NO_START = "chaosaws has no function that starts it again, so it stays stopped"
_FAILOVER = "for a Multi-AZ instance use `actions.rds.reboot_with_failover`"
_UNDELETED = "deletes the data with its backups by default"
TRAPS: Mapping[str, Trap] = {
    "cloudwatch.probes.get_metric_statistics": Trap(_NO_DATA, _STEADY),
    "cloudwatch.probes.get_metric_data": Trap(_NO_DATA, _STEADY),
    "rds.actions.failover_db_cluster": Trap(
        "without a target is refused by boto3", "add target_db_instance_identifier; " + _FAILOVER,
        _without("target_db_instance_identifier"),
    ),
    "rds.actions.stop_db_instance": Trap(_NO_START, _FAILOVER),
    "rds.actions.stop_db_cluster": Trap(_NO_START, "use failover_db_cluster with a target"),
    "rds.actions.delete_db_instance": Trap(
        _UNDELETED, "write `skip_final_snapshot: false` and `delete_automated_backups: false`",
        _unless_false("skip_final_snapshot", "delete_automated_backups"),
    ),
    "rds.actions.delete_db_cluster": Trap(
        _UNDELETED, "write `skip_final_snapshot: false`", _unless_false("skip_final_snapshot")
    ),
    "rds.actions.delete_db_cluster_endpoint": Trap(
        "passes a DNS name where AWS wants an identifier, so it fails", "delete it with a process provider"
    ),
    "ecs.actions.update_container_instances_state": Trap(
        "calls a method that boto3 does not have, so it fails", "drain by FIS: aws:ecs:drain-container-instances"
    ),
    "ecs.actions.stop_random_tasks": Trap(
        "rounds the percent down, to no task at all for few, and succeeds",
        "use `actions.ecs.stop_task` with percent or count", _small_percent,
    ),
    "ecs.probes.describe_tasks": Trap("fails above 100 tasks", "use `probes.ecs.service_is_steady`"),
    "ecs.probes.are_all_desired_tasks_running": Trap("is true for 0 of 0 tasks", "use `probes.ecs.service_is_steady`"),
    "fis.actions.start_experiment": Trap(
        "returns at once, and its experiment's id cannot reach the rollbacks", _FIS
    ),
    "fis.actions.stop_experiments_by_tags": Trap(
        "sees the first 100 experiments only, and the first error ends it", _FIS
    ),
    "eks.actions.create_cluster": Trap("without a version is refused by boto3", "add version", _without("version")),
    "ssm.actions.put_parameter": Trap(
        "without each of its optional arguments is refused by boto3", "write them all out",
        _without("description", "type", "key_id", "allowed_pattern", "tags", "tier", "policies", "data_type"),
    ),
}  # fmt: skip
ONE_PROFILE = "aws_profile_name"


def traps(case: Case) -> Iterator[Problem]:
    """Rule: no function of chaosaws is used where it does something else than it says."""
    for activity in case.activities():
        trap = TRAPS.get(f"{activity.module.removeprefix('chaosaws.')}.{activity.func}")
        if trap and activity.module.startswith("chaosaws.") and trap.when(activity.arguments):
            yield case.problem(activity.at("provider", "func"), f"{activity.func} {trap.why}; {trap.instead}")
    if ONE_PROFILE in mapping(case.data.get("configuration")):
        message = "chaosaws takes the first profile of a process and ignores a second; choose it by AWS_PROFILE"
        yield case.problem(("configuration", ONE_PROFILE), message, at_key=True)
