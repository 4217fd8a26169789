"""Actions that leave something behind: nothing in the file puts it back.

Our own actions write their undo to disk before they act. Of others only `rollbacks` can know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gameday.engine.lint.case import Case
from gameday.errors import Problem

NEEDS_NO_UNDO: Mapping[str, str] = {
    "chaosaws.asg.actions.terminate_random_instances": "the group launches others",
    "chaosaws.cloudwatch.actions.put_metric_data": "a point of a metric changes nothing",
    "chaosaws.ec2.actions.restart_instances": "they come up again by themselves",
    "chaosaws.ecs.actions.stop_random_tasks": "the service's scheduler replaces what is stopped",
    "chaosaws.ecs.actions.stop_task": "the service's scheduler replaces what is stopped",
    "chaosaws.elasticache.actions.reboot_cache_clusters": "they come up again by themselves",
    "chaosaws.elasticache.actions.test_failover": "failing back would be a second outage",
    "chaosaws.awslambda.actions.invoke_function": "a call changes no setting",
    "chaosaws.msk.actions.reboot_msk_broker": "it comes up again by itself",
    "chaosaws.rds.actions.failover_db_cluster": "failing back would be a second outage",
    "chaosaws.rds.actions.reboot_db_instance": "failing back would be a second outage",
}


def undo(case: Case) -> Iterator[Problem]:
    """Rule: a file with an action that is not ours has rollbacks, unless the action is known to need none."""
    if case.data.get("rollbacks"):
        return
    for activity in case.activities("method"):
        name = f"{activity.module}.{activity.func}"
        if activity.data.get("type") != "action" or activity.module.startswith("actions.") or name in NEEDS_NO_UNDO:
            continue
        message = "nothing undoes this action; add `rollbacks`, or use an action of ours, which promises its undo"
        yield case.problem(activity.where, message)
