"""The pipeline's view: counts that add up, the right outcome for each verdict, XML that the usual schema accepts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest

from gameday.record import Record
from reports import junit

# The usual schema (Jenkins' junit-10): the attributes that each element may have, required ones with a star.
ATTRIBUTES = {
    "testsuites": "name tests failures errors skipped time",
    "testsuite": "name* tests* failures* errors* skipped time timestamp",
    "properties": "",
    "property": "name* value*",
    "testcase": "name* classname time",
    "failure": "type message",
    "error": "type message",
    "skipped": "type message",
    "system-out": "",
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out"},
}
OUTCOMES = {
    **{"held": None, "broke": "failure", "refused": "skipped", "inconclusive": "error", "invalid": "error"},
    **{"aborted": "error", "interrupted": "error"},
}


def check(element: ElementTree.Element) -> None:
    """Fail where *element* or one below leaves the schema."""
    wanted = ATTRIBUTES[element.tag].split()
    assert {name.rstrip("*") for name in wanted} >= set(element.attrib)
    assert {name.rstrip("*") for name in wanted if name.endswith("*")} <= set(element.attrib)
    assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    for child in element:
        check(child)


def parsed(*records: Record) -> ElementTree.Element:
    """Render, parse and check."""
    root = ElementTree.fromstring(junit.render(records))
    check(root)
    return root


@pytest.mark.parametrize("verdict", OUTCOMES)
def test_each_verdict_has_its_outcome(recorded: Callable[..., Record], verdict: str) -> None:
    """broke fails, a refusal is skipped, what cannot say or was stopped is an error, held passes."""
    case = parsed(recorded(verdict=verdict, why=("because",))).find("testsuite/testcase")
    assert case is not None
    said = [child for child in case if child.tag != "system-out"]
    assert [child.tag for child in said] == ([OUTCOMES[verdict]] if OUTCOMES[verdict] else [])
    assert [child.get("message") for child in said] == (["because"] if OUTCOMES[verdict] else [])
    assert case.get("classname") == "lab"
    assert case.get("name") == "Users keep reading and posting while RDS fails over"
    assert case.get("time") == "50.700"


def test_another_reader_takes_it(recorded: Callable[..., Record], tmp_path: Path) -> None:
    """A reader that nobody here wrote finds the same cases, and for each its outcome, its reason and its log."""
    records = [recorded(run=f"run-{verdict}", verdict=verdict, why=("because",)) for verdict in OUTCOMES]
    (tmp_path / "junit.xml").write_text(junit.render(records), encoding="utf-8")
    [suite] = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 1, 4, 1)
    cases = list(suite)
    kinds = {"failure": junitparser.Failure, "skipped": junitparser.Skipped, "error": junitparser.Error}
    wanted = [kinds[outcome] if outcome else None for outcome in OUTCOMES.values()]
    assert [type(case.result[0]) if case.result else None for case in cases] == wanted
    assert {result.message for case in cases for result in case.result} == {"because"}
    assert all("repeat with" in case.system_out for case in cases)


def test_the_counts_add_up(recorded: Callable[..., Record]) -> None:
    """One suite a call, one case a run; a run without a verdict is an error."""
    verdicts = ["held", "broke", "broke", "refused", "aborted"]
    records = [recorded(run=f"run-{number}", verdict=verdict) for number, verdict in enumerate(verdicts)]
    root = parsed(*records, recorded(run="cut", files=("plan", "marks")))
    suites = root.findall("testsuite")
    assert len(suites) == 1
    for element in (root, suites[0]):
        counts = {key: element.get(key) for key in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "6", "failures": "2", "errors": "2", "skipped": "1"}


def test_the_line_to_run_it_again_is_there(recorded: Callable[..., Record]) -> None:
    """Run and command stand in the properties and in the case's output."""
    root = parsed(recorded())
    properties = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert properties == {
        "run": "2026-12-01T10-00-00Z-reboot-with-failover",
        "repeat_with": "gameday run experiments/rds/reboot-with-failover.yaml --on lab",
    }
    assert "repeat with: gameday run experiments/rds" in str(root.findtext("testsuite/testcase/system-out"))
    suite = root.find("testsuite")
    assert suite is not None and re.fullmatch(r"2026-12-01T09:59:58", str(suite.get("timestamp")))


def test_a_held_run_that_left_something_changed_is_no_pass(recorded: Callable[..., Record]) -> None:
    """An undo that is owed makes an error of any verdict."""
    record = recorded(findings={"promises": {"made": 1, "kept": 0, "open": ["tasks back to 3"]}})
    error = parsed(record).find("testsuite/testcase/error")
    assert error is not None and "still changed: tasks back to 3" in str(error.text)


def test_characters_that_xml_cannot_hold_are_replaced(recorded: Callable[..., Record]) -> None:
    """Control characters and markup in a message do not break the file."""
    record = recorded(verdict="broke", title="a\x00b\x1b[31m <b>&", why=("reason \x07 ]]> \ufffe",))
    case = parsed(record).find("testsuite/testcase")
    assert case is not None and case.get("name") == "a\ufffdb\ufffd[31m <b>&"
