"""M of N and the four ways to treat missing data, against the tables of AWS's own documentation."""

from __future__ import annotations

import json

import pytest

from lab.aws.alarm_rule import Rule, judge, verdict

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def points(text: str) -> list[float | None]:
    """Read a row of the documentation: 0 is fine, X breaches, - is missing; the newest is on the right."""
    return [{"0": 0.0, "X": 9.0, "-": None}[word] for word in text.split()]


def judged(text: str, least: int, treat: str, current: str, needed: int = 3) -> str:
    """Return the state for a row of the documentation."""
    return judge(Rule("GreaterThanThreshold", 5.0, needed, least, treat), points(text), current)


@pytest.mark.parametrize("current", ["OK", "ALARM", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize(
    ("row", "least", "states"),
    [
        # Datapoints to Alarm 3, Evaluation Periods 3
        ("0 - X - X", 3, ("OK", "OK", "OK", "OK")),
        ("0 - - - -", 3, ("OK", "OK", "OK", "OK")),
        ("- - - - -", 3, ("INSUFFICIENT_DATA", "retain", "ALARM", "OK")),
        ("0 X X - X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("- - X - -", 3, ("ALARM", "retain", "ALARM", "OK")),
        # Datapoints to Alarm 2, Evaluation Periods 3
        ("0 - X - X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", 2, ("ALARM", "retain", "ALARM", "OK")),
    ],
)
def test_the_tables_of_the_documentation(row: str, least: int, states: tuple[str, ...], current: str) -> None:
    """Every row, every treatment, from every state."""
    found = tuple(judged(row, least, treat, current) for treat in TREATMENTS)
    assert found == tuple(current if state == "retain" else state for state in states)


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
@pytest.mark.parametrize("current", ["OK", "INSUFFICIENT_DATA"])
def test_one_breaching_point_alone_is_premature(row: str, current: str) -> None:
    """With Datapoints to Alarm 3 the next point may still be fine: no ALARM yet."""
    assert judged(row, 3, "missing", current) == current
    assert judged(row, 3, "ignore", current) == current


@pytest.mark.parametrize(
    ("comparison", "value", "breaches"),
    [
        ("GreaterThanThreshold", 5.0, False),
        ("GreaterThanThreshold", 5.1, True),
        ("GreaterThanOrEqualToThreshold", 5.0, True),
        ("LessThanThreshold", 5.0, False),
        ("LessThanThreshold", 4.9, True),
        ("LessThanOrEqualToThreshold", 5.0, True),
    ],
)
def test_comparisons(comparison: str, value: float, breaches: bool) -> None:
    """The threshold itself belongs to one side only."""
    assert Rule(comparison, 5.0, 1, 1).breaches(value) is breaches


@pytest.mark.parametrize(
    ("values", "current", "state", "reason"),
    [
        (
            {120: 7.0},
            "OK",
            "ALARM",
            "Threshold Crossed: 1 out of the last 1 datapoints [7.0 (01/01/70 00:02:00)] was greater than the "
            "threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            {120: 3.0},
            "ALARM",
            "OK",
            "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (01/01/70 00:02:00)] was not greater than the "
            "threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        ({}, "OK", "INSUFFICIENT_DATA", "Insufficient Data: 1 datapoint was unknown."),
    ],
)
def test_the_reason_is_in_awss_words(values: dict[int, float], current: str, state: str, reason: str) -> None:
    """Tools and people read it."""
    found = verdict(Rule("GreaterThanThreshold", 5, 1, 1), [0, 60, 120], values, current, {"period": 60})
    assert (found.state, found.reason) == (state, reason)
    data = json.loads(found.reason_data)
    assert data["recentDatapoints"] == list(values.values())
    assert (data["threshold"], data["period"]) == (5, 60)


def test_missing_data_that_decided_is_named() -> None:
    """`no datapoints were received` says that silence was taken as a breach."""
    found = verdict(Rule("GreaterThanThreshold", 5, 2, 2, "breaching"), [0, 60, 120, 180], {}, "OK", {})
    assert found.state == "ALARM"
    assert found.reason.endswith(
        "no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    )
