"""Application Auto Scaling over its API: scalable targets, target tracking policies, scaling activities, for ECS."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.aws.metric_data import Query
from lab.aws.metrics import Metric
from lab.aws.names import instant
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.scaling_targets import Activity, Policy, Target
from lab.settings import ACCOUNT, CLUSTER

if TYPE_CHECKING:
    from lab.aws.world import World

SERVICE = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
ROLE_PATH = "aws-service-role/ecs.application-autoscaling.amazonaws.com"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{ROLE_PATH}/AWSServiceRoleForApplicationAutoScaling_ECSService"
PAGE = 50
STATISTICS = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}


def invalid(message: str) -> AwsError:
    """Return the answer to a request that makes no sense."""
    return AwsError("ValidationException", message)


def page(items: list[Any], params: Params) -> tuple[list[Any], dict[str, object]]:
    """Cut one page out of `items`; return it and the member that leads to the next."""
    size, token = int(params.get("MaxResults") or PAGE), params.get("NextToken") or "0"
    if not token.isdigit():
        raise AwsError("InvalidNextTokenException", "The specified next token is invalid.")
    first = int(token)
    more: dict[str, object] = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return items[first : first + size], more


def _is_ecs(params: Params) -> bool:
    return params["ServiceNamespace"] == "ecs" and params.get("ScalableDimension") in (None, DIMENSION)


def _resource(params: Params) -> str:
    """Return the resource of a request that must be a service."""
    if not _is_ecs(params):
        raise invalid("The lab scales services of ECS only: ServiceNamespace ecs, ScalableDimension " + DIMENSION)
    resource: str = params["ResourceId"]
    if not resource.startswith("service/") or resource.count("/") != 2:
        raise invalid("Unsupported resource type; a service is named service/CLUSTER/NAME.")
    return resource


def _target(world: World, resource: str) -> Target:
    found = world.scaling.targets.get(resource)
    if found is None:
        named = f"service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}"
        raise AwsError("ObjectNotFoundException", f"No scalable target registered for {named}")
    return found


# -- targets -------------------------------------------------------------------------------------------


@handles(SERVICE, "RegisterScalableTarget")
def register_scalable_target(world: World, params: Params, call: Call) -> dict[str, object]:
    """Let a service be scaled between two bounds; a second call changes what it names.

    Missing: tags are not kept, and no scheduled action can be put, so ScheduledScalingSuspended has no effect.
    """
    resource = _resource(params)
    _, cluster, name = resource.split("/")
    service = world.ecs.services.get(name) if cluster == CLUSTER else None
    if service is None or service.status != "ACTIVE":
        raise invalid(f"ECS service doesn't exist: {resource}")
    known = world.scaling.targets.get(resource)
    bounds = [params.get(member) for member in ("MinCapacity", "MaxCapacity")]
    if known is not None:
        bounds = [new if new is not None else old for new, old in zip(bounds, (known.least, known.most), strict=True)]
    least, most = bounds
    if least is None or most is None:
        raise invalid("MinCapacity and MaxCapacity must be given to register a scalable target.")
    if not 0 <= least <= most:
        raise invalid("Maximum capacity cannot be less than minimum capacity, and neither can be negative.")
    target = known or Target(resource, least, most, params.get("RoleARN") or ROLE, time.time())
    target.least, target.most = least, most
    target.suspended |= params.get("SuspendedState") or {}
    world.scaling.targets[resource] = target
    return {"ScalableTargetARN": target.arn}


@handles(SERVICE, "DescribeScalableTargets")
def describe_scalable_targets(world: World, params: Params, call: Call) -> dict[str, object]:
    """The targets of a namespace, or those that are named.

    Missing: PredictedCapacity, as there is no predictive scaling.
    """
    wanted = params.get("ResourceIds") or []
    every = world.scaling.targets.values() if _is_ecs(params) else ()
    shown, more = page([target for target in every if not wanted or target.resource in wanted], params)
    return {"ScalableTargets": [_target_view(target) for target in shown], **more}


def _target_view(target: Target) -> dict[str, object]:
    members = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": target.resource,
        "ScalableDimension": DIMENSION,
        "MinCapacity": target.least,
        "MaxCapacity": target.most,
        "RoleARN": target.role,
        "CreationTime": instant(target.created_at),
        "SuspendedState": {member: bool(target.suspended.get(member)) for member in members},
        "ScalableTargetARN": target.arn,
    }


@handles(SERVICE, "DeregisterScalableTarget")
def deregister_scalable_target(world: World, params: Params, call: Call) -> dict[str, object]:
    """Forget a target, its policies and their alarms."""
    world.scaling.delete_target(_target(world, _resource(params)))
    return {}


# -- policies ------------------------------------------------------------------------------------------


@handles(SERVICE, "PutScalingPolicy")
def put_scaling_policy(world: World, params: Params, call: Call) -> dict[str, object]:
    """A target tracking policy with its two alarms; step and predictive scaling are not played.

    Simulated: how long a metric is off its target before the service follows (`scaling_out_s`, `scaling_in_s`).
    Missing: metric math in a customized metric.
    """
    resource = _resource(params)
    _target(world, resource)
    configuration = params.get("TargetTrackingScalingPolicyConfiguration")
    if params.get("PolicyType") != "TargetTrackingScaling" or not configuration:
        raise invalid("The lab plays the policy type TargetTrackingScaling only, with its configuration.")
    query = _query(configuration, resource.rpartition("/")[2])
    policy = world.scaling.put_policy(resource, params["PolicyName"], configuration, query)
    return {"PolicyARN": policy.arn, "Alarms": _alarms(policy)}


def _query(configuration: Mapping[str, Any], service: str) -> Query:
    """Return the metric that a policy follows."""
    predefined = configuration.get("PredefinedMetricSpecification")
    custom = configuration.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given.")
    if custom is not None:
        return _custom_query(custom)
    kind = predefined["PredefinedMetricType"] if predefined else ""
    if kind == "ALBRequestCountPerTarget":
        return Query("m1", _requests_metric((predefined or {}).get("ResourceLabel") or ""), "Sum")
    if kind not in STATISTICS:
        raise invalid(f"The predefined metric type {kind} is not one of services of ECS.")
    dimensions = {"ClusterName": CLUSTER, "ServiceName": service}
    return Query("m1", Metric.of("AWS/ECS", STATISTICS[kind], dimensions), "Average")


def _requests_metric(label: str) -> Metric:
    """Return the metric of a label `app/NAME/ID/targetgroup/NAME/ID`."""
    balancer, found, group = label.partition("/targetgroup/")
    if not found or not balancer.startswith("app/"):
        raise invalid("ResourceLabel must be app/NAME/ID/targetgroup/NAME/ID.")
    dimensions = {"LoadBalancer": balancer, "TargetGroup": f"targetgroup/{group}"}
    return Metric.of("AWS/ApplicationELB", "RequestCountPerTarget", dimensions)


def _custom_query(custom: Mapping[str, Any]) -> Query:
    missing = [member for member in ("MetricName", "Namespace", "Statistic") if not custom.get(member)]
    if missing:
        raise invalid(f"A customized metric needs MetricName, Namespace and Statistic; {missing[0]} is missing.")
    dimensions = {each["Name"]: each["Value"] for each in custom.get("Dimensions", [])}
    metric = Metric.of(custom["Namespace"], custom["MetricName"], dimensions)
    return Query("m1", metric, custom["Statistic"], unit=custom.get("Unit"))


def _alarms(policy: Policy) -> list[dict[str, str]]:
    return [{"AlarmName": alarm.name, "AlarmARN": alarm.arn} for alarm in policy.alarms]


@handles(SERVICE, "DescribeScalingPolicies")
def describe_scaling_policies(world: World, params: Params, call: Call) -> dict[str, object]:
    """The policies of a namespace, a resource, or those that are named."""
    names, resource = params.get("PolicyNames") or [], params.get("ResourceId")
    every = world.scaling.policies.values() if _is_ecs(params) else ()
    chosen = [p for p in every if resource in (None, p.resource) and (not names or p.name in names or p.arn in names)]
    shown, more = page(chosen, params)
    return {"ScalingPolicies": [_policy_view(policy) for policy in shown], **more}


def _policy_view(policy: Policy) -> dict[str, object]:
    return {
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "ServiceNamespace": "ecs",
        "ResourceId": policy.resource,
        "ScalableDimension": DIMENSION,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": dict(policy.configuration),
        "Alarms": _alarms(policy),
        "CreationTime": instant(policy.created_at),
    }


@handles(SERVICE, "DeleteScalingPolicy")
def delete_scaling_policy(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a policy and its alarms."""
    resource, name = _resource(params), params["PolicyName"]
    found = world.scaling.policies.get((resource, name))
    if found is None:
        named = f"policy name: {name}, service namespace: ecs, resource ID: {resource}"
        raise AwsError(
            "ObjectNotFoundException", f"No scaling policy found for {named}, scalable dimension: {DIMENSION}"
        )
    world.scaling.delete_policy(found)
    return {}


