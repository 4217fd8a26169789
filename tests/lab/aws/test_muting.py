"""Actions that are held back: by mute rules and by the suppressors of composite alarms, until nothing holds them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lab.aws.mute_schedule import schedule_of
from tests.lab.aws.alarm_steps import put_alarm, refusal

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.alarms import Alarms
    from tests.lab.aws.served import Api

PAGE, CALM = (f"arn:aws:sns:eu-west-1:123456789012:{name}" for name in ("page", "calm"))
START = 1_900_000_020.0  # a whole minute, in epoch seconds


@pytest.fixture
def alarms(api: Api) -> Alarms:
    """The alarms from within the lab."""
    return api.core.cloudwatch.alarms


@pytest.fixture
def heard(alarms: Alarms) -> list[tuple[str, str, str]]:
    """What fired: (alarm, old, new)."""
    fired: list[tuple[str, str, str]] = []
    alarms.actors.append(lambda firing: fired.append((firing.alarm, firing.old, firing.new)))
    return fired


def settled(alarms: Alarms, heard: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return what was heard once everything is brought."""
    deadline = time.monotonic() + 5
    while not alarms.actions.courier.is_idle():
        assert time.monotonic() < deadline
    return heard


def turn(alarms: Alarms, name: str, value: str, at: float) -> None:
    """Set a state by hand."""
    alarms.set_state(name, value, "test", now=at)


def mute(client: CloudWatchClient, name: str = "night", *alarms: str, **more: Any) -> None:
    """Put a rule of one window of ten minutes from START on."""
    at = datetime.fromtimestamp(START, UTC)
    rule: Any = {"Schedule": {"Expression": f"at({at:%Y-%m-%dT%H:%M})", "Duration": "PT10M"}}
    client.put_alarm_mute_rule(
        **{"Name": name, "Rule": rule, "MuteTargets": {"AlarmNames": list(alarms or ("errors",))}, **more}
    )


def put(client: CloudWatchClient, *names: str) -> None:
    """Put alarms that page."""
    for name in names or ("errors",):
        put_alarm(client, name, AlarmActions=[PAGE], OKActions=[CALM])


def test_a_window_mutes_and_its_end_fires_what_is_still_so(
    cloudwatch: CloudWatchClient, alarms: Alarms, heard: list[Any]
) -> None:
    """States go on in the window; after it the alarm that still is in ALARM pages, the one that recovered does not."""
    put(cloudwatch, "errors", "latency", "other")
    mute(cloudwatch, "night", "errors", "latency")
    for name in ("errors", "latency", "other"):
        turn(alarms, name, "OK", START - 60)
    heard.clear()
    for name in ("errors", "latency", "other"):
        turn(alarms, name, "ALARM", START + 60)
    turn(alarms, "latency", "OK", START + 120)
    assert settled(alarms, heard) == [("other", "OK", "ALARM")]
    shown = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]
    assert shown["StateValue"] == "ALARM"
    alarms.settle(START + 599)
    assert settled(alarms, heard) == [("other", "OK", "ALARM")]
    alarms.settle(START + 600)
    alarms.settle(START + 601)
    assert settled(alarms, heard) == [("other", "OK", "ALARM"), ("errors", "OK", "ALARM")]


def test_a_change_after_the_window_fires_once(cloudwatch: CloudWatchClient, alarms: Alarms, heard: list[Any]) -> None:
    """An alarm that turns at the very end is told from the state that people know."""
    put(cloudwatch)
    mute(cloudwatch)
    turn(alarms, "errors", "ALARM", START + 60)
    turn(alarms, "errors", "OK", START + 601)
    alarms.settle(START + 602)
    assert settled(alarms, heard) == [("errors", "INSUFFICIENT_DATA", "OK")]


def test_deleting_a_rule_unmutes_at_once(cloudwatch: CloudWatchClient, alarms: Alarms, heard: list[Any]) -> None:
    """Also a rule that is replaced by one without the alarm; deleting what does not exist is no error."""
    now = int(time.time()) // 60 * 60
    rule: Any = {
        "Schedule": {"Expression": f"at({datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M})", "Duration": "PT1H"}
    }
    put(cloudwatch, "errors", "latency")
    mute(cloudwatch, "now", "errors", Rule=rule)
    mute(cloudwatch, "also", "latency", Rule=rule)
    for name in ("errors", "latency"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="x")
    assert settled(alarms, heard) == []
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="now")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="now")
    mute(cloudwatch, "also", "errors", Rule=rule)
    assert [name for name, *_ in settled(alarms, heard)] == ["errors", "latency"]


