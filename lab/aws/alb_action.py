"""Checks the listener's actions and conditions as AWS checks them, and turns them into what the balancer plays.

What an ALB has and the lab does not play (stickiness, authentication, source addresses) is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.aws.registry import AwsError
from lab.routing import Action, Condition, FixedResponse, Forward, Redirect

Given = dict[str, Any]
MOST_GROUPS = 5
MOST_WEIGHT = 999
CONDITIONS = {  # AWS's field -> the member that holds its values, and the balancer's word
    "path-pattern": ("PathPatternConfig", "path"),
    "host-header": ("HostHeaderConfig", "host"),
    "http-request-method": ("HttpRequestMethodConfig", "method"),
    "http-header": ("HttpHeaderConfig", "header"),
    "query-string": ("QueryStringConfig", "query"),
}
AS_IT_IS = {  # the parts of the address that a redirect keeps
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")


def refuse(why: str) -> AwsError:
    """Return ValidationError, AWS's code for a value that it does not take."""
    return AwsError("ValidationError", why)


def forward_weights(action: Given) -> list[tuple[str, int]]:
    """Return the target groups of a forward action by ARN with their weights; none for another action."""
    if action.get("Type") != "forward":
        return []
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    if groups:
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups]
    return [(action["TargetGroupArn"], 1)] if "TargetGroupArn" in action else []


def checked_actions(actions: Sequence[Given], known: Mapping[str, object]) -> list[Given]:
    """Return the actions as AWS tells them back; `known` are the target groups by ARN."""
    if len(actions) != 1:
        raise AwsError("InvalidLoadBalancerAction", "The lab plays one action: forward, redirect or fixed-response")
    action = actions[0]
    match action.get("Type"):
        case "forward":
            return [_checked_forward(action, known)]
        case "fixed-response":
            return [_checked_fixed(action)]
        case "redirect":
            return [_checked_redirect(action)]
        case other:
            raise AwsError("InvalidLoadBalancerAction", f"The lab does not play the action type '{other}'")


def _checked_forward(action: Given, known: Mapping[str, object]) -> Given:
    weights = forward_weights(action)
    if not weights:
        raise refuse("A target group ARN must be specified for a forward action")
    if len(weights) > MOST_GROUPS or len({arn for arn, _ in weights}) < len(weights):
        raise AwsError(
            "InvalidLoadBalancerAction", f"A forward action takes up to {MOST_GROUPS} target groups, each once"
        )
    for arn, weight in weights:
        if arn not in known:
            raise AwsError("TargetGroupNotFound", f"Target groups '{arn}' not found")
        if not 0 <= weight <= MOST_WEIGHT:
            raise refuse(f"Target group weight '{weight}' must be between 0 and {MOST_WEIGHT} inclusive")
    stickiness = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    if stickiness.get("Enabled"):
        raise refuse("The lab does not play target group stickiness; set Enabled to false")
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
    alone = {"TargetGroupArn": weights[0][0]} if len(weights) == 1 else {}
    return {"Type": "forward", **alone, **_order(action), "ForwardConfig": config}


def _checked_fixed(action: Given) -> Given:
    config = action.get("FixedResponseConfig", {})
    code = str(config.get("StatusCode", ""))
    if not (len(code) == 3 and code.isdigit() and code[0] in "245"):
        raise refuse(f"The status code '{code}' of a fixed response must be 2XX, 4XX or 5XX")
    if config.get("ContentType") not in (None, *CONTENT_TYPES):
        raise refuse(f"The content type must be one of {', '.join(CONTENT_TYPES)}")
    return {"Type": "fixed-response", **_order(action), "FixedResponseConfig": dict(config)}


def _checked_redirect(action: Given) -> Given:
    config = {**AS_IT_IS, **action.get("RedirectConfig", {})}
    if config.get("StatusCode") not in ("HTTP_301", "HTTP_302"):
        raise refuse("The status code of a redirect must be HTTP_301 or HTTP_302")
    if all(config[name] == AS_IT_IS[name] for name in ("Protocol", "Port", "Host", "Path")):
        raise refuse("A redirect must change protocol, port, host or path, or it would come back for ever")
    for name, value in config.items():
        if name != "Path" and "#{" in str(value) and value != "#{" + name.lower() + "}":
            raise refuse(f"The lab plays placeholders in a redirect's Path only, not in {name} '{value}'")
    if "#{path}" in config["Path"] and config["Path"] != "/#{path}" and config["Query"] not in ("#{query}", ""):
        raise refuse("The lab does not play a redirect that changes both a part of the path and the query")
    return {"Type": "redirect", **_order(action), "RedirectConfig": config}


def _order(action: Given) -> Given:
    return {"Order": action["Order"]} if "Order" in action else {}


def to_action(action: Given, names: Mapping[str, str]) -> Action:
    """Return a checked action as the balancer takes it; `names` are those of the target groups by ARN."""
    match action["Type"]:
        case "forward":
            return Forward(tuple((names[arn], weight) for arn, weight in forward_weights(action)))
        case "fixed-response":
            config = action["FixedResponseConfig"]
            body, kind = config.get("MessageBody", ""), config.get("ContentType", "text/plain")
            return FixedResponse(int(config["StatusCode"]), body, kind)
    config = action["RedirectConfig"]
    given = {name: value for name, value in config.items() if value != "#{" + name.lower() + "}"}
    return Redirect(
        status=int(config["StatusCode"].removeprefix("HTTP_")),
        protocol=given.get("Protocol"),
        host=given.get("Host"),
        port=int(given["Port"]) if "Port" in given else None,
        path=given.get("Path"),
        query=given.get("Query"),
    )


def checked_conditions(conditions: Sequence[Given]) -> list[Given]:
    """Return a rule's conditions as AWS tells them back; every one must be of a kind that the balancer plays."""
    if not conditions:
        raise refuse("A rule must have at least one condition")
    kinds = [str(condition.get("Field")) for condition in conditions]
    for kind in kinds:
        if kind not in CONDITIONS:
            raise refuse(f"The lab does not play the condition field '{kind}'; it plays {', '.join(CONDITIONS)}")
        if kinds.count(kind) > 1 and kind not in ("http-header", "query-string"):
            raise refuse(f"A rule can only have one '{kind}' condition")
    return [_checked_condition(condition) for condition in conditions]


def _checked_condition(condition: Given) -> Given:
    kind = condition["Field"]
    if condition.get("RegexValues") or any(isinstance(v, dict) and v.get("RegexValues") for v in condition.values()):
        raise refuse("The lab does not play RegexValues; give Values, with * and ?")
    member, _ = CONDITIONS[kind]
    config = {**condition.get(member, {})}
    if not config.get("Values"):
        config["Values"] = list(condition.get("Values", []))
    if not config["Values"] or (kind == "http-header" and not config.get("HttpHeaderName")):
        raise refuse(f"A '{kind}' condition must have values{', and a header name' if kind == 'http-header' else ''}")
    if kind == "query-string" and len({pair.get("Key") for pair in config["Values"]} - {None}) != 1:
        raise refuse("The lab plays query strings of one key a condition")
    told = {"Field": kind, member: config}
    return {**told, "Values": config["Values"]} if kind in ("path-pattern", "host-header") else told


def to_condition(condition: Given) -> Condition:
    """Return a checked condition as the balancer takes it."""
    member, word = CONDITIONS[condition["Field"]]
    config = condition[member]
    if word == "query":
        pairs = config["Values"]
        return Condition(word, tuple(pair["Value"] for pair in pairs), pairs[0]["Key"])
    return Condition(word, tuple(config["Values"]), config.get("HttpHeaderName", "").lower())
