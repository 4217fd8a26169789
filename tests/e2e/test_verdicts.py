"""The main job on the real lab: what happened is proven, and what did not happen is never called held."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from gameday.model import from_iso
from gameday.record import Record
from tests.e2e.conftest import Desk, Edited, LabDesk, truth
from tests.e2e.scene import really
from tests.lab.bench import least

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
    assert least(lambda: proven_failover(desk), 0.25, 3) < 0.25


def proven_failover(desk: Desk) -> float:
    """Play the failover; return how far its recovery is from that of the ground truth, in seconds."""
    ended = desk.run(f"experiments/{FAILOVER}")
    findings = ended.findings
    assert (ended.code, findings["verdict"]) == (0, "held"), findings["why"]
    evidence = " ".join(findings["proofs"]["fault"]["evidence"])
    assert "availability zone went from" in evidence and "Multi-AZ instance failover completed" in evidence
    assert findings["writes"]["lost"] == 0 and findings["writes"]["duplicated"] == 0
    layers: dict[str, float] = {layer["name"]: from_iso(layer["at"]) for layer in findings["recovery"]["layers"]}
    writable: float = [fact["t"] for fact in truth(desk) if fact["what"] == "primary.writable"][-1]
    return abs(layers["users: first good answer after the longest silence"] - writable)


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