def test_rules_are_described_and_listed(cloudwatch: CloudWatchClient) -> None:
    """Status, type, targets; filters by alarm and status; pages; the waiter finds them."""
    put(cloudwatch)
    past: Any = {"Schedule": {"Expression": "at(2020-01-01T00:00)", "Duration": "PT1H"}}
    always: Any = {"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT1H", "Timezone": "Europe/Berlin"}}
    mute(cloudwatch, "a-later", Description="the night", ExpireDate=datetime(2090, 1, 1, tzinfo=UTC))
    mute(cloudwatch, "b-over", Rule=past)
    mute(cloudwatch, "c-now", Rule=always)
    mute(cloudwatch, "d-not-yet", Rule=always, StartDate=datetime(2089, 1, 1, tzinfo=UTC))
    cloudwatch.put_alarm_mute_rule(Name="e-nobody", Rule=always)
    cloudwatch.get_waiter("alarm_mute_rule_exists").wait(AlarmMuteRuleName="a-later")
    one = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="a-later")
    assert (one["Name"], one["Description"], one["MuteType"]) == ("a-later", "the night", "ONE_TIME")
    assert one["AlarmMuteRuleArn"] == "arn:aws:cloudwatch:eu-west-1:123456789012:alarm-mute-rule:a-later"
    assert one["MuteTargets"] == {"AlarmNames": ["errors"]}
    assert one["ExpireDate"] == datetime(2090, 1, 1, tzinfo=UTC)

    def listed(**filters: Any) -> list[tuple[str, str]]:
        pages = cloudwatch.get_paginator("list_alarm_mute_rules").paginate(PaginationConfig={"PageSize": 2}, **filters)
        found = [rule for page in pages for rule in page["AlarmMuteRuleSummaries"]]
        return [(rule["AlarmMuteRuleArn"].rpartition(":")[2][0], rule["Status"]) for rule in found]

    every = [("a", "SCHEDULED"), ("b", "EXPIRED"), ("c", "ACTIVE"), ("d", "SCHEDULED"), ("e", "ACTIVE")]
    assert listed() == every
    assert listed(AlarmName="errors") == every[:4]
    assert listed(Statuses=["ACTIVE", "EXPIRED"]) == [every[1], every[2], every[4]]
    assert refusal(cloudwatch.get_alarm_mute_rule, AlarmMuteRuleName="x")[::2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Rule": {"Schedule": {"Expression": "rate(1 hour)", "Duration": "PT1H"}}}, "neither cron"),
        ({"Rule": {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "P16D"}}}, "between PT1M and P15D"),
        ({"MuteTargets": {"AlarmNames": ["nobody"]}}, "No alarm nobody exists"),
        ({"StartDate": 2_000_000_000, "ExpireDate": 1_999_999_999}, "must be later"),
    ],
)
def test_wrong_rules_are_refused(cloudwatch: CloudWatchClient, changes: dict[str, Any], words: str) -> None:
    """Schedules, durations, targets and dates; nothing is left behind."""
    put(cloudwatch)
    code, text, _ = refusal(mute, cloudwatch, "wrong", **changes)
    assert (code, words in text) == ("ValidationError", True), text
    assert cloudwatch.list_alarm_mute_rules()["AlarmMuteRuleSummaries"] == []


# -- suppressors of composite alarms: a wait of 120 s, an extension of 180 s, as in the documentation's figures


def suppressed(client: CloudWatchClient) -> None:
    """Put a composite alarm whose actions a suppressor holds back."""
    put(client, "child", "release")
    client.put_composite_alarm(
        AlarmName="stop",
        AlarmRule="ALARM(child)",
        AlarmActions=[PAGE],
        OKActions=[CALM],
        ActionsSuppressor="arn:aws:cloudwatch:eu-west-1:123456789012:alarm:release",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )


