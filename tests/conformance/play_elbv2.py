"""Elastic Load Balancing, operation by operation."""

from __future__ import annotations

from typing import Any

from lab.settings import TARGET_GROUP
from tests.conformance.seen import Seen, all_refused, refused


def play(seen: Seen) -> None:
    """Call every operation of ELBv2, with a refusal where AWS has one."""
    elb = seen.client("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(Names=["nothing"])
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    with refused("TargetGroupNotFound"):
        elb.describe_target_groups(Names=["nothing"])
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    with refused("ListenerNotFound"):
        elb.describe_listeners(ListenerArns=[f"{listener}x"])
    elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancer_attributes(LoadBalancerArn=f"{balancer}x")
    elb.describe_tags(ResourceArns=[balancer])
    _rules(elb, listener)
    _changes(elb, balancer, listener)
    targets = [{"Id": "127.0.0.9", "Port": 1}]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    elb.describe_target_health(TargetGroupArn=group, Targets=targets)
    elb.deregister_targets(TargetGroupArn=group, Targets=targets)
    elb.describe_target_group_attributes(TargetGroupArn=group)
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    none = {"TargetGroupArn": f"{group}x"}
    all_refused(
        "TargetGroupNotFound",
        lambda: elb.register_targets(**none, Targets=targets),
        lambda: elb.describe_target_health(**none),
        lambda: elb.deregister_targets(**none, Targets=targets),
        lambda: elb.describe_target_group_attributes(**none),
        lambda: elb.modify_target_group_attributes(**none, Attributes=[delay]),
    )


def _changes(elb: Any, balancer: str, listener: str) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    elb.add_tags(ResourceArns=[balancer], Tags=tags)
    elb.remove_tags(ResourceArns=[balancer], TagKeys=["k"])
    idle = [{"Key": "idle_timeout.timeout_seconds", "Value": "10"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=idle)
    all_refused(
        "LoadBalancerNotFound",
        lambda: elb.add_tags(ResourceArns=[f"{balancer}x"], Tags=tags),
        lambda: elb.remove_tags(ResourceArns=[f"{balancer}x"], TagKeys=["k"]),
        lambda: elb.modify_load_balancer_attributes(LoadBalancerArn=f"{balancer}x", Attributes=idle),
        lambda: elb.describe_tags(ResourceArns=[f"{balancer}x"]),
    )
    known = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    elb.modify_listener(ListenerArn=listener, DefaultActions=known)
    with refused("ListenerNotFound"):
        elb.modify_listener(ListenerArn=f"{listener}x", DefaultActions=known)
    with refused("TooManyListeners"):
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=81, DefaultActions=known)
    with refused("OperationNotPermitted", "ResourceInUse"):
        elb.delete_listener(ListenerArn=listener)
    with refused("OperationNotPermitted"):
        elb.delete_load_balancer(LoadBalancerArn=balancer)


def _rules(elb: Any, listener: str) -> None:
    of, here = {"ListenerArn": listener}, [{"Field": "path-pattern", "Values": ["/conformance/*"]}]
    group = elb.create_target_group(Name="conformance", TargetType="ip", Port=80, Protocol="HTTP")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/health")
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    rule = elb.create_rule(**of, Priority=10, Conditions=here, Actions=forward)["Rules"][0]["RuleArn"]
    with refused("PriorityInUse"):
        elb.create_rule(**of, Priority=10, Conditions=here, Actions=forward)
    elb.describe_rules(**of)
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]
    with refused("ResourceInUse"):
        elb.delete_target_group(TargetGroupArn=arn)
    elb.modify_rule(RuleArn=rule, Actions=fixed)
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 20}])
    elb.delete_rule(RuleArn=rule)
    elb.delete_target_group(TargetGroupArn=arn)
    with refused("DuplicateTargetGroupName"):
        elb.create_target_group(Name=TARGET_GROUP, TargetType="ip", Port=81, Protocol="HTTP")
    with refused("TargetGroupNotFound"):
        elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/")
    all_refused(
        "RuleNotFound",
        lambda: elb.modify_rule(RuleArn=rule, Actions=fixed),
        lambda: elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 20}]),
        lambda: elb.delete_rule(RuleArn=rule),
        lambda: elb.describe_rules(RuleArns=[rule]),
    )
