"""Handlers answer in AWS's member names: what a serializer would silently drop is found here."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from lab import boot
from lab.aws.alb_watch import watch
from lab.aws.ecs_model import Status
from lab.aws.registry import Call, Params, handler_of, operations
from lab.aws.world import World
from lab.checks import check_home
from lab.processes import Children
from lab.seed import seed
from lab.settings import ACCOUNT, CLUSTER, DATABASE, REGION, SERVICE
from lab.state import Home
from tests.lab.bench import wait_until
from tests.lab.twin import lab_home, settings_for

TYPES = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "double": float,
    "float": float,
    "timestamp": datetime,
}
OURS = ("ecs", "elbv2", "fis", "rds")
REFUSED = {("elbv2", "CreateListener"), ("elbv2", "DeleteListener")}  # whatever is asked, the answer is an error


def wrong(shape: Shape | None, value: Any, where: str) -> list[str]:
    """Return what in a value the shape has no place for."""
    if isinstance(shape, StructureShape):
        strange = [f"{where}.{name}: no such member" for name in value if name not in shape.members]
        known = ((name, each) for name, each in value.items() if name in shape.members)
        return strange + [line for name, each in known for line in wrong(shape.members[name], each, f"{where}.{name}")]
    if isinstance(shape, ListShape):
        return [line for n, each in enumerate(value) for line in wrong(shape.member, each, f"{where}[{n}]")]
    if isinstance(shape, MapShape):
        return [line for name, each in value.items() for line in wrong(shape.value, each, f"{where}[{name}]")]
    if shape is None:
        return [f"{where}: an answer where none is expected"] if value else []
    fits = isinstance(value, TYPES[shape.type_name]) and (shape.type_name == "boolean" or not isinstance(value, bool))
    return [] if fits else [f"{where}: {type(value).__name__} instead of {shape.type_name}"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world in this process, with a running service; its loops are not needed but for the tasks."""
    with lab_home() as home:
        settings = settings_for(home)
        check_home(home)
        children = Children(Home(home).children)
        try:
            world = boot.start(settings, children, lambda sentence: None)
            try:
                seed(world)
                wait_until(lambda: stepped(world), 20, "three healthy tasks")
                yield world
            finally:
                world.truth.close()
        finally:
            children.stop_all()


def stepped(world: World) -> bool:
    """Step the cluster once, as its loop does; True when three tasks are healthy and RUNNING."""
    with world.lock:
        chores = world.ecs.step(time.time())
    for chore in chores:
        chore()
    watch(world)
    with world.lock:
        ran = [task for task in world.ecs.tasks.records.values() if task.last is Status.RUNNING]
        return world.elbv2.counts()[0] == len(ran) == 3


