"""Every kind of guard ends a real run while its fault is in, and one that goes blind does too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.e2e.conftest import Desk, Edited
from tests.e2e.rules import Staging
from tests.e2e.scene import Change, delays_left, in_the_fault, long_delay

ALARM = "chaos-stop-for-tests"


def guarded(*guards: dict[str, Any]) -> Change:
    """Return the change that makes the delay long and these the experiment's guards."""

    def change(data: dict[str, Any]) -> None:
        long_delay(data)
        data["extensions"][0]["guards"] = list(guards)

    return change


@pytest.fixture
def staging(desk: Desk) -> Staging:
    """The lab as boto3 sees it."""
    return Staging(desk)


@pytest.fixture
def alarm(staging: Staging) -> Iterator[Callable[[str], None]]:
    """Return a function that gives a composite alarm another rule; it is OK at first."""
    cloudwatch = staging.client("cloudwatch")

    def put(rule: str) -> None:
        cloudwatch.put_composite_alarm(AlarmName=ALARM, AlarmRule=rule)

    put("FALSE")
    yield put
    cloudwatch.delete_alarms(AlarmNames=[ALARM])


def test_an_alarm_that_fires_ends_the_run(desk: Desk, edited: Edited, alarm: Callable[[str], None]) -> None:
    """A composite alarm, too."""
    scene = in_the_fault(desk, edited, guarded({"alarm": ALARM}))
    alarm("TRUE")
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert ended.findings["why"] == [f"alarm {ALARM} is ALARM"] and delays_left(desk) == 0


def test_a_guard_that_goes_blind_ends_the_run(desk: Desk, edited: Edited, staging: Staging) -> None:
    """The alarm is deleted in the middle of the fault: after its grace time nobody could say that all is well."""
    cloudwatch = staging.client("cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName=ALARM, AlarmRule="FALSE")
    scene = in_the_fault(desk, edited, guarded({"alarm": ALARM, "grace_s": 1}))
    cloudwatch.delete_alarms(AlarmNames=[ALARM])
    ended = scene.end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert f"alarm {ALARM} is unreadable for" in ended.findings["why"][0] and delays_left(desk) == 0


def test_the_accounts_safety_lever_ends_the_run(desk: Desk, edited: Edited, staging: Staging) -> None:
    """Whoever pulls it: the environment's rules watch it in every run."""
    fis = staging.client("fis")
    scene = in_the_fault(desk, edited, guarded({"signal": "load.error_ratio", "max": 0.9}))
    fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "an incident"})
    try:
        ended = scene.end()
    finally:
        fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "it is over"})
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "safety lever is engag" in ended.findings["why"][0] and delays_left(desk) == 0


def test_a_metric_over_its_limit_ends_the_run(desk: Desk, edited: Edited) -> None:
    """A metric that `steady` does not judge."""
    metric = {
        "metric": "FoodConnect/API_Latency_feed",
        "dimensions": {"Service": "foodconnect-backend"},
        "stat": "p50",
        "max": 80,
    }
    ended = in_the_fault(desk, edited, guarded(metric)).end()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "FoodConnect/API_Latency_feed <= 80: it is" in ended.findings["why"][0] and delays_left(desk) == 0


def test_an_address_that_answers_otherwise_ends_the_run(desk: Desk, edited: Edited) -> None:
    """Such as a switch of an incident tool."""
    status = [200]

    class Switch(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Switch) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/go"
        scene = in_the_fault(desk, edited, guarded({"http": address}))
        status[0] = 503
        ended = scene.end()
        server.shutdown()
    assert (ended.code, ended.findings["verdict"]) == (5, "aborted"), ended.err
    assert "it answers 503" in ended.findings["why"][0] and delays_left(desk) == 0


def test_a_guard_that_says_no_before_the_fault_refuses(desk: Desk, edited: Edited) -> None:
    """The load is there, the fault is not: nothing was touched."""
    ended = desk.run(edited("latency/backend-to-database.yaml", guarded({"signal": "load.rate", "max": 1})))
    assert (ended.code, ended.findings["verdict"]) == (3, "refused"), ended.err
    assert "a guard says no before the fault: load.rate <= 1 over 5 s" in ended.findings["why"][0]
    assert ended.findings["promises"]["made"] == 0
