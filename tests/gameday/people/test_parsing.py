"""What the services answer, as recorded, becomes what the day writes down; what is no doing of people's is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from gameday.model import Json, from_iso
from gameday.people import alarms, pagerduty, slack, statuspage
from gameday.people.asking import alarm_in

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import AlarmHistoryItemTypeDef

ALARM = "foodconnect-error-rate"
SINCE = from_iso("2026-12-01T10:00:00Z")
SERVICE: Json = {"id": "PFOODC0", "type": "service_reference", "summary": "FoodConnect backend"}
ROBIN: Json = {"id": "PUSER01", "type": "user_reference", "summary": "Robin Falk"}
ROBOT: Json = {"id": "PROBOT1", "type": "user_reference", "summary": "Automation"}
INCIDENT: Mapping[str, Json] = {
    "id": "Q1", "type": "incident", "incident_number": 7, "title": "Errors in the app", "status": "resolved",
    "incident_key": f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{ALARM}", "created_at": "2026-12-01T10:00:12Z",
}  # fmt: skip


def entry(id_: str, kind: str, at: str, agent: Json, **more: Json) -> dict[str, Json]:
    """Return a log entry in PagerDuty's shape."""
    return {"id": id_, "type": f"{kind}_log_entry", "created_at": at, "agent": agent, "summary": kind, **more}


LOG: list[Mapping[str, Json]] = [
    entry("R6", "resolve", "2026-12-01T10:04:00Z", SERVICE),
    entry("R5", "acknowledge", "2026-12-01T10:01:30Z", ROBIN),
    entry("R4", "acknowledge", "2026-12-01T10:00:40Z", ROBOT),
    entry("R3", "acknowledge", "2026-12-01T10:00:30Z", SERVICE),
    entry("R2", "notify", "2026-12-01T10:00:13Z", SERVICE, user=ROBIN),
    entry("R1", "assign", "2026-12-01T10:00:12Z", SERVICE),
    entry("R0", "trigger", "2026-12-01T10:00:12Z", SERVICE, channel={"type": "cloudwatch", "details": {}}),
]


def test_pagerduty_tells_each_hop_once_and_whose_it_was() -> None:
    """Machines' acknowledgements are none of a person's; every instant is a whole second, and says so."""
    found = list(pagerduty.seen_of(INCIDENT, LOG, [ALARM, "foodconnect"], {"PROBOT1"}))
    assert [(one.kind, one.who) for one in found] == [
        ("page.triggered", "FoodConnect backend"), ("page.notified", "Robin Falk"),
        ("page.automatic", "FoodConnect backend"), ("page.automatic", "Automation"),
        ("page.acknowledged", "Robin Falk"), ("page.resolved", "FoodConnect backend"),
    ]  # fmt: skip
    assert {one.data["alarm"] for one in found} == {ALARM} and {one.data["within_s"] for one in found} == {1.0}
    assert len({one.key for one in found}) == 6
    assert found[4].text == "Robin Falk acknowledges #7 Errors in the app"


def test_an_alarm_is_named_whole_or_not_at_all() -> None:
    """A name inside a longer one is another alarm; unknown ones are taken from CloudWatch's own subject."""
    title = f'ALARM: "{ALARM}-high" in EU (Ireland)'
    assert alarm_in([title], [ALARM]) == f"{ALARM}-high"
    assert alarm_in([title], [ALARM, f"{ALARM}-high"]) == f"{ALARM}-high"
    assert alarm_in(["disk full"], [ALARM, "disk"]) == "disk"
    assert alarm_in(["nothing of the kind"], [ALARM, ""]) == ""


