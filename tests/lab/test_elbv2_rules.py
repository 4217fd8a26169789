"""The listener's rules move real requests within a second: weights, conditions, fixed answers, redirects."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from typing import Any

import pytest

from lab.settings import TARGET_GROUP
from tests.lab.balancing import Spare, create_group, forward, listener_of, path, refused, rule, spare_group
from tests.lab.bench import call, wait_until
from tests.lab.twin import Twin
from tests.lab.upstream import upstreams

FIXED: Any = {"StatusCode": "418", "ContentType": "application/json", "MessageBody": '{"tea": 1}'}


def fixed(status: str = "418") -> list[Any]:
    """Return an action of the load balancer's own."""
    return [{"Type": "fixed-response", "FixedResponseConfig": {**FIXED, "StatusCode": status}}]


def test_weights_shift_real_requests_within_a_second(lab: Twin) -> None:
    """The listener's weights decide who gets requests: half each, then all to one, and back."""
    listener = listener_of(lab)
    with spare_group(lab) as spare, upstreams(1) as (blue,):
        spare.register(blue)
        try:
            lab.elbv2.modify_listener(
                ListenerArn=listener, DefaultActions=forward((lab.target_group, 50), (spare.arn, 50))
            )
            wait_until(lambda: lab.get().json == str(blue.port).encode(), 1, "the first request to the new group")
            found = Counter(lab.get().json == str(blue.port).encode() for _ in range(100))
            assert 25 <= found[True] <= 75
            lab.elbv2.modify_listener(
                ListenerArn=listener, DefaultActions=forward((lab.target_group, 0), (spare.arn, 1))
            )
            time.sleep(0.3)
            assert {lab.get().json for _ in range(30)} == {str(blue.port).encode()}
            (told,) = lab.elbv2.describe_listeners(ListenerArns=[listener])["Listeners"]
            weights = told["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
            assert [group["Weight"] for group in weights] == [0, 1]
        finally:
            lab.elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward((lab.target_group, 1)))
        wait_until(lambda: isinstance(lab.get().json, list), 1, "back")


def test_first_rule_that_fits_answers(lab: Twin) -> None:
    """Conditions on path, header, method and query are all needed; the lower priority wins; patterns know * and ?."""
    header: Any = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["yes*"]}}
    method: Any = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}
    query: Any = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}}
    alb = ("127.0.0.1", lab.settings.alb_port)

    def status(where: str, verb: str = "GET", **headers: str) -> int:
        return call(alb, verb, where, headers=headers).status

    with (
        rule(lab, 7, [*path("/tea/?", "/pot/*"), header, method, query], fixed("418")) as first,
        rule(lab, 8, path("/tea/*"), fixed("429")),
    ):
        wait_until(lambda: status("/tea/1") == 429, 1, "the second rule")
        assert status("/tea/1?v=2", **{"x-canary": "Yes, please"}) == 418
        assert status("/pot/of/it?a=b&v=2", **{"x-canary": "yes"}) == 418
        assert status("/tea/12?v=2", **{"x-canary": "yes"}) == 429
        assert status("/tea/1?v=3", **{"x-canary": "yes"}) == 429
        assert status("/tea/1?v=2", "DELETE", **{"x-canary": "yes"}) == 429
        assert status("/TEA/1") == 404  # paths are case-sensitive; this one reached a task
        lab.elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 9}])
        wait_until(lambda: status("/tea/1?v=2", **{"x-canary": "yes"}) == 429, 1, "the order is another")
        lab.elbv2.modify_rule(RuleArn=first, Conditions=path("/other"))
        wait_until(lambda: status("/other") == 418, 1, "the condition is another")
        told = lab.elbv2.describe_rules(ListenerArn=listener_of(lab))["Rules"]
        assert [each["Priority"] for each in told] == ["8", "9", "default"]


