"""Elastic Load Balancing v2: the one listener and its rules; a change is in force within some milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.alb_action import checked_actions, checked_conditions
from lab.aws.alb_rules import DEFAULT, Rule
from lab.aws.elbv2_page import check_balancer, page
from lab.aws.names import LISTENER_ARN, LOAD_BALANCER_ARN
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed

if TYPE_CHECKING:
    from lab.aws.world import World

HIGHEST_PRIORITY = 50_000
UNPLAYED = ("SslPolicy", "Certificates", "AlpnPolicy", "MutualAuthentication")  # of a listener
TRANSFORMS = ("Transforms",)


def _listener(world: World) -> dict[str, object]:
    return {
        "ListenerArn": LISTENER_ARN,
        "LoadBalancerArn": LOAD_BALANCER_ARN,
        "Port": world.settings.alb_port,
        "Protocol": "HTTP",
        "DefaultActions": world.elbv2.listener.default.actions,
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "RuleArn": rule.arn,
        "Priority": DEFAULT if rule.priority is None else str(rule.priority),
        "Conditions": rule.conditions,
        "Actions": rule.actions,
        "IsDefault": rule.priority is None,
    }


def _check_listener(arn: str) -> None:
    if arn != LISTENER_ARN:
        raise AwsError("ListenerNotFound", f"One or more listeners not found: '{arn}'")


@handles("elbv2", "DescribeListeners")
def describe_listeners(world: World, params: Params, call: Call) -> dict[str, object]:
    """The one listener, on the lab's port, with its default action."""
    if params.get("LoadBalancerArn"):
        check_balancer(params["LoadBalancerArn"])
    for arn in params.get("ListenerArns", []):
        _check_listener(arn)
    found, more = page([_listener(world)], params)
    return {"Listeners": found, **more}


@handles("elbv2", "CreateListener")
def create_listener(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: the lab's ports are dealt out, and the load balancer has one of them."""
    check_balancer(params["LoadBalancerArn"])
    if params.get("Port") == world.settings.alb_port:
        raise AwsError("DuplicateListener", f"A listener already exists on this port '{params['Port']}'")
    raise AwsError("TooManyListeners", "The lab's load balancer has one listener; give it rules instead (CreateRule)")


@handles("elbv2", "DeleteListener")
def delete_listener(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: the lab cannot create it anew."""
    _check_listener(params["ListenerArn"])
    raise AwsError("ResourceInUse", "The lab's load balancer keeps its one listener; change it with ModifyListener")


@handles("elbv2", "ModifyListener")
def modify_listener(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change the default action, such as the weights of its target groups; port and protocol stay.

    Missing: HTTPS with its certificates and policies is refused.
    """
    _check_listener(params["ListenerArn"])
    refuse_unplayed("InvalidConfigurationRequest", params, UNPLAYED)
    if (
        params.get("Port", world.settings.alb_port) != world.settings.alb_port
        or params.get("Protocol", "HTTP") != "HTTP"
    ):
        raise AwsError("InvalidConfigurationRequest", f"The lab's listener stays on HTTP:{world.settings.alb_port}")
    if "DefaultActions" in params:
        _set_actions(world, world.elbv2.listener.default, params["DefaultActions"])
        world.elbv2.apply()
    return {"Listeners": [_listener(world)]}


def _set_actions(world: World, rule: Rule, actions: list[Params]) -> None:
    rule.actions = checked_actions(actions, world.elbv2.groups)
    priority = rule.priority or DEFAULT
    world.truth.note("listener.rule", rule=rule.arn.rpartition("/")[2], priority=priority, actions=rule.actions)


@handles("elbv2", "DescribeRules")
def describe_rules(world: World, params: Params, call: Call) -> dict[str, object]:
    """The rules in their order, the default rule last."""
    rules = world.elbv2.listener.in_order()
    if params.get("ListenerArn"):
        _check_listener(params["ListenerArn"])
    elif params.get("RuleArns"):
        rules = [world.elbv2.listener.find(arn) for arn in params["RuleArns"]]
    else:
        raise AwsError("ValidationError", "Either a listener ARN or rule ARNs must be specified")
    found, more = page([_rule(rule) for rule in rules], params)
    return {"Rules": found, **more}


@handles("elbv2", "CreateRule")
def create_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Add a rule by priority, 1 first.

    Missing: source-ip conditions, regular expressions, authentication, stickiness, transforms and placeholders outside
    a redirect's path are refused.
    """
    _check_listener(params["ListenerArn"])
    refuse_unplayed("ValidationError", params, TRANSFORMS)
    priority = _priority(params["Priority"])
    conditions = checked_conditions(params["Conditions"])
    actions = checked_actions(params["Actions"], world.elbv2.groups)
    rule = world.elbv2.listener.add(priority, conditions, actions)
    if params.get("Tags"):
        world.elbv2.tags[rule.arn] = {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
    _set_actions(world, rule, actions)
    world.elbv2.apply()
    return {"Rules": [_rule(rule)]}


@handles("elbv2", "ModifyRule")
def modify_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Change a rule's conditions or actions; OperationNotPermitted for the default rule.

    Missing: what CreateRule refuses is refused here too.
    """
    rule = world.elbv2.listener.find(params["RuleArn"])
    if rule.priority is None:
        raise AwsError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified; use ModifyListener")
    refuse_unplayed("ValidationError", params, TRANSFORMS)
    conditions = checked_conditions(params["Conditions"]) if params.get("Conditions") else rule.conditions
    if params.get("Actions"):
        _set_actions(world, rule, params["Actions"])
    rule.conditions = conditions
    world.elbv2.apply()
    return {"Rules": [_rule(rule)]}


@handles("elbv2", "DeleteRule")
def delete_rule(world: World, params: Params, call: Call) -> dict[str, object]:
    """Delete a rule; OperationNotPermitted for the default rule."""
    world.elbv2.listener.remove(params["RuleArn"])
    world.elbv2.apply()
    return {}


@handles("elbv2", "SetRulePriorities")
def set_rule_priorities(world: World, params: Params, call: Call) -> dict[str, object]:
    """Give rules other priorities, all at once."""
    wanted = {pair["RuleArn"]: _priority(pair.get("Priority")) for pair in params["RulePriorities"]}
    rules = world.elbv2.listener.order(wanted)
    world.elbv2.apply()
    return {"Rules": [_rule(rule) for rule in rules]}


def _priority(given: object) -> int:
    if not isinstance(given, int) or not 1 <= given <= HIGHEST_PRIORITY:
        raise AwsError("ValidationError", f"The priority '{given}' must be between 1 and {HIGHEST_PRIORITY} inclusive")
    return given