def test_slack_tells_what_people_say() -> None:
    """Not what bots say, but for one that speaks for people; not what the suite says; not that somebody joined."""
    messages: list[Mapping[str, Json]] = [
        {"type": "message", "ts": f"{SINCE - 5:.6f}", "user": "U1", "text": "before the day"},
        {"type": "message", "ts": f"{SINCE + 1:.6f}", "user": "U1", "text": "I look at it", "reply_count": 1},
        {"type": "message", "ts": f"{SINCE + 1:.6f}", "user": "U1", "text": "I look at it", "reply_count": 1},
        {"type": "message", "ts": f"{SINCE + 2:.6f}", "thread_ts": f"{SINCE + 1:.6f}", "user": "U2", "text": "a deploy",
         "user_profile": {"real_name": "Kim Osei"}},
        {"type": "message", "subtype": "channel_join", "ts": f"{SINCE + 3:.6f}", "user": "U3", "text": "has joined"},
        {"type": "message", "ts": f"{SINCE + 4:.6f}", "user": "U9", "bot_id": "B1", "text": "build 7 is green"},
        {"type": "message", "ts": f"{SINCE + 5:.6f}", "user": "U9", "bot_id": "B2", "text": "Incident #7: errors.",
         "username": "incident bridge", "bot_profile": {"name": "gameday"}},
        {"type": "message", "ts": f"{SINCE + 6:.6f}", "user": "U9", "bot_id": "B2", "text": "[GAME DAY] It begins"},
        {"type": "message", "ts": f"{SINCE + 7:.6f}", "user": "U9", "text": "[GAME DAY] sent with a person's token"},
        {"type": "message", "ts": "no time", "user": "U1", "text": "?"},
    ]  # fmt: skip
    found = list(slack.seen_of(messages, "C1", ["B2"], SINCE))
    assert [(one.who, one.text) for one in found] == [
        ("U1", "I look at it"), ("Kim Osei", "a deploy"), ("incident bridge", "Incident #7: errors."),
    ]  # fmt: skip
    assert found[1].data["thread"] == f"{SINCE + 1:.6f}" and found[0].data["thread"] == ""


def test_a_status_page_tells_its_updates() -> None:
    """Those since the day began, of incidents that are not the suite's own."""
    updates: list[Json] = [
        {"id": "u2", "status": "resolved", "body": "All is well.", "created_at": "2026-12-01T10:05:00.250Z"},
        {"id": "u1", "status": "investigating", "body": "", "created_at": "2026-12-01T09:59:00.000Z"},
    ]
    incidents: list[Mapping[str, Json]] = [
        {"id": "i1", "name": "Errors", "incident_updates": updates},
        {"id": "i2", "name": "[GAME DAY] A drill", "incident_updates": updates},
    ]
    (found,) = statuspage.seen_of(incidents, "page", SINCE)
    assert (found.kind, found.text) == ("status-page.changed", "Errors: resolved: All is well.")
    assert found.data == {"incident": "i1", "status": "resolved", "page": "page"} and found.at == SINCE + 300.25


def test_cloudwatch_tells_when_an_alarm_began_and_ended() -> None:
    """Also where AWS has cut the data off, by the summary; a change that is neither is left out."""
    whole = '{"oldState": {"stateValue": "OK"}, "newState": {"stateValue": "ALARM", "stateReason": "2 points"}}'
    told = [(whole, "Alarm updated from OK to ALARM"), ("{cut", "Alarm updated from ALARM to INSUFFICIENT_DATA"),
            ("", "Alarm updated from INSUFFICIENT_DATA to OK"), ("", "said in other words")]  # fmt: skip
    items = [{"AlarmName": ALARM, "Timestamp": datetime.fromtimestamp(SINCE + at, UTC), "HistorySummary": summary,
               "HistoryData": data} for at, (data, summary) in enumerate(told)]  # fmt: skip
    found = list(alarms.seen_of(iter(cast("list[AlarmHistoryItemTypeDef]", items))))
    assert [(one.kind, one.at - SINCE) for one in found] == [("alarm.fired", 0.0), ("alarm.over", 1.0)]
    assert found[0].text == f"{ALARM} is in ALARM: 2 points"


def test_cloudwatch_tells_which_topic_heard_of_an_alarm() -> None:
    """Each state that counts, told or not; not what happened at other states, nor actions that tell nobody."""
    topic = "arn:aws:sns:eu-west-1:123456789012:alerts"
    items = [
        ("Action", f"Successfully executed action {topic}"),
        ("StateUpdate", "Alarm updated from OK to ALARM"),
        ("Action", f"Successfully executed action {topic}"),
        ("Action", "Successfully executed action arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:x"),
        ("StateUpdate", "Alarm updated from ALARM to OK"),
        ("Action", f"Failed to execute action {topic}"),
    ]
    told = [{"AlarmName": ALARM, "Timestamp": datetime.fromtimestamp(SINCE + at, UTC), "HistoryItemType": kind,
             "HistorySummary": summary} for at, (kind, summary) in enumerate(items)]  # fmt: skip
    found = list(alarms.seen_of(iter(cast("list[AlarmHistoryItemTypeDef]", told))))
    assert [(one.kind, one.at - SINCE) for one in found] == [
        ("alarm.fired", 1.0), ("alarm.told", 2.0), ("alarm.over", 4.0), ("alarm.told", 5.0),
    ]  # fmt: skip
    assert [(one.text, one.data["opens"]) for one in found if one.kind == "alarm.told"] == [
        (f"the SNS topic alerts is told that {ALARM} is ALARM", True),
        (f"the SNS topic alerts COULD NOT be told that {ALARM} is OK", False),
    ]
