"""The report for a pipeline: one test suite a call, one test case a run.

broke is a failure; what could not be judged or was stopped is an error; a refusal is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from gameday.model import Verdict
from gameday.record import Record
from reports.parts.story import Story, story

FILENAME = "junit.xml"
EXTENSION = "xml"

OUTCOMES = {Verdict.BROKE: "failure", Verdict.REFUSED: "skipped"}
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(records: Sequence[Record]) -> str:
    """Return JUnit's XML for the runs."""
    stories = [story(record) for record in records]
    root = ElementTree.Element("testsuites", _counts(stories))
    suite = ElementTree.SubElement(root, "testsuite", _counts(stories))
    if stories and stories[0].began_iso:
        suite.set("timestamp", stories[0].began_iso[:19])
    properties = ElementTree.SubElement(suite, "properties")
    for one in stories:
        for name, value in (("run", one.run), ("repeat_with", one.repeat_with)):
            ElementTree.SubElement(properties, "property", name=name, value=_clean(value))
    for one in stories:
        _case(suite, one)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def outcome(one: Story) -> str:
    """Return the element that says how a run ended; "" for one that held and left nothing changed."""
    if one.still_changed:
        return "error"
    return "" if one.verdict is Verdict.HELD else OUTCOMES.get(one.verdict or Verdict.INVALID, "error")


def _counts(stories: Sequence[Story]) -> dict[str, str]:
    outcomes = [outcome(one) for one in stories]
    return {
        "name": "gameday",
        "tests": str(len(stories)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{sum(one.took_s or 0.0 for one in stories):.3f}",
    }


def _case(suite: ElementTree.Element, one: Story) -> None:
    name, place = _clean(one.title), _clean(one.environment or "unknown")
    case = ElementTree.SubElement(suite, "testcase", classname=place, name=name, time=f"{one.took_s or 0.0:.3f}")
    if kind := outcome(one):
        said = ElementTree.SubElement(case, kind, type=one.face.key, message=_clean(one.decisive))
        said.text = _clean("\n".join([*one.why, *(f"still changed: {line}" for line in one.still_changed)]))
    ElementTree.SubElement(case, "system-out").text = _clean("\n".join(_evidence(one)))


def _evidence(one: Story) -> list[str]:
    """The run in lines, for the log of the pipeline."""
    return [
        f"run: {one.run}",
        f"repeat with: {one.repeat_with or 'not recorded'}",
        f"verdict: {one.face.word.lower()}",
        *(f"why: {line}" for line in one.why),
        *(f"{row.title}: {row.measured}, limit {row.limit}, met {row.met.value}" for row in one.objectives),
        *(f"{proof.title}, {proof.proven.value}: {'; '.join(proof.sentences)}" for proof in one.proofs),
        f"recovery: {one.recovery.summary}",
        f"undo: {one.promises}",
    ]


def _clean(text: str) -> str:
    """Return *text* without the characters that XML cannot hold."""
    return NOT_XML.sub("\ufffd", text)