def test_fixed_response_and_redirect(lab: Twin) -> None:
    """The load balancer answers by itself: a body of its type, or the way elsewhere with the path kept."""
    elsewhere: Any = {"Host": "x.test", "Protocol": "HTTPS", "Port": "443", "Path": "/v2/#{path}"}
    redirect: Any = [{"Type": "redirect", "RedirectConfig": {**elsewhere, "StatusCode": "HTTP_302"}}]
    with rule(lab, 1, path("/tea"), fixed()), rule(lab, 2, path("/old/*"), redirect):
        wait_until(lambda: lab.get("/old/a?b=c").status == 302, 1, "redirected")
        assert lab.get("/old/a?b=c").headers["location"] == "https://x.test:443/v2/old/a?b=c"
        tea = lab.get("/tea")
        assert (tea.status, tea.json, tea.headers["server"]) == (418, {"tea": 1}, "awselb/2.0")


def test_rules_and_targets_outlive_the_balancers_process(lab: Twin) -> None:
    """When Envoy is killed it comes back with the same rules, groups and targets, and checks them anew."""
    with spare_group(lab) as spare, upstreams(1) as (target,):
        spare.register(target)
        killed = lab.pids()["envoy"]
        began = time.time()
        os.kill(killed, signal.SIGKILL)
        lab.wait_truth("balancer.back", since=began)
        wait_until(lambda: spare.get().status == 200, 3, "the rule's group answers")
        assert spare.get().json == str(target.port).encode()
        target.health = 503
        wait_until(lambda: spare.state(target)[1] == "Target.ResponseCodeMismatch", 5, "its health is watched")


def test_every_request_gets_a_trace_id(lab: Twin) -> None:
    """X-Amzn-Trace-Id is made where there is none, and keeps a client's root behind a Self."""
    with spare_group(lab) as spare, upstreams(1) as (target,):
        spare.register(target)
        alb = ("127.0.0.1", lab.settings.alb_port)
        for given in ({}, {"X-Amzn-Trace-Id": "Root=1-00000000-abc"}, {"X-Amzn-Trace-Id": "CalledFrom=app"}):
            call(alb, "GET", "/spare/x", headers=given)
        fresh, passed, other = (request["x-amzn-trace-id"] for request in target.requests)
    own = r"1-([0-9a-f]{8})-[0-9a-f]{24}"
    made = re.fullmatch(f"Root={own}", fresh)
    assert made is not None
    assert abs(int(made[1], 16) - time.time()) < 30
    assert re.fullmatch(f"Self={own};Root=1-00000000-abc", passed)
    assert re.fullmatch(f"CalledFrom=app;Root={own}", other)
    assert len({fresh, passed, other}) == 3


def test_group_in_use_stays_and_settings_decide_what_is_the_same(lab: Twin) -> None:
    """Creating a group twice tells the same one, unless it differs; one in use cannot be deleted."""
    with spare_group(lab) as spare:
        assert create_group(lab, spare.name) == spare.arn
        assert refused(lambda: create_group(lab, spare.name, Port=81)) == "DuplicateTargetGroupName"
        assert refused(lambda: lab.elbv2.delete_target_group(TargetGroupArn=spare.arn)) == "ResourceInUse"
        (told,) = lab.elbv2.describe_target_groups(Names=[spare.name])["TargetGroups"]
        assert len(told["LoadBalancerArns"]) == 1
    assert refused(lambda: lab.elbv2.describe_target_groups(Names=[spare.name])) == "TargetGroupNotFound"
    lab.elbv2.delete_target_group(TargetGroupArn=spare.arn)  # gone already: no error, as on AWS