@pytest.mark.parametrize(
    ("steps", "fired", "by"),
    [
        # nothing suppresses: the actions wait, then fire
        ([("child", "ALARM", 0), ("", "", 119)], [], "WaitPeriod"),
        ([("child", "ALARM", 0), ("", "", 120)], [("OK", "ALARM")], None),
        # the suppressor comes within the wait, and holds for as long as it is in ALARM
        ([("child", "ALARM", 0), ("release", "ALARM", 60), ("", "", 6000)], [], "Alarm"),
        # it goes: the extension, then the actions
        (
            [("release", "ALARM", 0), ("child", "ALARM", 10), ("release", "OK", 60), ("", "", 239)],
            [],
            "ExtensionPeriod",
        ),
        (
            [("release", "ALARM", 0), ("child", "ALARM", 10), ("release", "OK", 60), ("", "", 240)],
            [("OK", "ALARM")],
            None,
        ),
        # a change within the extension is held back as well
        (
            [("release", "ALARM", 0), ("release", "OK", 60), ("child", "ALARM", 70), ("", "", 239)],
            [],
            "ExtensionPeriod",
        ),
        # it recovers meanwhile: there is nothing to tell any more
        ([("child", "ALARM", 0), ("child", "OK", 60), ("", "", 600)], [], None),
        # a release that comes too late changes nothing
        ([("child", "ALARM", 0), ("release", "ALARM", 130)], [("OK", "ALARM")], None),
    ],
)
def test_a_suppressor_holds_actions_back(
    cloudwatch: CloudWatchClient,
    alarms: Alarms,
    heard: list[tuple[str, str, str]],
    steps: list[tuple[str, str, float]],
    fired: list[tuple[str, str]],
    by: str | None,
) -> None:
    """Steps are (alarm, state, second); the composite alarm changes its state whatever becomes of its actions."""
    suppressed(cloudwatch)
    alarms.settle(START - 500)  # its first state, OK, is told
    settled(alarms, heard).clear()
    for name, value, second in steps:
        if name:
            alarms.settle(START + second)
            turn(alarms, name, value, START + second)
        else:
            alarms.settle(START + second)
    assert [(old, new) for name, old, new in settled(alarms, heard) if name == "stop"] == fired
    shown: Any = cloudwatch.describe_alarms(AlarmNames=["stop"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    assert shown.get("ActionsSuppressedBy") == by
    if by:
        assert shown["ActionsSuppressedReason"] == f"Actions suppressed by {by}"


def test_the_event_says_who_suppressed(api: Api, cloudwatch: CloudWatchClient, alarms: Alarms) -> None:
    """EventBridge hears of the change at once, with the reason."""
    suppressed(cloudwatch)
    alarms.settle(START - 500)
    turn(alarms, "child", "ALARM", START)
    detail = api.core.events.kept[-1].detail
    assert (detail["alarmName"], detail["state"]["actionsSuppressedBy"]) == ("stop", "WaitPeriod")
    assert detail["configuration"]["actionsSuppressorWaitPeriod"] == 120


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"ActionConfiguration": {"AlarmTagsPropagation": {"Enabled": True}}},
            "does not play the parameter",
        ),
        ({"ActionsSuppressor": "child"}, "ActionsSuppressorWaitPeriod must be set together with"),
        ({"ActionsSuppressorWaitPeriod": 1}, "ActionsSuppressor must be set together with"),
        (
            {"ActionsSuppressor": "x", "ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1},
            "no alarm x exists",
        ),
    ],
)
def test_wrong_suppressors_are_refused(cloudwatch: CloudWatchClient, more: dict[str, Any], words: str) -> None:
    """All three parameters or none, and an alarm that exists."""
    put(cloudwatch, "child")
    code, text, _ = refusal(cloudwatch.put_composite_alarm, AlarmName="c", AlarmRule="ALARM(child)", **more)
    assert (code, words in text) == ("ValidationError", True), text


def test_a_schedule_of_the_next_minute_is_not_open_yet() -> None:
    """`at()` is exact to the second."""
    schedule = schedule_of(f"at({datetime.fromtimestamp(START, UTC):%Y-%m-%dT%H:%M})", "PT10M", None)
    assert [schedule.window(START + s) is not None for s in (-0.001, 0, 599.9, 600)] == [False, True, True, False]
