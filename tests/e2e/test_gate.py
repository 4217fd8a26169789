"""The gate on a real lab: it passes, compares with itself, leaves out what was not touched, and ends in order."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
import yaml

from tests.e2e.conftest import ROOT, Desk, Edited, Ended
from tests.e2e.scene import wait_until

STOP = "ecs/stop-one-task.yaml"


def quick(data: dict[str, Any]) -> None:
    """Shorten the phases of an experiment."""
    data["extensions"][0]["load"] |= {"warmup_s": 0, "baseline_s": 2, "recovery_s": 3}


@pytest.fixture
def suite(edited: Edited, tmp_path: Path) -> Path:
    """A suite of one quick experiment."""
    path = tmp_path / "quick.yaml"
    entry = {"file": str(edited(STOP, quick)), "touches": ["task-definition"]}
    path.write_text(yaml.safe_dump({"experiments": [entry]}))
    return path


def documents(runs: Path) -> list[dict[str, Any]]:
    """Return the `gate.json` of every gate, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(runs.glob("*-gate-*/gate.json"))]


def test_a_good_release_passes_and_is_what_the_next_is_compared_with(desk: Desk, suite: Path, tmp_path: Path) -> None:
    """Exit 0, everything a pipeline reads; then `--changed-only` leaves it out until its task definition changes."""
    runs, summary, xml = tmp_path / "runs", tmp_path / "summary.md", tmp_path / "junit.xml"
    words = ["--runs", str(runs), "--release", "v1", "--json", "--junit", str(xml)]
    ended = desk("gate", str(suite), *words, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    gate = ended.findings
    (row,) = gate["experiments"]
    assert (ended.code, gate["outcome"], row["result"]) == (0, "passed", "passed"), ended.err
    assert gate["release"]["id"] == "v1" and gate["release"]["digest"].startswith("sha256:")
    assert gate == documents(runs)[0] and (runs / row["runs"][0] / "report.html").is_file()
    assert {each["name"] for each in row["compared"]} >= {"recovery", "ECS: replacement running", "p99 in the fault"}
    assert {each["worse"] for each in row["compared"]} == {None} and gate["baseline"] is None
    assert ElementTree.parse(xml).getroot().get("failures") == "0"
    assert summary.read_text().startswith("## ✅ Gate quick: passed") and "::notice title=gate quick" in ended.err
    again = ["gate", str(suite), "--changed-only", "--runs", str(runs), "--json"]
    _nothing_was_touched(desk(*again, "--image", gate["release"]["digest"]))
    _another_image_is_refused(desk(*again, "--image", "repository@sha256:" + "0" * 64))
    with _one_more_alarm(desk):
        _an_alarm_was_touched(desk(*again))


def _nothing_was_touched(ended: Ended) -> None:
    gate = ended.findings
    assert (ended.code, gate["outcome"], gate["changed"]) == (4, "inconclusive", []), gate["why"]
    assert gate["why"][0].startswith("nothing was checked")
    assert gate["baseline"]["release"] == "v1" and gate["experiments"][0]["exit"] == 0


def _another_image_is_refused(ended: Ended) -> None:
    gate = ended.findings
    assert (ended.code, gate["outcome"], gate["experiments"][0]["result"]) == (3, "refused", "not played"), gate["why"]
    assert "running tasks do not run sha256:000" in gate["why"][0]


@contextmanager
def _one_more_alarm(desk: Desk) -> Iterator[None]:
    """Put an alarm that was not there."""
    state = json.loads(desk("lab", "status", "--json").out)
    session = boto3.Session("lab", "lab", region_name=state["region"])
    client = session.client("cloudwatch", endpoint_url=state["endpoint"])
    client.put_metric_alarm(
        AlarmName="gate-test", Namespace="FoodConnect", MetricName="ErrorRate", Statistic="Average", Period=60,
        EvaluationPeriods=1, Threshold=99.0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    try:
        yield
    finally:
        client.delete_alarms(AlarmNames=["gate-test"])
        client.close()


def _an_alarm_was_touched(ended: Ended) -> None:
    """An alarm is named as touched; the experiment is about something else, and stays left out."""
    gate = ended.findings
    assert len(gate["changed"]) == 1 and gate["changed"][0].startswith("alarms: gate-test.")
    assert "the task definition" in gate["experiments"][0]["why"][0]


def test_a_signal_ends_the_gate_in_order(desk: Desk, suite: Path, tmp_path: Path) -> None:
    """While an experiment runs: it is undone, gate.json says interrupted, exit 130."""
    runs = tmp_path / "runs"
    process = desk.start("gate", str(suite), "--runs", str(runs), "--json")
    wait_until(lambda: bool(list(runs.glob("*-stop-one-task/marks.jsonl"))), 60)
    (before,) = documents(runs)
    assert (before["outcome"], before["ended"]) == ("interrupted", None)  # what a kill -9 would leave
    process.send_signal(signal.SIGTERM)
    ended = desk.finish(process)
    gate = ended.findings
    assert (ended.code, gate["outcome"], gate["exit"]) == (130, "interrupted", 130), ended.err
    assert gate["experiments"][0]["result"] == "interrupted" and documents(runs)[0] == gate


def test_an_account_that_does_not_answer_leaves_a_gate(short_suite: Path, suite: Path, tmp_path: Path) -> None:
    """Nothing is played, the exit code is that of `gameday run`, and gate.json says that it did not pass."""
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
               "AWS_SHARED_CREDENTIALS_FILE": os.devnull}  # fmt: skip
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "GAMEDAY_"))}
    desk = Desk(short_suite, {**clean, **nowhere, "PYTHONPATH": str(ROOT), "GAMEDAY_STATE": str(tmp_path)})
    xml = tmp_path / "junit.xml"
    xml.write_text("an earlier gate passed")
    ended = desk("gate", str(suite), "--on", "staging", "--yes", "--runs", str(tmp_path / "runs"), "--junit", str(xml))
    (gate,) = documents(tmp_path / "runs")
    assert (ended.code, gate["exit"], gate["outcome"]) == (2, 2, "inconclusive")
    assert ElementTree.parse(xml).getroot().get("errors") == "1"
    assert "AWS does not answer" in gate["why"][0] and gate["experiments"][0]["result"] == "not played"