# -- activities ----------------------------------------------------------------------------------------


@handles(SERVICE, "DescribeScalingActivities")
def describe_scaling_activities(world: World, params: Params, call: Call) -> dict[str, object]:
    """What was scaled and why, newest first; with IncludeNotScaledActivities also why nothing was.

    Missing: activities other than those of target tracking; the newest 500 are kept, not six weeks.
    """
    resource, idle = params.get("ResourceId"), bool(params.get("IncludeNotScaledActivities"))
    every = world.scaling.activities if _is_ecs(params) else ()
    chosen = [a for a in every if resource in (None, a.resource) and (idle or a.not_scaled is None)]
    shown, more = page(chosen, params)
    return {"ScalingActivities": [_activity_view(activity) for activity in shown], **more}


def _activity_view(activity: Activity) -> dict[str, object]:
    view: dict[str, object] = {
        "ActivityId": activity.id,
        "ServiceNamespace": "ecs",
        "ResourceId": activity.resource,
        "ScalableDimension": DIMENSION,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": instant(activity.started_at),
        "StatusCode": activity.status,
        "StatusMessage": activity.message,
    }
    if activity.ended_at is not None:
        view["EndTime"] = instant(activity.ended_at)
    if activity.not_scaled is not None:
        view["NotScaledReasons"] = [dict(activity.not_scaled)]
    return view
