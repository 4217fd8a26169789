"""Why a page did not come, as far as AWS itself knows: read-only, from the alarm on to whoever its topic tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from gameday.aws import Aws, refuse_way_out
from gameday.errors import Refusal

UNKNOWN = "not known: "  # so begins what is no reason, but could not be asked
WITHIN_S = 8.0
LEAST_S = 900.0  # how far back a metric is looked for, at least
CONFIRMED = "arn:"  # else PendingConfirmation, or Deleted
Described = Mapping[str, Any]


def why_no_page(aws: Aws, alarm: str) -> list[str]:
    """Return a sentence for everything that keeps *alarm* from paging anybody; empty: AWS knows of nothing.

    Never raises, and takes `WITHIN_S` at most. A sentence that begins with `UNKNOWN` is no reason: AWS could not be
    asked.
    """
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.extend(_why(aws, alarm)), daemon=True, name="why-no-page")
    asking.start()
    asking.join(WITHIN_S)
    return list(said) or (
        [f"{UNKNOWN}AWS gave no answer about {alarm} within {WITHIN_S:g} s"] if asking.is_alive() else []
    )


def _why(aws: Aws, alarm: str) -> list[str]:
    found, unknown = _ask(lambda: _described(aws, alarm), f"the alarm {alarm}")
    if unknown:
        return [unknown]
    if found is None:
        return [f"there is no alarm {alarm} in {aws.environment.region}"]
    parts: list[tuple[Callable[[], list[str]], str]] = [
        (lambda: _data(aws, found), f"the metric of {alarm}"),
        (lambda: _actions(found), f"the actions of {alarm}"),
        (lambda: _topics(aws, found), f"the topics of {alarm}"),
    ]
    said: list[str] = []
    for part, what in parts:
        reasons, unknown = _ask(part, what)
        said += [unknown] if unknown else reasons or []
    return said


def _ask(question: Callable[[], Any], what: str) -> tuple[Any, str]:
    """Return (the answer, ""), or (None, why there is none)."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return question(), ""
    except Refusal as error:
        return None, f"{UNKNOWN}{what}: {error}"
    except ClientError as error:
        return None, f"{UNKNOWN}{what}: AWS answers {error.response['Error']['Code']}"
    except BotoCoreError as error:
        return None, f"{UNKNOWN}{what}: AWS cannot be reached: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001  an answer of another form than expected is no answer
        return None, f"{UNKNOWN}{what}: {type(error).__name__}: {error}"


def _described(aws: Aws, alarm: str) -> Described | None:
    refuse_way_out(aws.environment)
    answer = aws.cloudwatch.describe_alarms(AlarmNames=[alarm], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
    return cast("Described", found[0]) if found else None


def _data(aws: Aws, alarm: Described) -> list[str]:
    """Say that what the alarm watches has no data; a composite alarm watches other alarms."""
    queries = _queries(alarm)
    if not queries:
        return []
    periods = float(alarm.get("EvaluationPeriods", 1)) * _period(alarm)
    back = timedelta(seconds=max(LEAST_S, 3 * periods))
    end = datetime.now(UTC)
    pages = aws.cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=cast("Any", queries), StartTime=end - back, EndTime=end
    )
    if any(one["Values"] for page in pages for one in page["MetricDataResults"]):
        return []
    return [f"its metric {_called(alarm)} has had no data for {back.total_seconds() / 60:.0f} minutes"]


def _queries(alarm: Described) -> list[dict[str, Any]]:
    if metrics := alarm.get("Metrics"):
        return [dict(one) for one in cast("Sequence[Described]", metrics)]
    if not alarm.get("MetricName"):
        return []
    metric = {"Namespace": alarm["Namespace"], "MetricName": alarm["MetricName"]}
    watched = {**metric, "Dimensions": alarm.get("Dimensions", [])}
    stat = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
    return [{"Id": "watched", "MetricStat": {"Metric": watched, "Period": int(_period(alarm)), "Stat": stat}}]


def _period(alarm: Described) -> float:
    every = [one.get("Period") or one.get("MetricStat", {}).get("Period") for one in alarm.get("Metrics") or []]
    return float(alarm.get("Period") or max((one for one in every if one), default=60))


def _called(alarm: Described) -> str:
    if name := alarm.get("MetricName"):
        about = ", ".join(f"{one['Name']}={one['Value']}" for one in alarm.get("Dimensions", []))
        return f"{alarm['Namespace']}/{name}" + (f" ({about})" if about else "")
    return "expression"


def _actions(alarm: Described) -> list[str]:
    said = []
    if not alarm.get("ActionsEnabled", True):
        said.append("its actions are disabled; `aws cloudwatch enable-alarm-actions` enables them")
    if held := alarm.get("ActionsSuppressedBy"):
        said.append(f"its actions are held back by {held}")
    if not _topics_of(alarm):
        said.append("it has no action that tells an SNS topic when it goes into ALARM")
    return said


def _topics_of(alarm: Described) -> list[str]:
    return [str(arn) for arn in alarm.get("AlarmActions", []) if ":sns:" in str(arn)]


def _topics(aws: Aws, alarm: Described) -> list[str]:
    """Say which topics tell nobody, if all of them do: one that tells somebody is enough."""
    said = [_untold(aws, arn) for arn in _topics_of(alarm)]
    return [one for one in said if one] if all(said) else []


def _untold(aws: Aws, arn: str) -> str:
    from botocore.exceptions import ClientError

    name = arn.rpartition(":")[2]
    try:
        pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        states = [str(one["SubscriptionArn"]) for page in pages for one in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NotFound", "NotFoundException"):
            return f"its topic {name} does not exist"
        raise
    if any(state.startswith(CONFIRMED) for state in states):
        return ""
    pending = f"; {len(states)} wait to be confirmed" if states else ""
    return f"its topic {name} has no confirmed subscription{pending}"
