"""When an alarm is in ALARM: M of the N newest points breach, with AWS's four ways to treat missing ones.

The alarm looks at two periods more than N, so that older points can stand in for missing ones. Pure functions;
the rules and their order follow the tables of "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.aws.metrics import Points

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STATES = (OK, ALARM, INSUFFICIENT_DATA)
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
EXTRA_PERIODS = 2
MOST_SHOWN, MOST_LISTED = 10, 5  # points in a reason's data and in its sentence, which AWS keeps short as well

_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
COMPARISONS = tuple(_COMPARISONS)


@dataclass(frozen=True, slots=True)
class Rule:
    """M of N against a threshold."""

    comparison: str
    threshold: float
    evaluation_periods: int  # N
    datapoints_to_alarm: int  # M
    treat_missing: str = "missing"

    def breaches(self, value: float) -> bool:
        """Say whether one value is on the wrong side of the threshold."""
        return _COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state an alarm should be in, and why in AWS's words."""

    state: str
    reason: str
    reason_data: str


def judge(rule: Rule, values: Sequence[float | None], current: str) -> str:
    """Return the state for the points of the evaluation range, newest last, None where one is missing."""
    real = [rule.breaches(value) for value in values if value is not None]
    needed, least = rule.evaluation_periods, rule.datapoints_to_alarm
    if len(real) >= needed:
        return ALARM if sum(real[-needed:]) >= least else OK
    treated = needed - len(real) if rule.treat_missing == "breaching" else 0
    if sum(real) + treated >= least:
        return ALARM
    if rule.treat_missing in ("breaching", "notBreaching") or not all(real):
        return OK
    return _undecided(rule, values, current)


def _undecided(rule: Rule, values: Sequence[float | None], current: str) -> str:
    """Decide where every point that exists breaches, and there are fewer than M of them (or none)."""
    if rule.treat_missing == "ignore":
        return current
    ages = [age for age, value in enumerate(reversed(values), 1) if value is not None]
    if not ages:
        return INSUFFICIENT_DATA
    return ALARM if ages[-1] >= rule.datapoints_to_alarm else current  # the next point may not breach: wait


def verdict(rule: Rule, times: Sequence[int], points: Points, current: str, shown: dict[str, object]) -> Verdict:
    """Judge, and explain; `times` are the periods of the evaluation range, `shown` goes into the reason's data."""
    state = judge(rule, [points.get(at) for at in times], current)
    recent = [at for at in times if at in points][-rule.evaluation_periods :]
    data = {
        "version": "1.0",
        **shown,
        "recentDatapoints": [points[at] for at in recent[-MOST_SHOWN:]],
        "threshold": rule.threshold,
        "evaluatedDatapoints": [
            {"timestamp": _stamp(at), "value": points[at]} for at in reversed(recent[-MOST_SHOWN:])
        ],
    }
    return Verdict(state, _reason(rule, state, current, [(at, points[at]) for at in recent]), json.dumps(data))


def _reason(rule: Rule, state: str, current: str, recent: list[tuple[int, float]]) -> str:
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_number(rule.evaluation_periods, 'datapoint')} unknown."
    if not recent:
        treated = "Breaching" if state == ALARM else "NonBreaching"
        periods = _number(rule.evaluation_periods, "missing datapoint")
        span = f"{rule.evaluation_periods} period{'' if rule.evaluation_periods == 1 else 's'}"
        return f"Threshold Crossed: no datapoints were received for {span} and {periods} treated as [{treated}]."
    hits = [(at, value) for at, value in recent if rule.breaches(value) == (state == ALARM)]
    listed = ", ".join(f"{value} ({_day(at)})" for at, value in reversed(hits[-MOST_LISTED:]))
    verb = f"{'was' if len(hits) == 1 else 'were'}{'' if state == ALARM else ' not'}"
    needed = rule.datapoints_to_alarm if state == ALARM else rule.evaluation_periods - rule.datapoints_to_alarm + 1
    return (
        f"Threshold Crossed: {len(hits)} out of the last {len(recent)} datapoints [{listed}] {verb} "
        f"{_COMPARISONS[rule.comparison][1]} the threshold ({float(rule.threshold)}) (minimum {needed} "
        f"datapoint{'' if needed == 1 else 's'} for {current} -> {state} transition)."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun} was" if count == 1 else f"{count} {noun}s were"


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")
