"""ECS over its API, against real processes: what DescribeTasks says is what happened to them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import psutil
import pytest
from botocore.exceptions import ClientError

from lab.settings import CLUSTER, REGION, SERVICE, ZONES
from tests.lab.bench import exists, wait_until
from tests.lab.twin import Twin

ORDER = ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


@contextmanager
def repeating(work: Callable[[], object], every_s: float) -> Iterator[None]:
    """Do something again and again in a thread while the block runs."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(every_s):
            work()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the error code that AWS would give."""
    return error.value.response["Error"]["Code"]


def identifier(arn: str) -> str:
    """Return a task's identifier."""
    return arn.rpartition("/")[2]


def test_first_service_runs_one_task_in_each_zone(lab: Twin) -> None:
    """Three tasks run, one a zone, each with its own address, its image's digest and a process that exists."""
    tasks = [lab.task(arn) for arn in lab.task_arns()]
    assert sorted(task["availabilityZone"] for task in tasks) == list(ZONES)
    addresses = {
        detail["value"]
        for task in tasks
        for detail in task["attachments"][0]["details"]
        if detail["name"] == "privateIPv4Address"
    }
    assert len(addresses) == 3
    assert addresses == {address for address, _ in lab.health()}
    assert all(task["containers"][0]["imageDigest"].startswith("sha256:") for task in tasks)
    assert all(exists(lab.pid_of(task["taskArn"])) for task in tasks)


def test_seeded_definition_allows_fault_injection(lab: Twin) -> None:
    """The first task definition has what FIS's network actions need: fault injection and the task's pid mode."""
    found = lab.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    assert found["taskDefinitionArn"].endswith(f":task-definition/{SERVICE}:{found['revision']}")
    assert found["enableFaultInjection"] is True
    assert found["pidMode"] == "task"
    assert found["containerDefinitions"][0]["name"] == "app"


def test_reading_changes_nothing(lab: Twin) -> None:
    """Ten reads give ten times the same answer."""
    arn = lab.task_arns()[0]
    assert len({repr(lab.task(arn)) for _ in range(10)}) == 1


def test_cluster_counts_are_real(lab: Twin) -> None:
    """DescribeClusters counts the tasks and services that there are."""
    cluster = lab.ecs.describe_clusters(clusters=[CLUSTER])["clusters"][0]
    assert (cluster["runningTasksCount"], cluster["pendingTasksCount"], cluster["activeServicesCount"]) == (3, 0, 1)


def test_stopped_task_leaves_the_target_group_before_its_signal(lab: Twin) -> None:
    """StopTask: deregistered first, SIGTERM after the delay, then the exit; times and code tell the same story."""
    arn = lab.task_arns()[0]
    name = identifier(arn)
    lab.ecs.stop_task(cluster=CLUSTER, task=arn, reason="run 42")
    lab.wait_truth("task.stopped", since=0, task=name)
    story = lab.truth(
        "task.stop_requested", "task.deregistered", "task.sigterm", "task.exited", "task.stopped", task=name
    )
    assert [event["what"].partition(".")[2] for event in story] == [
        "stop_requested",
        "deregistered",
        "sigterm",
        "exited",
        "stopped",
    ]
    assert story[2]["t"] - story[1]["t"] >= lab.settings.simulated.deregistration_s
    task = lab.task(arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "run 42")
    assert task["containers"][0]["exitCode"] == 143
    times = [task[key] for key in ("createdAt", "startedAt", "stoppingAt", "executionStoppedAt", "stoppedAt")]
    assert times == sorted(times)
    assert abs(task["executionStoppedAt"].timestamp() - story[3]["t"]) < 0.01


def test_task_goes_through_its_states_in_order(lab: Twin) -> None:
    """Whoever polls sees a task's states in AWS's order, from PROVISIONING to RUNNING, from RUNNING to STOPPED."""
    first, last = set[str](), set[str]()
    for _ in range(5):  # whoever polls slowly does not see every state of one task
        seen, old, new = story_of_a_replacement(lab)
        for states in seen.values():
            ranks = [ORDER.index(state) for state in states]
            assert all(a < b for a, b in pairwise(ranks)), states
        assert {"RUNNING", "STOPPED"} <= set(seen[old]) and "RUNNING" in seen[new]
        first, last = first | set(seen[new]), last | set(seen[old])
        if {"PROVISIONING", "PENDING"} <= first and "DEACTIVATING" in last:
            return
    raise AssertionError(f"not all were seen: {first}, {last}")