def parameters(world: World) -> dict[tuple[str, str], Params]:
    """Return parameters for every operation of ours; those that change things come after those that read."""
    ecs, group = world.ecs, handled(world, "elbv2", "DescribeTargetGroups", {})["TargetGroups"][0]["TargetGroupArn"]
    balancer = handled(world, "elbv2", "DescribeLoadBalancers", {})["LoadBalancers"][0]["LoadBalancerArn"]
    listener = handled(world, "elbv2", "DescribeListeners", {})["Listeners"][0]["ListenerArn"]
    task, service = next(iter(ecs.tasks.records.values())).arn, ecs.services[SERVICE].arn
    database = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DATABASE}"
    wait = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT30S"}}
    stop = {"actionId": "aws:ecs:stop-task", "targets": {"Tasks": "t"}, "startAfter": ["wait"]}
    target = {"resourceType": "aws:ecs:task", "resourceArns": [task], "selectionMode": "ALL"}
    body = {
        "description": "d",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/x",
        "stopConditions": [{"source": "none"}],
        "actions": {"wait": wait, "stop": stop},
        "targets": {"t": target},
        "tags": {"Name": "x"},
    }
    template = world.fis.create(body, uuid.uuid4().hex)
    experiment = world.fis.start(template, uuid.uuid4().hex, skip_all=False, tags={"a": "b"})
    doomed = world.fis.create(body, uuid.uuid4().hex)
    wait_until(lambda: experiment.status == "running", 5, "the experiment runs")
    in_cluster, definition = {"cluster": CLUSTER}, f"{SERVICE}:1"
    addresses = [{"Id": "127.0.0.9", "Port": 1}]
    tags, aws_tags = [{"key": "k", "value": "v"}], [{"Key": "k", "Value": "v"}]
    container = {"name": "app", "image": "foodconnect-backend", "essential": True}
    return {
        ("ecs", "DescribeClusters"): {"clusters": [CLUSTER, "x"]},
        ("ecs", "ListClusters"): {},
        ("ecs", "DescribeTaskDefinition"): {"taskDefinition": SERVICE, "include": ["TAGS"]},
        ("ecs", "ListTaskDefinitions"): {},
        ("ecs", "DescribeServices"): {**in_cluster, "services": [SERVICE, "x"], "include": ["TAGS"]},
        ("ecs", "ListServices"): in_cluster,
        ("ecs", "ListServiceDeployments"): {**in_cluster, "service": SERVICE},
        ("ecs", "ListTasks"): in_cluster,
        ("ecs", "DescribeTasks"): {**in_cluster, "tasks": [task, "x"], "include": ["TAGS"]},
        ("ecs", "ListTagsForResource"): {"resourceArn": service},
        ("elbv2", "DescribeLoadBalancers"): {},
        ("elbv2", "DescribeTargetGroups"): {},
        ("elbv2", "DescribeListeners"): {"LoadBalancerArn": balancer},
        ("elbv2", "DescribeTargetHealth"): {"TargetGroupArn": group},
        ("elbv2", "DescribeTargetGroupAttributes"): {"TargetGroupArn": group},
        ("elbv2", "DescribeLoadBalancerAttributes"): {"LoadBalancerArn": balancer},
        ("elbv2", "DescribeTags"): {"ResourceArns": [balancer]},
        ("elbv2", "DescribeRules"): {"ListenerArn": listener},
        ("rds", "DescribeDBInstances"): {},
        ("rds", "DescribeEvents"): {},
        ("rds", "DescribeEventCategories"): {},
        ("rds", "ListTagsForResource"): {"ResourceName": database},
        ("fis", "GetExperimentTemplate"): {"id": template.id},
        ("fis", "ListExperimentTemplates"): {},
        ("fis", "GetExperiment"): {"id": experiment.id},
        ("fis", "ListExperiments"): {},
        ("fis", "ListExperimentResolvedTargets"): {"experimentId": experiment.id},
        ("fis", "ListActions"): {},
        ("fis", "GetAction"): {"id": "aws:ecs:task-network-latency"},
        ("fis", "GetSafetyLever"): {"id": "default"},
        ("fis", "ListTagsForResource"): {"resourceArn": template.arn},
        ("ecs", "TagResource"): {"resourceArn": service, "tags": tags},
        ("ecs", "UntagResource"): {"resourceArn": service, "tagKeys": ["k"]},
        **balancing(world, balancer, listener),
        ("elbv2", "RegisterTargets"): {"TargetGroupArn": group, "Targets": addresses},
        ("elbv2", "DeregisterTargets"): {"TargetGroupArn": group, "Targets": addresses},
        ("elbv2", "ModifyTargetGroupAttributes"): {
            "TargetGroupArn": group,
            "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}],
        },
        ("rds", "AddTagsToResource"): {"ResourceName": database, "Tags": aws_tags},
        ("rds", "RemoveTagsFromResource"): {"ResourceName": database, "TagKeys": ["k"]},
        ("fis", "TagResource"): {"resourceArn": template.arn, "tags": {"k": "v"}},
        ("fis", "CreateExperimentTemplate"): {**body, "clientToken": uuid.uuid4().hex},
        ("fis", "DeleteExperimentTemplate"): {"id": doomed.id},
        ("fis", "StartExperiment"): {"experimentTemplateId": template.id, "clientToken": uuid.uuid4().hex},
        ("fis", "StopExperiment"): {"id": experiment.id},
        ("fis", "UpdateSafetyLeverState"): {"id": "default", "state": {"status": "engaged", "reason": "over"}},
        ("ecs", "RegisterTaskDefinition"): {"family": "other", "containerDefinitions": [container]},
        ("ecs", "DeregisterTaskDefinition"): {"taskDefinition": "other:1"},
        ("ecs", "CreateService"): {**in_cluster, "serviceName": "other", "taskDefinition": definition},
        ("ecs", "RunTask"): {**in_cluster, "taskDefinition": definition, "tags": tags},
        ("ecs", "UpdateService"): {**in_cluster, "service": SERVICE, "forceNewDeployment": True},
        ("ecs", "DeleteService"): {**in_cluster, "service": "other"},
        ("ecs", "StopTask"): {**in_cluster, "task": task},
        ("rds", "ModifyDBInstance"): {"DBInstanceIdentifier": DATABASE, "MultiAZ": True, "ApplyImmediately": True},
        ("rds", "RebootDBInstance"): {"DBInstanceIdentifier": DATABASE},
    }


