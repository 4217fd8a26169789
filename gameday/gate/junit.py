"""A gate for a pipeline: one test case an experiment, each failure with one readable message.

failed is a failure; what says nothing or was stopped is an error; known, quarantined and left out are skipped, with
the reason, so that they stay visible and do not decide. Where no case says that the gate did not pass (everything was
left out, or it never came to its experiments) one more case says it: a reader of the file alone must not see a pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from gameday.gate.summary import headline
from reports.junit import NOT_XML

KINDS = {"passed": "", "known": "skipped", "quarantined": "skipped", "failed": "failure"}


def render(gate: Mapping[str, Any]) -> str:
    """Return JUnit's XML of a `gate.json`."""
    root = ElementTree.Element("testsuites", _counts(gate))
    suite = ElementTree.SubElement(root, "testsuite", _counts(gate))
    suite.set("timestamp", gate["began"][:19])
    release = gate["release"]
    told = {
        "gate": gate["gate"], "outcome": gate["outcome"], "release": release.get("id") or "",
        "digest": release.get("digest") or "", "repeat_with": gate["repeat_with"],
    }  # fmt: skip
    _properties(suite, told)
    for row in _rows(gate):
        _case(suite, row, gate)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def kind(row: Mapping[str, Any]) -> str:
    """Return the element that says how an experiment ended; "" for one that passed."""
    if row["result"] == "not played":
        return "error" if row["exit"] else "skipped"
    return KINDS.get(row["result"], "error")


def _rows(gate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the experiments, and the gate itself where it did not pass and none of them says so."""
    rows = list(gate["experiments"])
    if not gate["exit"] or any(kind(row) in ("failure", "error") for row in rows):
        return rows
    name = gate["suite"]["name"]
    itself = {"title": f"gate {name}", "file": gate["suite"]["file"], "result": gate["outcome"], "why": gate["why"],
              "exit": gate["exit"], "runs": [], "verdict": None, "seconds": 0.0}  # fmt: skip
    return [*rows, itself]


def _counts(gate: Mapping[str, Any]) -> dict[str, str]:
    rows = _rows(gate)
    kinds = [kind(row) for row in rows]
    return {
        "name": f"gameday gate {gate['suite']['name']}",
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(row['seconds'] for row in rows):.3f}",
    }


def _case(suite: ElementTree.Element, row: Mapping[str, Any], gate: Mapping[str, Any]) -> None:
    place = f"{gate['suite']['name']}.{gate['environment'].get('name', 'unknown')}"
    time = f"{row['seconds']:.3f}"
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(place), name=_clean(row["title"]), time=time)
    _properties(case, {"file": row["file"], "result": row["result"], "runs": " ".join(row["runs"])})
    if found := kind(row):
        said = ElementTree.SubElement(case, found, type=row["result"], message=_clean(headline(row)))
        said.text = _clean("\n".join(row["why"]))
    lines = [f"result: {row['result']}", f"verdict: {row['verdict'] or 'none'}", *(f"why: {why}" for why in row["why"])]
    ElementTree.SubElement(case, "system-out").text = _clean("\n".join(lines))


def _properties(parent: ElementTree.Element, told: Mapping[str, str]) -> None:
    holder = ElementTree.SubElement(parent, "properties")
    for name, value in told.items():
        ElementTree.SubElement(holder, "property", name=name, value=_clean(value))


def _clean(text: str) -> str:
    """Return *text* without the characters that XML cannot hold."""
    return NOT_XML.sub("\ufffd", text)
