"""Faults of the AWS API itself: no run is called held without its proofs, and none leaves anything changed.

`python -m benchmarks.api_faults` does this at every call of a run; here are four that were chosen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faulty_api import FaultyApi
from tests.e2e.conftest import Desk, Edited, Ended
from tests.e2e.scene import LATENCY, delays_left, really, wait_until
from tests.e2e.test_verdicts import STOP

ALL_ATTEMPTS = 4  # that our clients make of one call
SECONDS = 2  # that the delay lasts


@pytest.fixture
def api(desk: Desk) -> Iterator[FaultyApi]:
    """Return the default lab behind a proxy; nothing may be left changed in it at the end."""
    with tempfile.TemporaryDirectory(prefix="gameday-e2e-") as name, FaultyApi(_home(desk), Path(name) / "home") as api:
        yield api
        assert api.left(desk.suite / "runs") == []
        api.free()


def _home(desk: Desk) -> Path:
    return Path(desk.environment["GAMEDAY_LAB_HOME"])


def brief(data: dict[str, Any]) -> None:
    """Make the experiment as short as it can be and still be proven."""
    data["method"][0]["provider"]["arguments"]["duration_s"] = SECONDS
    data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4, "recovery_s": 1}


def play(desk: Desk, api: FaultyApi, file: Path) -> Ended:
    """Run *file* through the proxy; no traceback is shown, and the end is one of the contract's."""
    ended = desk.run(file, **api.variables)
    assert "Traceback" not in ended.err + ended.out and ended.code in (0, 1, 3, 4, 5, 6, 130), ended.err[-3000:]
    return ended


def proven(findings: dict[str, Any]) -> bool:
    """Return whether a run has all the proofs that "held" needs."""
    fault, load, data = (findings["proofs"][name] for name in ("fault", "load", "data"))
    return bool(fault["proven"] is True and load["delivered"] >= 0.95 and data["fresh"] is True)


def test_a_start_whose_answer_is_lost(desk: Desk, api: FaultyApi, edited: Edited) -> None:
    """The experiment runs and nobody has its id: it is stopped by what the promise knows, and nothing held."""
    before = really(desk, "latency.on")
    api.proxy.fault("drop", "fis:StartExperiment", times=ALL_ATTEMPTS)

    def long(data: dict[str, Any]) -> None:
        brief(data)
        data["method"][0]["provider"]["arguments"]["duration_s"] = 300

    ended = play(desk, api, edited(LATENCY, long))
    assert (ended.code, ended.findings["verdict"]) == (4, "invalid"), ended.findings["why"]
    assert really(desk, "latency.on") == before + 3 and len(api.proxy.failed) == ALL_ATTEMPTS
    assert ended.findings["promises"] == {"made": 1, "kept": 1, "open": []}


def test_a_template_that_is_never_made(desk: Desk, api: FaultyApi, edited: Edited) -> None:
    """Invalid: the fault is not proven, and the promise to end it is kept all the same."""
    api.proxy.fault("http500", "fis:CreateExperimentTemplate", times=ALL_ATTEMPTS)
    ended = play(desk, api, edited(LATENCY, brief))
    assert (ended.code, ended.findings["verdict"]) == (4, "invalid"), ended.findings["why"]
    assert not proven(ended.findings) and ended.findings["promises"]["open"] == []


def test_a_stop_that_is_throttled_for_good_while_the_run_is_aborted(desk: Desk, api: FaultyApi, edited: Edited) -> None:
    """Exit 6 with the command that restores it, and once the API answers again `gameday undo` does so."""

    def strict(data: dict[str, Any]) -> None:
        brief(data)
        data["method"][0]["provider"]["arguments"] = {"delay_ms": 400, "duration_s": 300}
        data["extensions"][0]["guards"] = [{"signal": "load.p50_ms", "over_s": 1, "max": 250}]

    api.proxy.fault("throttle", "fis:StopExperiment", times=None)
    ended = play(desk, api, edited(LATENCY, strict))
    assert (ended.code, ended.findings["verdict"]) == (6, "aborted"), ended.findings["why"]
    assert "aws fis stop-experiment" in ended.err and len(ended.findings["promises"]["open"]) == 1
    assert delays_left(desk) == 3
    api.proxy.heal()
    undone = desk("undo", **api.variables)
    assert undone.code == 0 and delays_left(desk) == 0, undone.err


def test_metrics_that_cannot_be_read_from_the_fault_on(desk: Desk, api: FaultyApi, edited: Edited) -> None:
    """A token that has expired: without fresh data nothing held, and the run says so without a traceback."""
    before = really(desk, "task.sigterm")

    def soon(data: dict[str, Any]) -> None:
        data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4, "recovery_s": 1}
        data["extensions"][0]["objectives"]["recover_within_s"] = 1

    process = desk.start("run", str(edited(STOP, soon)), "--json", **api.variables)
    wait_until(lambda: really(desk, "task.sigterm") > before, 40)
    api.proxy.fault("expired", "cloudwatch:GetMetricData", times=None)
    ended = desk.finish(process)
    assert "Traceback" not in ended.err + ended.out, ended.err[-3000:]
    assert (ended.code, ended.findings["verdict"]) == (4, "inconclusive"), ended.findings["why"]
    assert not proven(ended.findings) or "could not be read" in ended.findings["why"][0]
