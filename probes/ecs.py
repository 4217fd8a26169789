"""What is true of an ECS service, and the proofs that its tasks were stopped and replaced."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from gameday.model import Evidence, Json, iso
from gameday.safety import armed
from gameday.safety.armed import Run


def service_is_steady(cluster: str | None = None, service: str | None = None) -> bool:
    """Return whether the service runs as many tasks as it should, at least one, with no deployment under way.

    Own code, because chaosaws' `are_all_desired_tasks_running` is true for 0 of 0 tasks.
    """
    run = armed.current()
    found = _service(run, run.named("cluster", cluster), run.named("service", service))
    counts = found["desiredCount"], found["runningCount"], found["pendingCount"]
    return counts[0] > 0 and counts[0] == counts[1] and counts[2] == 0 and len(found["deployments"]) == 1


def snapshot(run: Run) -> dict[str, Json]:
    """Return the running tasks and the desired count, before anything is touched."""
    cluster, service = run.named("cluster", None), run.named("service", None)
    desired = _service(run, cluster, service)["desiredCount"]
    return {"running": cast("Json", run.aws.running_tasks(cluster, service)), "desired": desired}


def task_stopped(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: a task that ran before is STOPPED, by ECS's own record, and the service has noticed."""
    cluster, service = run.named("cluster", None), run.named("service", None)
    arns = run.aws.ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")["taskArns"]
    tasks = run.aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    ran = set(cast("list[str]", before["running"]))
    stopped = [
        task for task in tasks
        if task["taskArn"] in ran and task["lastStatus"] == "STOPPED" and task["stoppedAt"].timestamp() >= since
    ]  # fmt: skip
    if not stopped:
        return Evidence(False, ("no task that ran before the fault has been stopped since",), over=False)
    events = [event for event in _service(run, cluster, service)["events"] if event["createdAt"].timestamp() >= since]
    sentences = tuple(
        f"task {_short(task['taskArn'])} is STOPPED since {_at(task['stoppedAt'])}, "
        f"{task.get('stopCode', 'no stop code')}: {task.get('stoppedReason', 'no reason')}"
        for task in stopped
    )
    seen = tuple(f"service event at {_at(event['createdAt'])}: {event['message']}" for event in reversed(events))
    instants = {"ECS: task stopped": min(task["stoppedAt"].timestamp() for task in stopped)}
    return Evidence(bool(seen) or None, sentences + seen, instants, over=bool(seen))


def task_replaced(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: new tasks run, as many as the service should have, and the load balancer finds all of them healthy."""
    cluster, service = run.named("cluster", None), run.named("service", None)
    running = run.aws.running_tasks(cluster, service)
    ran = set(cast("list[str]", before["running"]))
    arns = [arn for arn in running if arn not in ran]
    new = run.aws.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    started = [task for task in new if task["lastStatus"] == "RUNNING" and "startedAt" in task]
    desired = cast("int", before["desired"])
    healthy = _healthy_targets(run)
    instants = {"ECS: replacement running": max(task["startedAt"].timestamp() for task in started)} if started else {}
    sentences = [
        f"task {_short(task['taskArn'])} runs since {_at(task['startedAt'])} in {task.get('availabilityZone', '?')}"
        for task in started
    ]
    sentences.append(f"{len(running)} of {desired} tasks run, {healthy} targets are healthy")
    whole = bool(started) and len(running) >= desired and healthy >= desired
    return Evidence(whole, tuple(sentences), instants, over=whole)


def _healthy_targets(run: Run) -> int:
    name = run.named("target_group", None)
    group = run.aws.elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
    states = run.aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(state["TargetHealth"]["State"] == "healthy" for state in states)


def _service(run: Run, cluster: str, service: str) -> dict[str, Any]:
    answer = run.aws.ecs.describe_services(cluster=cluster, services=[service])
    if not answer["services"]:
        raise LookupError(f"no service {service} in cluster {cluster}")
    return cast("dict[str, Any]", answer["services"][0])


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def _at(when: datetime) -> str:
    return iso(when.timestamp())


PROOFS = (task_stopped, task_replaced)
