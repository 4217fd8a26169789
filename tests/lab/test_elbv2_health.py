"""Targets are as healthy as they really are, with AWS's reasons; draining lets requests end; all bad: all serve."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.faults import Fault
from lab.links import Links
from lab.settings import CLUSTER
from tests.lab.balancing import Metrics, Spare, create_group, forward, path, rule, spare_group
from tests.lab.bench import wait_until
from tests.lab.twin import Twin
from tests.lab.upstream import Upstream, upstreams
from tests.ports import free_ports

INITIAL = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
REGISTERING = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")


def until(spare: Spare, target: Upstream, state: tuple[str, str, str]) -> None:
    """Wait until a target is in this state."""
    wait_until(lambda: spare.state(target) == state, 8, f"{state}, not {spare.state(target)}")


def test_reasons_say_what_really_happened(lab: Twin) -> None:
    """A wrong code, no answer in time and no connection are told apart, in AWS's words."""
    with spare_group(lab) as spare, upstreams(3) as (wrong, late, fine):
        spare.register(wrong, late, fine)
        began = time.time()
        wrong.health, late.health_s = 503, 1.5
        until(
            spare, wrong, ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
        )
        until(spare, late, ("unhealthy", "Target.Timeout", "Request timed out"))
        assert spare.state(fine) == ("healthy", "", "")
        assert fine.agents == {"ELB-HealthChecker/2.0"}
        assert {spare.get().json for _ in range(10)} == {str(fine.port).encode()}
        noted = lab.wait_truth("target.unhealthy", since=began, address=f"127.0.0.1:{wrong.port}")
        assert noted["why"] == "Health checks failed with these codes: [503]"
        late.health_s = 0.0
        until(spare, late, ("healthy", "", ""))


def test_target_that_never_listened(lab: Twin) -> None:
    """It is registering, then checked, then unhealthy as no connection was made; at last it is not registered."""
    nobody = Upstream(("127.0.0.1", free_ports(1)[0]))
    with spare_group(lab) as spare:
        assert spare.state(nobody)[:2] == ("unused", "Target.NotRegistered")
        lab.elbv2.register_targets(TargetGroupArn=spare.arn, Targets=[nobody.target])
        assert spare.state(nobody) in (REGISTERING, INITIAL)
        wait_until(lambda: spare.state(nobody) != REGISTERING, 2, "the balancer knows it")
        assert spare.state(nobody) == INITIAL
        until(spare, nobody, ("unhealthy", "Target.FailedHealthChecks", "Health checks failed"))
        lab.elbv2.deregister_targets(TargetGroupArn=spare.arn, Targets=[nobody.target])
        assert spare.state(nobody)[:2] == ("draining", "Target.DeregistrationInProgress")
        until(spare, nobody, ("unused", "Target.NotRegistered", "Target is not registered to the target group"))


def test_group_without_a_rule_is_not_checked(lab: Twin) -> None:
    """Its targets are unused and nobody asks for their health; a rule of weight 0 is enough to have them checked."""
    arn = create_group(lab)
    with upstreams(1) as (target,):
        spare = Spare(lab, arn)
        lab.elbv2.register_targets(TargetGroupArn=arn, Targets=[target.target])
        time.sleep(0.3)
        assert spare.state(target)[:2] == ("unused", "Target.NotInUse")
        assert not target.agents
        with rule(lab, 60, path("/none"), forward((lab.target_group, 1), (arn, 0))):
            until(spare, target, ("healthy", "", ""))
        assert spare.state(target)[:2] == ("unused", "Target.NotInUse")
    lab.elbv2.delete_target_group(TargetGroupArn=arn)


def test_matcher_path_and_threshold_are_played(lab: Twin) -> None:
    """Another Matcher accepts another code; an unhealthy threshold of four takes four bad checks and not one."""
    with spare_group(lab, Matcher={"HttpCode": "200,202"}) as spare, upstreams(2) as (target, other):
        target.health = 202
        spare.register(target, other)
        lab.elbv2.modify_target_group(TargetGroupArn=spare.arn, UnhealthyThresholdCount=4)
        time.sleep(0.3)
        began = time.time()
        target.health = 500
        noted = lab.wait_truth("target.unhealthy", since=began, address=f"127.0.0.1:{target.port}")
        assert noted["t"] - began > 2.5
        (told,) = lab.elbv2.describe_target_groups(TargetGroupArns=[spare.arn])["TargetGroups"]
        assert (told["Matcher"]["HttpCode"], told["UnhealthyThresholdCount"]) == ("200,202", 4)


