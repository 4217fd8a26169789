"""What PutMetricAlarm asks for, checked as AWS checks it, made into an `Alarm`.

Anomaly detection alarms are not played; they answer with an error that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.aws.alarm_model import Alarm
from lab.aws.alarm_rule import COMPARISONS, TREATMENTS, Rule
from lab.aws.composite import actions_of
from lab.aws.metric_data import Query, metric_of
from lab.aws.metric_insights import is_select, select_of
from lab.aws.metric_request import check_stat, queries_of
from lab.aws.put_metric_data import UNITS
from lab.aws.registry import AwsError
from lab.aws.statistic import SIMPLE_STATISTICS

DAY_S, WEEK_S, HOUR_S = 86_400, 604_800, 3_600
_OF_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_NOT_PLAYED = (
    *("ThresholdMetricId", "EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval"),
    "ActionConfiguration",
)
MOST_METRICS = 10  # of a math alarm


def alarm_of(params: Mapping[str, Any]) -> Alarm:
    """Return the alarm of a request; raise AwsError for the first thing that is wrong with it."""
    if unplayed := [name for name in _NOT_PLAYED if params.get(name) is not None]:
        raise _invalid(f"The lab does not play the parameter {unplayed[0]} of PutMetricAlarm.")
    queries = _queries(params)
    alarm = Alarm(
        name=params["AlarmName"],
        queries=queries,
        rule=_rule(params),
        by_metrics=bool(params.get("Metrics")),
        ignore_low_samples=_low_samples(params),
        description=params.get("AlarmDescription"),
        actions_enabled=params.get("ActionsEnabled", True),
        ok_actions=actions_of(params, "OKActions"),
        alarm_actions=actions_of(params, "AlarmActions"),
        insufficient_data_actions=actions_of(params, "InsufficientDataActions"),
    )
    longest = DAY_S if alarm.period < HOUR_S else WEEK_S
    if alarm.period * alarm.rule.evaluation_periods > longest:
        raise _invalid(
            f"EvaluationPeriods * Period must be <= {longest} seconds for a period of {alarm.period} seconds."
        )
    return alarm


def _rule(params: Mapping[str, Any]) -> Rule:
    comparison, treat = params["ComparisonOperator"], params.get("TreatMissingData", "missing")
    if comparison not in COMPARISONS:
        raise _invalid(f"The value {comparison} is not supported for ComparisonOperator: {', '.join(COMPARISONS)}.")
    if treat not in TREATMENTS:
        raise _invalid(
            f"The value [{treat}] is not supported for TreatMissingData parameter. Supported values are "
            f"[{', '.join(TREATMENTS)}]."
        )
    if params.get("Threshold") is None:
        raise _invalid("The parameter Threshold must be set; alarms on anomaly detection are not supported.")
    periods = params["EvaluationPeriods"]
    datapoints = params.get("DatapointsToAlarm", periods)
    if not 1 <= datapoints <= periods:
        raise _invalid("DatapointsToAlarm must be between 1 and EvaluationPeriods.")
    return Rule(comparison, params["Threshold"], periods, datapoints, treat)


def _queries(params: Mapping[str, Any]) -> tuple[Query, ...]:
    """Return the queries of an alarm: those of Metrics, or one of the alarm's own metric."""
    members = params.get("Metrics")
    if not members:
        return (_metric_query(params),)
    extra = [name for name in _OF_METRIC if params.get(name)]
    if extra:
        raise _invalid(f"The parameter {extra[0]} cannot be set together with Metrics.")
    queries = queries_of(members, "Metrics")
    if sum(query.returned for query in queries) != 1:
        raise _invalid("Exactly one element of the metrics list should return data.")
    if sum(query.metric is not None for query in queries) > MOST_METRICS:
        raise _invalid(f"An alarm on a math expression has at most {MOST_METRICS} metrics.")
    if len({query.period for query in queries if query.metric is not None}) > 1:
        raise _invalid("All metrics of an alarm on a math expression must have the same period.")
    if any(is_select(query.expression or "") and select_of(query.expression or "").group_by for query in queries):
        raise _invalid("An alarm watches one time series; the lab does not play alarms on a SELECT with GROUP BY.")
    for query in queries:
        _check_period(query.period if query.metric else query.period or 60)
    return tuple(queries)


def _metric_query(params: Mapping[str, Any]) -> Query:
    for name in ("MetricName", "Namespace", "Period"):
        if not params.get(name):
            raise _invalid(f"The parameter {name} must be set for an alarm on a metric.")
    plain, extended = params.get("Statistic"), params.get("ExtendedStatistic")
    if (plain is None) == (extended is None):
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be set.")
    if plain is not None and plain not in SIMPLE_STATISTICS:
        raise _invalid(f"The value {plain} for parameter Statistic is not supported.")
    if params.get("Unit") not in (None, *UNITS):
        raise _invalid(f"The value {params['Unit']} for parameter Unit is not supported.")
    stat = plain or extended or ""
    check_stat(stat, "ExtendedStatistic")
    _check_period(params["Period"])
    return Query("m1", metric_of(params), stat, params["Period"], params.get("Unit"))


def _check_period(period: int) -> None:
    if period not in (10, 20, 30) and (period <= 0 or period % 60):
        raise _invalid(f"The period of an alarm must be 10, 20, 30 or a multiple of 60, not {period}.")


def _low_samples(params: Mapping[str, Any]) -> bool | None:
    given = params.get("EvaluateLowSampleCountPercentile")
    if given is None:
        return None
    if given not in ("evaluate", "ignore") or not str(params.get("ExtendedStatistic")).startswith("p"):
        raise _invalid(
            f"Option {given} is not supported: EvaluateLowSampleCountPercentile is 'evaluate' or 'ignore', "
            "and only for a percentile."
        )
    return bool(given == "ignore")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
