"""Elastic Load Balancing, operation by operation."""

from __future__ import annotations

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
