"""The MetricDataQueries of a request, checked as AWS does; errors are ValidationErrors with the parameter's path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lab.aws.metric_data import Query, check_expression, metric_of
from lab.aws.registry import AwsError
from lab.aws.statistic import UnknownStatisticError, statistic
from lab.settings import ACCOUNT

SHORT_PERIODS = (1, 5, 10, 20, 30)
MOST_QUERIES, LONGEST_EXPRESSION = 500, 2_048
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


def period_is_valid(period: int) -> bool:
    """Say whether AWS takes a period of so many seconds in a request for data."""
    return period in SHORT_PERIODS or (period > 0 and period % 60 == 0)


def queries_of(members: Sequence[Mapping[str, Any]], where: str = "MetricDataQueries") -> list[Query]:
    """Check the members of a request and make queries of them; raise AwsError for the first that is wrong."""
    if len(members) > MOST_QUERIES:
        raise _invalid(f"The collection {where} must not have a size greater than {MOST_QUERIES}.")
    queries = [_query(member, f"{where}.member.{number}") for number, member in enumerate(members, 1)]
    if len({query.id for query in queries}) < len(queries):
        raise _invalid(f"The values for parameter id in {where} are not unique.")
    for query in queries:
        check_expression(query)
    return queries


def _query(member: Mapping[str, Any], where: str) -> Query:
    name, stat, expression = member["Id"], member.get("MetricStat"), member.get("Expression")
    if not _ID.fullmatch(name):
        raise _invalid(
            f"The value {name} for parameter {where}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )
    if (stat is None) == (expression is None):
        raise _invalid(f"Exactly one of the parameters {where}.Expression and {where}.MetricStat must be specified.")
    if member.get("AccountId") not in (None, ACCOUNT):
        raise _invalid(f"The parameter {where}.AccountId names another account; the lab has one, {ACCOUNT}.")
    if expression is not None and not 1 <= len(expression) <= LONGEST_EXPRESSION:
        raise _invalid(f"The parameter {where}.Expression must have 1 to {LONGEST_EXPRESSION} characters.")
    label, returned = member.get("Label"), member.get("ReturnData", True)
    if stat is None:
        period = member.get("Period", 0)
        if period:
            _check_period(period, f"{where}.Period")
        return Query(name, period=period, expression=expression, label=label, returned=returned)
    _check_period(stat["Period"], f"{where}.MetricStat.Period")
    check_stat(stat["Stat"], f"{where}.MetricStat.Stat")
    return Query(name, metric_of(stat["Metric"]), stat["Stat"], stat["Period"], stat.get("Unit"), None, label, returned)


def _check_period(period: int, where: str) -> None:
    if not period_is_valid(period):
        raise _invalid(f"The value {period} for parameter {where} is not 1, 5, 10, 20, 30 or a multiple of 60.")


def check_stat(name: str, where: str) -> None:
    """Raise AwsError for a statistic that AWS, or the lab, does not know."""
    try:
        statistic(name)
    except UnknownStatisticError:
        raise _invalid(f"The value {name} for parameter {where} is not supported.") from None


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