def test_all_unhealthy_means_all_serve(lab: Twin) -> None:
    """With no healthy target requests go to all, and are counted as such; below a set count they do so sooner."""
    with spare_group(lab) as spare, upstreams(3) as targets:
        spare.register(*targets)
        metrics, began = Metrics(lab, spare.arn), time.time()
        targets[0].health = targets[1].health = 500
        for target in targets[:2]:
            wait_until(lambda target=target: spare.state(target)[0] == "unhealthy", 5, "unhealthy")  # type: ignore[misc]
        assert {spare.get().json for _ in range(9)} == {str(targets[2].port).encode()}
        spare.set(target_group_health__unhealthy_state_routing__minimum_healthy_targets__count="2")
        wait_until(lambda: len({spare.get().json for _ in range(9)}) == 3, 2, "fails open below two healthy ones")
        spare.set(target_group_health__unhealthy_state_routing__minimum_healthy_targets__count="1")
        wait_until(lambda: len({spare.get().json for _ in range(9)}) == 1, 2, "one is enough again")
        targets[2].health = 500
        until_bad = ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]")
        until(spare, targets[2], until_bad)
        assert Counter(spare.get().status for _ in range(9)) == {200: 9}
        assert len({spare.get().json for _ in range(9)}) == 3
        wait_until(lambda: metrics.total("UnhealthyRoutingRequestCount", began) >= 18, 4, "counted")


def test_least_outstanding_requests_spares_the_slow(lab: Twin) -> None:
    """Under round robin a slow target gets as many requests as the others, under least outstanding requests fewer."""
    with spare_group(lab) as spare, upstreams(2) as (slow, quick):
        spare.register(slow, quick)
        slow.slow_s = 0.25

        def shares() -> tuple[int, int]:
            slow.requests.clear()
            quick.requests.clear()
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: spare.get(), range(24)))
            return len(slow.requests), len(quick.requests)

        assert shares() == (12, 12)
        spare.set(load_balancing__algorithm__type="least_outstanding_requests")
        time.sleep(0.3)
        few, many = shares()
        assert few <= 8 < many


def test_slow_start_spares_the_new(lab: Twin) -> None:
    """A target that comes to a group with slow start gets a small share at first."""
    with spare_group(lab) as spare, upstreams(2) as (old, new):
        spare.register(old)
        spare.set(slow_start__duration_seconds="2")
        time.sleep(2.2)  # the change begins everybody's slow start anew
        old.requests.clear()
        spare.register(new)
        until = time.monotonic() + 1.2
        while len(old.requests) < 20 and time.monotonic() < until:
            assert spare.get().status == 200
        assert len(new.requests) < 0.7 * len(old.requests)


@pytest.mark.parametrize(("slow_ms", "status"), [(500, 200), (2500, 502)])
def test_draining_lets_requests_end_and_cuts_what_takes_longer(lab: Twin, slow_ms: float, status: int) -> None:
    """A request under way ends within the deregistration delay, or is cut at its end; no new one arrives meanwhile."""
    group, task = Spare(lab, lab.target_group), lab.task_arns()[0]
    name = task.rpartition("/")[2]
    links = Links(lab.settings.link_admin_port)
    others = [arn.rpartition("/")[2] for arn in lab.task_arns()[1:]]
    group.set(deregistration_delay__timeout_seconds="1")
    try:
        links.set(f"eni-{name[:12]}", Fault(latency_ms=slow_ms))
        answers = in_background(6, lambda: (lab.get().status, time.time()))
        time.sleep(0.3)
        began = time.time()
        lab.ecs.stop_task(cluster=CLUSTER, task=task)
        while time.time() < began + 0.6:
            assert lab.get().headers["x-task"] in others
        links.clear(f"eni-{name[:12]}")
        found = answers()
        assert Counter(code for code, _ in found)[status] >= 1
        assert all(code in (200, status) for code, _ in found)
        assert all(at - began > 0.9 for code, at in found if code == 502)
        term = lab.wait_truth("task.sigterm", since=began, task=name)
        assert term["t"] - began > 0.9
    finally:
        group.set(deregistration_delay__timeout_seconds=f"{lab.settings.simulated.deregistration_s:g}")


def in_background(count: int, ask: Callable[[], tuple[int, float]]) -> Callable[[], list[tuple[int, float]]]:
    """Ask so often at the same time; return what waits for the answers."""
    found: list[tuple[int, float]] = []
    threads = [threading.Thread(target=lambda: found.append(ask())) for _ in range(count)]
    for thread in threads:
        thread.start()

    def wait() -> list[tuple[int, float]]:
        for thread in threads:
            thread.join()
        return found

    return wait


def test_waiters_of_boto3_end(lab: Twin) -> None:
    """target_in_service, target_deregistered, load_balancer_available: each comes back."""
    with spare_group(lab) as spare, upstreams(1) as (target,):
        quick = {"Delay": 1, "MaxAttempts": 6}
        which: Any = {"TargetGroupArn": spare.arn, "Targets": [target.target]}
        lab.elbv2.register_targets(**which)
        lab.elbv2.get_waiter("target_in_service").wait(**which, WaiterConfig=quick)  # type: ignore[arg-type]
        lab.elbv2.deregister_targets(**which)
        lab.elbv2.get_waiter("target_deregistered").wait(**which, WaiterConfig=quick)  # type: ignore[arg-type]
        lab.elbv2.get_waiter("load_balancer_available").wait(WaiterConfig=quick)  # type: ignore[arg-type]
        assert spare.state(target)[0] == "unused"
