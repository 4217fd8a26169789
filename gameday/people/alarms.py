"""CloudWatch's own memory of alarms: when each went into ALARM, when it told an SNS topic of that, when it was over."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gameday.aws import Aws, refuse_way_out
from gameday.errors import Refusal
from gameday.model import Json
from gameday.notify.order import Failed, TryAgain
from gameday.notify.wire import TOO_MANY
from gameday.people.asking import Until
from gameday.people.seen import Seen

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import AlarmHistoryItemTypeDef

_TOPIC = re.compile(r"arn:[\w-]+:sns:[\w-]*:\d*:([\w.-]+)")
_UPDATED = re.compile(r"updated from (\w+) to (\w+)")


class Alarms:
    """Reads the history of the alarms that matter to the day."""

    name = "CloudWatch"

    def __init__(self, aws: Aws, alarms: Collection[str], since: float) -> None:
        self._aws, self._alarms, self._since = aws, sorted(alarms), since

    def read(self, until: Until) -> list[Seen]:
        """Return when they went off and when it was over. Raises NotSent."""
        from botocore.exceptions import BotoCoreError, ClientError

        found: list[Seen] = []
        try:
            refuse_way_out(self._aws.environment)
            for alarm in self._alarms:
                until.left_s()
                found += seen_of(self._history(alarm))
        except Refusal as error:
            raise Failed(str(error)) from None
        except ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            kind = TryAgain if status in TOO_MANY or status >= 500 or code.startswith("Throttl") else Failed
            raise kind(f"{self.name} answers {code} to DescribeAlarmHistory") from None
        except BotoCoreError as error:
            raise Failed(f"{self.name} cannot be reached: {type(error).__name__}") from None
        return found

    def _history(self, alarm: str) -> Iterator[AlarmHistoryItemTypeDef]:
        pages = self._aws.cloudwatch.get_paginator("describe_alarm_history").paginate(
            AlarmName=alarm, AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            StartDate=datetime.fromtimestamp(self._since, UTC), ScanBy="TimestampAscending",
        )  # fmt: skip
        return (item for page in pages for item in page["AlarmHistoryItems"])


def seen_of(history: Iterator[AlarmHistoryItemTypeDef]) -> Iterator[Seen]:
    """Yield the state updates that begin or end an alarm, and whom CloudWatch told of each, or could not."""
    newest = ""
    for item in history:
        alarm, at = item.get("AlarmName", ""), item["Timestamp"].timestamp()
        if item.get("HistoryItemType") == "Action":
            yield from _told(alarm, at, item, newest)
            continue
        old, new = _states(item)
        if "ALARM" not in (old, new) or old == new:
            newest = newest if old == new else ""
            continue
        kind, text = ("alarm.fired", f"{alarm} is in ALARM") if new == "ALARM" else ("alarm.over", f"{alarm} is {new}")
        newest = new
        reason = _part(item, "newState", "stateReason")
        yield Seen(at, kind, text + (f": {reason}" if reason else ""), Alarms.name, f"{Alarms.name}:{alarm}:{at:.6f}",
                   {"alarm": alarm, "from": old, "to": new})  # fmt: skip


def _told(alarm: str, at: float, item: AlarmHistoryItemTypeDef, state: str) -> Iterator[Seen]:
    """Yield that CloudWatch told an SNS topic of a *state*; other actions, such as those of scaling, tell nobody."""
    summary = item.get("HistorySummary", "")
    found = _TOPIC.search(summary)
    if found and state:
        topic, ok = found[0], summary.startswith("Successfully")
        said = "is told" if ok else "COULD NOT be told"
        data: dict[str, Json] = {"alarm": alarm, "topic": topic, "ok": ok, "opens": state == "ALARM"}
        yield Seen(at, "alarm.told", f"the SNS topic {found[1]} {said} that {alarm} is {state}", Alarms.name,
                   f"{Alarms.name}:{alarm}:{at:.6f}:{topic}", data)  # fmt: skip


def _states(item: AlarmHistoryItemTypeDef) -> tuple[str, str]:
    """Return (old, new) state: AWS cuts long data off, and then the summary tells."""
    told = _part(item, "oldState", "stateValue"), _part(item, "newState", "stateValue")
    if all(told):
        return told
    found = _UPDATED.search(item.get("HistorySummary", ""))
    return (found[1], found[2]) if found else ("", "")


def _part(item: AlarmHistoryItemTypeDef, state: str, name: str) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(item.get("HistoryData", ""))[state][name])
    return ""