def balancing(world: World, balancer: str, listener: str) -> dict[tuple[str, str], Params]:
    """Return parameters for what changes the load balancer, its listener, rules and target groups."""
    arn, other = (
        handled(world, "elbv2", "CreateTargetGroup", {"Name": name, "TargetType": "ip", "Port": 80})["TargetGroups"][0][
            "TargetGroupArn"
        ]
        for name in ("shape", "other")
    )
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    when = [{"Field": "path-pattern", "Values": ["/shape/*"]}]
    rule, doomed = (
        handled(
            world,
            "elbv2",
            "CreateRule",
            {"ListenerArn": listener, "Priority": priority, "Conditions": when, "Actions": forward},
        )["Rules"][0]["RuleArn"]
        for priority in (10, 11)
    )
    idle = {"Key": "idle_timeout.timeout_seconds", "Value": "10"}
    default = handled(world, "elbv2", "DescribeListeners", {})["Listeners"][0]["DefaultActions"]
    return {
        ("elbv2", "AddTags"): {"ResourceArns": [arn], "Tags": [{"Key": "k", "Value": "v"}]},
        ("elbv2", "RemoveTags"): {"ResourceArns": [arn], "TagKeys": ["k"]},
        ("elbv2", "ModifyLoadBalancerAttributes"): {"LoadBalancerArn": balancer, "Attributes": [idle]},
        ("elbv2", "ModifyListener"): {"ListenerArn": listener, "DefaultActions": default},
        ("elbv2", "CreateRule"): {"ListenerArn": listener, "Priority": 12, "Conditions": when, "Actions": fixed},
        ("elbv2", "ModifyRule"): {"RuleArn": rule, "Actions": fixed},
        ("elbv2", "SetRulePriorities"): {"RulePriorities": [{"RuleArn": rule, "Priority": 20}]},
        ("elbv2", "DeleteRule"): {"RuleArn": doomed},
        ("elbv2", "CreateTargetGroup"): {"Name": "third", "TargetType": "ip", "Port": 80},
        ("elbv2", "ModifyTargetGroup"): {"TargetGroupArn": arn, "HealthCheckPath": "/health"},
        ("elbv2", "DeleteTargetGroup"): {"TargetGroupArn": other},
    }


def handled(world: World, service: str, operation: str, params: Params) -> Any:
    """Return what a handler answers."""
    handler = handler_of(service, operation)
    assert handler is not None
    with world.lock:
        return handler(world, params, Call("lab", REGION, service))


def test_every_answer_fits_its_shape(world: World) -> None:
    """Every operation of ECS, ELB, RDS and FIS: only members that botocore knows, of the type it expects."""
    session, problems = botocore.session.get_session(), []
    given = parameters(world)
    assert set(given) == {known for known in operations() if known[0] in OURS} - REFUSED
    for (service, operation), params in given.items():
        shape = session.get_service_model(service).operation_model(operation).output_shape
        problems += wrong(shape, handled(world, service, operation, params), f"{service}:{operation}")
    assert problems == []