def story_of_a_replacement(lab: Twin) -> tuple[dict[str, list[str]], str, str]:
    """Stop a task; return the states that were seen of each, the ARN of the one that went, of the one that came."""
    seen: dict[str, list[str]] = {}
    began = time.time()

    def look() -> None:
        every = [lab.task_arns(), lab.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED")["taskArns"]]
        arns = [arn for arns in every for arn in arns][-100:]
        for task in lab.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]:
            states = seen.setdefault(task["taskArn"], [])
            if not states or states[-1] != task["lastStatus"]:
                states.append(task["lastStatus"])

    look()
    old = lab.task_arns()[0]
    with repeating(look, 0.01):
        lab.ecs.stop_task(cluster=CLUSTER, task=old)
        lab.wait_truth("task.stopped", since=began, task=identifier(old))
        wait_until(lambda: "STOPPED" in seen[old], 15, "its end was seen")
        wait_until(lab.is_well, 15, "replaced")
    new = next(arn for arn in seen if lab.truth("task.created", since=began, task=identifier(arn)))
    look()
    return seen, old, new


def test_service_log_tells_the_replacement(lab: Twin) -> None:
    """The service's events name the new task, both changes of the target group, and the steady state at last."""
    began = time.time()
    arn = lab.task_arns()[0]
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    lab.wait_truth("service.steady", since=began)
    new = identifier(str(lab.truth("task.created", since=began)[0]["task"]))
    messages = [e["message"] for e in lab.service()["events"] if e["createdAt"].timestamp() >= began - 0.001]
    prefix = f"(service {SERVICE}) "
    assert messages[0] == prefix + "has reached a steady state."
    assert prefix + f"has started 1 tasks: (task {new})." in messages
    assert prefix + f"registered 1 targets in (target-group {lab.target_group})" in messages
    assert prefix + f"deregistered 1 targets in (target-group {lab.target_group})" in messages


def test_task_killed_behind_the_api_is_noticed_and_replaced(lab: Twin) -> None:
    """A SIGKILL that no API call asked for: EssentialContainerExited, 137, and a replacement that becomes healthy."""
    arn = lab.task_arns()[1]
    began = time.time()
    os.kill(lab.pid_of(arn), signal.SIGKILL)
    lab.wait_truth("task.exited", since=began, task=identifier(arn))
    wait_until(lambda: lab.task(arn)["desiredStatus"] == "STOPPED", 2, "noticed")
    task = lab.task(arn)
    exited, new = (lab.wait_truth(what, since=began)["t"] for what in ("task.exited", "task.created"))
    assert exited - 0.001 <= task["stoppingAt"].timestamp() <= new + 0.001  # as soon as it was noticed; milliseconds
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)
    lab.wait_truth("service.steady", since=began)
    created = lab.truth("task.created", since=began)[0]
    started = lab.truth("task.started", task=created["task"])[0]
    assert started["t"] - created["t"] >= lab.settings.simulated.task_start_s


def test_task_that_ignores_its_signal_is_killed(lab: Twin) -> None:
    """A frozen process does not see SIGTERM; SIGKILL follows after the stop timeout, exit code 137."""
    arn = lab.task_arns()[0]
    name = identifier(arn)
    pid = lab.pid_of(arn)
    os.kill(pid, signal.SIGSTOP)
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    lab.wait_truth("task.stopped", since=0, task=name)
    term, kill = lab.truth("task.sigterm", "task.sigkill", task=name)
    assert kill["t"] - term["t"] >= lab.settings.stop_timeout_s
    assert lab.task(arn)["containers"][0]["exitCode"] == 137


def test_service_scales_up_and_down(lab: Twin) -> None:
    """A desired count of five brings five healthy tasks; three again stops two of them."""
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=5)
    wait_until(lambda: Counter(lab.health().values())["healthy"] == 5, 15, "five healthy tasks")
    assert lab.service()["runningCount"] == 5
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=3)
    wait_until(lambda: lab.service()["runningCount"] == 3, 15, "three tasks")


def test_service_can_be_left_with_one_task(lab: Twin) -> None:
    """A desired count of one leaves one healthy task; three again start two."""
    lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=1)
    try:
        wait_until(lambda: lab.service()["runningCount"] == 1, 15, "one task is left")
        wait_until(lambda: list(lab.health().values()) == ["healthy"], 10, "it is alone in its target group")
        [left] = lab.task_arns()
        assert (lab.task(left)["lastStatus"], lab.task(left)["availabilityZone"][:-1]) == ("RUNNING", REGION)
    finally:
        lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=3)
    wait_until(lab.is_well, 20, "three tasks are back")


