"""The main job on the real lab: what happened is proven, and what did not happen is never called held."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gameday.model import from_iso
from gameday.record import Record
from tests.e2e.conftest import Desk, Edited, LabDesk, truth
from tests.e2e.scene import is_gone, really, wait_until

STOP, FAILOVER = "ecs/stop-one-task.yaml", "rds/reboot-with-failover.yaml"
LATENCY = "latency/backend-to-database.yaml"


def test_a_stopped_task_goes_unnoticed(desk: Desk) -> None:
    """Held, with the stop and the replacement seen in ECS's own record, at the rate that was asked for."""
    before = really(desk, "task.sigterm")
    ended = desk("run", f"experiments/{STOP}", "--json", "--rate", "90")
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (0, "held"), findings["why"]
    assert any("UserInitiated: gameday" in sentence for sentence in findings["proofs"]["fault"]["evidence"])
    assert findings["proofs"]["load"]["delivered"] >= 0.95
    assert findings["writes"]["lost"] == 0 and findings["writes"]["acknowledged"] > 0
    assert really(desk, "task.sigterm") == before + 1
    record = Record(desk.suite / "runs" / findings["run"])
    due = [sample.due for sample in record.samples()]
    assert 85 < len(due) / (max(due) - min(due)) < 95
    assert findings["repeat_with"].endswith("--rate=90")


def test_a_failover_is_proven_and_timed_as_it_really_was(desk: Desk) -> None:
    """Zones swapped, RDS's events seen, nothing lost, and the first good answer within 0.25 s of the ground truth."""
    ended = desk.run(f"experiments/{FAILOVER}")
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (0, "held"), findings["why"]
    evidence = " ".join(findings["proofs"]["fault"]["evidence"])
    assert "availability zone went from" in evidence and "Multi-AZ instance failover completed" in evidence
    assert findings["writes"]["lost"] == 0 and findings["writes"]["duplicated"] == 0
    layers = {layer["name"]: from_iso(layer["at"]) for layer in findings["recovery"]["layers"]}
    writable = [fact["t"] for fact in truth(desk) if fact["what"] == "primary.writable"][-1]
    assert layers["users: first good answer after the longest silence"] == pytest.approx(writable, abs=0.25)


def test_latency_is_observed_and_ends(desk: Desk) -> None:
    """The load balancer's own response times rose by the delay, and the promise to end it was kept."""
    ended = desk.run(f"experiments/{LATENCY}")
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (0, "held"), findings["why"]
    assert findings["promises"] == {"made": 1, "kept": 1, "open": []}
    assert findings["phases"]["fault"]["p50_ms"] > 80 > findings["phases"]["recovery"]["p50_ms"]
    assert findings["recovery"]["counted_from"] == "fault end"


def test_plain_chaos_run_does_the_same(desk: Desk, tmp_path: Path) -> None:
    """The unmodified `chaos` command on our file: completed, not deviated, and the verdict is in the journal."""
    lines = desk("lab", "env").out
    script = f'{lines}\nexec "$0" --no-version-check --log-file "$1/log" run --journal-path "$1/journal.json" "$2"'
    chaos = str(Path(sys.executable).with_name("chaos"))
    words = ["bash", "-c", script, chaos, str(tmp_path), f"experiments/{STOP}"]
    ended = desk.finish(desk.process(words, {"GAMEDAY_RUNS": str(tmp_path / "runs")}))
    assert ended.code == 0, ended.err[-2000:]
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert (journal["status"], journal["deviated"], journal["gameday"]["verdict"]) == ("completed", False, "held")


def test_an_action_that_does_nothing_is_invalid(desk: Desk, edited: Edited) -> None:
    """The method succeeds, and still nothing happened."""

    def nothing(data: dict[str, Any]) -> None:
        data["method"][0]["provider"] = {"type": "process", "path": "true"}
        data["extensions"][0]["fault"] = {"proof": "ecs.task_stopped"}

    ended = desk.run(edited(STOP, nothing))
    assert (ended.code, ended.findings["verdict"]) == (4, "invalid")


def test_a_guard_aborts_and_everything_is_undone(desk: Desk, edited: Edited) -> None:
    """A delay that breaks the guard's limit is ended long before its time, and the lab is as before."""

    def strict(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = {"delay_ms": 400, "duration_s": 60}
        data["extensions"][0]["guards"] = [{"signal": "load.p50_ms", "over_s": 2, "max": 250}]

    began = time.monotonic()
    ended = desk.run(edited(LATENCY, strict))
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (5, "aborted"), findings["why"]
    assert "load.p50_ms <= 250 over 2 s" in findings["abort"]["guard"]
    assert findings["abort"]["latency_s"] is not None and findings["promises"]["open"] == []
    assert time.monotonic() - began < 50  # far less than the delay's own minute
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


def test_a_denied_action_is_invalid(lab_desk: LabDesk) -> None:
    """Chaos Toolkit calls a failed action a completed run; we do not."""
    ended = lab_desk("--deny", "ecs:StopTask").run(f"experiments/{STOP}")
    assert (ended.code, ended.findings["verdict"]) == (4, "invalid")
    assert any("AccessDenied" in sentence for sentence in ended.findings["proofs"]["fault"]["evidence"])


def test_the_weak_twin_breaks_and_says_why(lab_desk: LabDesk) -> None:
    """Without retries a failover costs users errors."""
    ended = lab_desk("--build", "no-retry").run(f"experiments/{FAILOVER}")
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (1, "broke"), findings["why"]
    assert "of the requests failed" in findings["why"][0]
    assert "HTTP 503" in findings["why"][-1]
    assert findings["environment"]["build"] == "no-retry"