def test_what_cannot_be_is_refused_with_awss_codes(lab: Twin) -> None:
    """Each impossible change gets the code that AWS has for it, and changes nothing."""
    listener, elb = listener_of(lab), lab.elbv2
    before = elb.describe_rules(ListenerArn=listener)["Rules"]
    default = before[-1]["RuleArn"]
    create: Any = elb.create_rule

    def new(**more: Any) -> str:
        given = {"ListenerArn": listener, "Priority": 5, "Conditions": path("/x"), "Actions": fixed()}
        return refused(lambda: create(**{**given, **more}))

    sticky: Any = forward((lab.target_group, 1))
    sticky[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
    same: Any = [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]
    source: Any = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]
    with rule(lab, 5, path("/y"), fixed()):
        assert new() == "PriorityInUse"
    assert new(Priority=50_001) == "ValidationError"
    assert new(Actions=forward((lab.target_group.replace(TARGET_GROUP, "x"), 1))) == "TargetGroupNotFound"
    assert new(Actions=forward((lab.target_group, 1000))) == "ValidationError"
    assert new(Actions=sticky) == "ValidationError"
    assert new(Actions=same) == "ValidationError"
    assert new(Conditions=source) == "ValidationError"
    assert new(ListenerArn=listener[:-1]) == "ListenerNotFound"
    assert refused(lambda: elb.delete_rule(RuleArn=default)) == "OperationNotPermitted"
    assert refused(lambda: elb.modify_rule(RuleArn=default, Actions=fixed())) == "OperationNotPermitted"
    assert refused(lambda: elb.delete_rule(RuleArn=f"{default}0")) == "RuleNotFound"
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    assert (
        refused(lambda: elb.create_listener(LoadBalancerArn=balancer, Port=81, Protocol="HTTP", DefaultActions=fixed()))
        == "TooManyListeners"
    )
    assert elb.describe_rules(ListenerArn=listener)["Rules"] == before


@pytest.mark.parametrize(
    "given",
    [
        {"HealthCheckIntervalSeconds": 301},
        {"HealthCheckTimeoutSeconds": 2},
        {"HealthCheckTimeoutSeconds": 121},
        {"Matcher": {"HttpCode": "500"}},
        {"HealthCheckPath": "health"},
        {"HealthCheckPort": "http"},
        {"HealthCheckProtocol": "HTTPS"},
        {"HealthCheckEnabled": False},
    ],
)
def test_health_check_out_of_range_is_refused(running_lab: Twin, given: dict[str, Any]) -> None:
    """AWS's limits of each member hold, and the timeout does not exceed the interval."""
    group = running_lab.target_group
    change = running_lab.elbv2.modify_target_group
    assert refused(lambda: change(TargetGroupArn=group, **given)) == "ValidationError"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"x": "1"}, "ValidationError"),
        ({"stickiness__enabled": "true"}, "InvalidConfigurationRequest"),
        ({"deregistration_delay__timeout_seconds": "3601"}, "ValidationError"),
        ({"load_balancing__algorithm__type": "random"}, "ValidationError"),
        (
            {
                "load_balancing__algorithm__type": "least_outstanding_requests",
                "slow_start__duration_seconds": "30",
            },
            "InvalidConfigurationRequest",
        ),
    ],
)
def test_attribute_that_cannot_be_is_refused(running_lab: Twin, given: dict[str, str], code: str) -> None:
    """Unknown attributes, values out of range and what the lab does not play are refused, not ignored."""
    group = Spare(running_lab, running_lab.target_group)
    assert refused(lambda: group.set(**given)) == code


def test_pages_and_tags(lab: Twin) -> None:
    """Paginators see every target group once; a group carries the tags it was created with and got."""
    arns = {create_group(lab, Tags=[{"Key": "team", "Value": "feed"}]) for _ in range(3)}
    try:
        pages = lab.elbv2.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2})
        found = [group["TargetGroupArn"] for page in pages for group in page["TargetGroups"]]
        assert len(found) == len(set(found)) == 4
        assert arns < set(found)
        arn = min(arns)
        lab.elbv2.add_tags(ResourceArns=[arn], Tags=[{"Key": "stage", "Value": "blue"}])
        lab.elbv2.remove_tags(ResourceArns=[arn], TagKeys=["team"])
        (told,) = lab.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert told["Tags"] == [{"Key": "stage", "Value": "blue"}]
    finally:
        for arn in arns:
            lab.elbv2.delete_target_group(TargetGroupArn=arn)