def test_rollout_under_way_is_seen(lab: Twin) -> None:
    """From the answer of UpdateService on there is a deployment in progress beside the one before, until it is done."""
    before = lab.service()["deployments"][0]["id"]
    answer = lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, forceNewDeployment=True)["service"]
    for service in (answer, lab.service()):
        new, old = service["deployments"]
        assert (new["status"], new["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
        assert (old["status"], old["rolloutState"], old["id"]) == ("ACTIVE", "COMPLETED", before)
    wait_until(lab.is_well, 30, "the rollout is done")
    [done] = lab.service()["deployments"]
    assert (done["id"], done["rolloutState"]) == (new["id"], "COMPLETED")


def test_rollout_never_has_fewer_than_the_desired_healthy_tasks(lab: Twin) -> None:
    """forceNewDeployment replaces every task: two deployments meanwhile, always three healthy, no request fails."""
    before = set(lab.task_arns())
    least: list[int] = []
    deployments: set[int] = set()
    statuses: Counter[int] = Counter()

    def look() -> None:
        least.append(Counter(lab.health().values())["healthy"])
        deployments.add(len(lab.service()["deployments"]))

    answer = lab.ecs.update_service(cluster=CLUSTER, service=SERVICE, forceNewDeployment=True)["service"]
    assert [each["status"] for each in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    with repeating(look, 0.03), repeating(lambda: statuses.update([lab.get().status]), 0.01):
        wait_until(lambda: lab.is_well() and not before & set(lab.task_arns()), 30, "rolled out")
    assert min(least) >= 3
    assert deployments == {1, 2}
    assert set(statuses) == {200}
    assert sum(statuses.values()) > 20


def test_image_that_does_not_exist_is_rolled_back(lab: Twin) -> None:
    """A release whose image cannot be pulled trips the circuit breaker; the service goes back and stays whole."""
    good = lab.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    container = {"name": "app", "image": "foodconnect-backend:no-such-build", "essential": True}
    bad = lab.ecs.register_task_definition(family="broken", containerDefinitions=[container])["taskDefinition"]  # type: ignore[list-item]
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    before = set(lab.task_arns())
    lab.ecs.update_service(
        cluster=CLUSTER,
        service=SERVICE,
        taskDefinition=bad["taskDefinitionArn"],
        deploymentConfiguration=breaker,  # type: ignore[arg-type]
    )
    wait_until(
        lambda: lab.service()["taskDefinition"] == good["taskDefinitionArn"] and lab.is_well(), 40, "rolled back"
    )
    assert before == set(lab.task_arns())
    stopped = lab.ecs.list_tasks(cluster=CLUSTER, family="broken", desiredStatus="STOPPED")["taskArns"]
    task = lab.task(stopped[0])
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError")
    history = lab.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE)["serviceDeployments"]
    assert [each["status"] for each in history[:2]] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_task_of_no_service_runs_and_is_not_registered(lab: Twin) -> None:
    """RunTask: a task with its own group and tags that ListTasks finds by family, and the balancer does not know."""
    tags = [{"key": "purpose", "value": "migration"}]
    answer = lab.ecs.run_task(cluster=CLUSTER, taskDefinition=SERVICE, startedBy="test", tags=tags)  # type: ignore[arg-type]
    arn = answer["tasks"][0]["taskArn"]
    wait_until(lambda: lab.task(arn)["lastStatus"] == "RUNNING", 15, "running")
    assert lab.task(arn)["group"] == f"family:{SERVICE}"
    assert lab.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == tags
    assert lab.ecs.list_tasks(cluster=CLUSTER, startedBy="test")["taskArns"] == [arn]
    assert arn not in lab.task_arns()
    assert len(lab.health()) == 3
    lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    wait_until(lambda: lab.task(arn)["lastStatus"] == "STOPPED", 15, "stopped")


def test_task_that_ends_while_it_starts_never_ran(lab: Twin) -> None:
    """A process that dies of its configuration: EssentialContainerExited, without a start time."""
    wrong = {"containerOverrides": [{"name": "app", "environment": [{"name": "POOL_SIZE", "value": "many"}]}]}
    arn = lab.ecs.run_task(cluster=CLUSTER, taskDefinition=SERVICE, overrides=wrong)["tasks"][0]["taskArn"]  # type: ignore[arg-type]
    wait_until(lambda: lab.task(arn)["lastStatus"] == "STOPPED", 15, "stopped")
    task = lab.task(arn)
    assert task["stopCode"] == "EssentialContainerExited"
    assert "startedAt" not in task
    assert task["containers"][0]["exitCode"] not in (0, 137, 143)


def test_service_without_a_target_group_lives_and_ends(lab: Twin) -> None:
    """A second service gets its task; scaled to zero and deleted it is INACTIVE, and its process is gone."""
    made = lab.ecs.create_service(
        cluster=CLUSTER, serviceName="worker", taskDefinition=SERVICE, desiredCount=1, launchType="FARGATE"
    )["service"]
    wait_until(lambda: lab.service("worker")["runningCount"] == 1, 15, "its task runs")
    assert made["serviceArn"] in lab.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    pid = lab.pid_of(lab.task_arns("worker")[0])
    with pytest.raises(ClientError) as refused:
        lab.ecs.delete_service(cluster=CLUSTER, service="worker")
    assert code_of(refused) == "InvalidParameterException"
    lab.ecs.update_service(cluster=CLUSTER, service="worker", desiredCount=0)
    lab.ecs.delete_service(cluster=CLUSTER, service="worker")
    wait_until(lambda: lab.service("worker")["status"] == "INACTIVE", 15, "inactive")
    assert not exists(pid)
    with pytest.raises(ClientError) as gone:
        lab.ecs.update_service(cluster=CLUSTER, service="worker", desiredCount=1)
    assert code_of(gone) == "ServiceNotActiveException"


def test_lists_come_in_pages(lab: Twin) -> None:
    """ListTasks with pages of two gives every task exactly once."""
    pages = list(
        lab.ecs.get_paginator("list_tasks").paginate(
            cluster=CLUSTER, serviceName=SERVICE, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["taskArns"]) for page in pages] == [2, 1]
    assert sorted(arn for page in pages for arn in page["taskArns"]) == sorted(lab.task_arns())


def test_tags_can_be_added_and_removed(lab: Twin) -> None:
    """A tag that was put on a service is listed with the seeded ones until it is taken off."""
    arn = lab.service()["serviceArn"]
    lab.ecs.tag_resource(resourceArn=arn, tags=[{"key": "run", "value": "7"}])
    listed = lab.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {"key": "run", "value": "7"} in listed
    assert {"key": "chaos", "value": "allowed"} in listed
    lab.ecs.untag_resource(resourceArn=arn, tagKeys=["run"])
    assert {"key": "run", "value": "7"} not in lab.ecs.list_tags_for_resource(resourceArn=arn)["tags"]


def test_unknown_names_get_aws_errors(lab: Twin) -> None:
    """Unknown clusters, services and tasks are refused with AWS's codes; describing them lists them as MISSING."""
    cases: list[tuple[str, Callable[[], object]]] = [
        ("ClusterNotFoundException", lambda: lab.ecs.list_tasks(cluster="nowhere")),
        ("ClusterNotFoundException", lambda: lab.ecs.list_tasks()),
        ("ServiceNotFoundException", lambda: lab.ecs.update_service(cluster=CLUSTER, service="x", desiredCount=1)),
        ("ServiceNotFoundException", lambda: lab.ecs.list_tasks(cluster=CLUSTER, serviceName="x")),
        ("InvalidParameterException", lambda: lab.ecs.stop_task(cluster=CLUSTER, task="x")),
        ("ClientException", lambda: lab.ecs.describe_task_definition(taskDefinition="x")),
        ("ClientException", lambda: lab.ecs.run_task(cluster=CLUSTER, taskDefinition=f"{SERVICE}:999")),
    ]
    for code, work in cases:
        with pytest.raises(ClientError) as error:
            work()
        assert code_of(error) == code
    assert lab.ecs.describe_tasks(cluster=CLUSTER, tasks=["x"])["failures"][0]["reason"] == "MISSING"
    assert lab.ecs.describe_services(cluster=CLUSTER, services=["x"])["failures"][0]["reason"] == "MISSING"
    assert lab.ecs.describe_clusters(clusters=["x"])["failures"][0]["reason"] == "MISSING"


def test_every_process_is_a_child_of_the_daemon(lab: Twin) -> None:
    """The pids in the lab's state are alive, and the tasks among them are those that the API names."""
    pids = lab.pids()
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    tasks = {name.removeprefix("task-") for name in pids if name.startswith("task-")}
    assert tasks == {identifier(arn)[:12] for arn in lab.task_arns()}
