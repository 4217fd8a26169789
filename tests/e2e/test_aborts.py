"""A run that is ended in the middle of its fault, by a guard or by a signal, undoes it and says so."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from gameday.record import Record
from tests.e2e.conftest import Desk, Edited, truth
from tests.e2e.scene import LATENCY, is_gone, really, wait_until

DELAY = ("latency.on", "latency.off")


def test_a_guard_aborts_and_everything_is_undone(desk: Desk, edited: Edited) -> None:
    """A delay that breaks the guard's limit is ended long before its time, and the lab is as before."""

    def strict(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = {"delay_ms": 400, "duration_s": 60}
        data["extensions"][0]["guards"] = [{"signal": "load.p50_ms", "over_s": 2, "max": 250}]

    began = time.time()
    ended = desk.run(edited(LATENCY, strict))
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (5, "aborted"), findings["why"]
    assert "load.p50_ms <= 250 over 2 s" in findings["abort"]["guard"]
    assert findings["abort"]["latency_s"] is not None and findings["promises"]["open"] == []
    on, off = ([fact["t"] for fact in truth(desk) if fact["what"] == what and fact["t"] > began] for what in DELAY)
    assert max(off) - min(on) < 50  # far less than the delay's own minute
    assert really(desk, "latency.off") == really(desk, "latency.on") > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_and_undoes_it(desk: Desk, edited: Edited, number: signal.Signals) -> None:
    """In the middle of a fault: exit 130, the delay ended, the record complete, no load left behind."""

    def long(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = {"delay_ms": 50, "duration_s": 90}
        data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 4}

    before = really(desk, "latency.on")
    process = desk.start("run", str(edited(LATENCY, long)), "--json")
    wait_until(lambda: really(desk, "latency.on") > before, 40)
    process.send_signal(number)
    ended = desk.finish(process)
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (130, "interrupted"), ended.err
    assert findings["promises"]["open"] == [] and findings["promises"]["made"] == 1
    assert really(desk, "latency.off") == really(desk, "latency.on") > 0
    marks = Record(desk.suite / "runs" / findings["run"]).marks()
    load = next(mark.details["pid"] for mark in marks if mark.name == "load.started")
    assert isinstance(load, int) and is_gone(load)
