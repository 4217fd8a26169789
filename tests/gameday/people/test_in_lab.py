"""One page through a real lab, read back by the suite's own configuration: every hop, in order, each once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from gameday.aws import Aws
from gameday.cli._shared import lab_variables
from gameday.config import Environment, load_settings
from gameday.day.clock import clocks
from gameday.day.events import Event
from gameday.day.plan import Inject, Item, Plan, Roles
from gameday.notify import Notifier, channels_of
from gameday.people import readers as reading
from gameday.people.readers import Readers
from gameday.people.seen import Seen
from gameday.people.why import why_no_page
from lab.seed import ALERTS
from lab.settings import ERROR_ALARM
from tests.lab.bench import wait_until
from tests.lab.people.caller import People
from tests.lab.twin import Twin, twin
from tests.shelf import Shelf

ROOT = Path(__file__).parents[3]
DRILL = "foodconnect-drill"  # stays as it is put: the lab's own would be well again at its next evaluation
DEAD = {
    "Namespace": "FoodConnect", "MetricName": "Errors", "Statistic": "Average", "Period": 10, "EvaluationPeriods": 1,
    "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore",
}  # fmt: skip
OPENING = ["alarm.fired", "alarm.told", "page.triggered", "page.notified", "page.acknowledged", "chat.said",
           "status-page.changed"]  # fmt: skip
CLOSING = ["alarm.over", "alarm.told", "page.resolved", "chat.said", "status-page.changed"]


@dataclass
class Stage:
    """A lab, its stand-ins, and what has been seen of them."""

    twin: Twin
    people: People
    environment: Environment
    seen: list[Seen] = field(default_factory=list)

    @property
    def aws(self) -> Aws:
        """A door that changes nothing."""
        return Aws(self.environment, read_only=True)

    def readers(self, since: float, known: set[str] | None = None) -> Readers:
        """Return readers as a day makes them."""
        return Readers(self.environment, self.aws, since, known or set(), [DRILL])

    def wait(self, readers: Readers, kind: str, count: int) -> None:
        """Read until so many of a kind have been seen."""

        def come() -> bool:
            self.seen += readers.new()
            return sum(one.kind == kind for one in self.seen) >= count

        wait_until(come, 20, f"{count} of {kind}, seen: {[one.kind for one in self.seen]}")

    def put(self, state: Literal["ALARM", "OK"]) -> None:
        """Put the alarm into a state."""
        self.twin.cloudwatch.set_alarm_state(AlarmName=DRILL, StateValue=state, StateReason="a test")


@pytest.fixture(scope="module")
def stage(shelf: Shelf) -> Iterator[Stage]:
    """The lab, with the variables that `gameday lab env` would set."""
    lab = shelf.take(twin)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
            patch.delenv(name)
        for name, value in lab_variables(lab.state, ROOT).items():
            patch.setenv(name, value)
        people = People(lab.settings)
        people.script(responds=True, bridges=True, acknowledge_s=1.2, chat_s=0.1, status_page_s=0.1)
        cloudwatch = lab.client("cloudwatch")
        cloudwatch.put_metric_alarm(AlarmName=DRILL, AlarmActions=[ALERTS], OKActions=[ALERTS], **DEAD)
        environment = load_settings(ROOT).environment("lab")
        yield Stage(lab, people, replace(environment, endpoint=lab.state.endpoint, url=lab.state.url))
        cloudwatch.delete_alarms(AlarmNames=[DRILL])


def earliest(seen: Seen) -> float:
    """Return the earliest that it can have been."""
    return seen.at


def latest(seen: Seen) -> float:
    """Return the latest that it can have been: PagerDuty gives whole seconds."""
    return seen.at + float(str(seen.data.get("within_s", 0.0)))


def test_every_hop_of_a_page_is_seen_in_order_and_once(stage: Stage) -> None:
    """Alarm, page, acknowledgement, chat, status page, and the way back; the suite's own words are none of people's."""
    began = time.time()
    readers = stage.readers(began)
    notifier = Notifier(channels_of(stage.environment, ROOT), "2026-12-01T10-00-00Z-day-x", "abort", drill=True)
    assert all(one.ok for one in notifier.tell("game day", "It begins", [])), "the channels answer"
    stage.put("ALARM")
    stage.wait(readers, "status-page.changed", 1)
    stage.put("OK")
    stage.wait(readers, "status-page.changed", 2)
    assert readers.new() == []
    hops = {one.kind: one for one in reversed(stage.seen)}
    kinds = [one.kind for one in stage.seen if not one.kind.startswith("people.")]
    assert sorted(kinds) == sorted(OPENING + CLOSING)
    for before, after in pairwise([*OPENING, "alarm.over", "page.resolved"]):
        assert earliest(hops[before]) <= latest(hops[after]), (before, after)
    assert {one.who for one in stage.seen if one.kind == "people.read"} == set(readers.services)
    assert {one.data["alarm"] for one in stage.seen if one.kind.startswith("page.")} == {DRILL}
    again = stage.readers(began, {one.key for one in stage.seen}).new()
    assert again == [], "a resumed day knows them"


def test_the_clock_of_what_was_seen(stage: Stage) -> None:
    """An alarm that was put in is a hit; all of it is within the usual bands."""
    fired = min(one.at for one in stage.seen if one.kind == "alarm.fired")
    seen = [Event(one.at, one.kind, one.text, one.who, "", {**one.data, "key": one.key}) for one in stage.seen]
    plan = Plan("", Roles("Ada", "Ada"), [Item("talk", pause_s=60)], injects=[Inject("page", "talk", alarm=DRILL)])
    (clock,) = clocks(plan, [*seen, Event(fired, "inject.fired", item="talk", data={"name": "page"})], {})
    met = {step.name: step.met for step in clock.steps}
    assert (met["page"], met["acknowledge"], met["communicate"]) == (True, True, True), clock
    at = [clock.step(name).at for name in ("alarm", "acknowledge", "communicate", "resolve")]
    assert None not in at and clock.step("acknowledge").within_s == 1.0


def test_a_service_that_refuses_is_said_once_and_once_more_when_it_answers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is met with patience; many are not, and then what was missed is read."""
    readers = stage.readers(time.time() - 600, {one.key for one in stage.seen if not one.kind.startswith("people.")})
    stage.people.script(refuse={"pagerduty": 1})
    assert not [one for one in readers.new() if one.kind == "people.unread"]
    monkeypatch.setattr(reading, "MOST_TRIES", 1)
    stage.people.script(refuse={"pagerduty": 50})
    (unread,) = readers.new()
    assert (unread.kind, unread.data["service"]) == ("people.unread", "PagerDuty") and "429" in unread.text
    assert readers.new() == []
    stage.people.script(refuse={})
    found: list[Seen] = []

    def read_again() -> bool:
        found.extend(readers.new())
        return bool(found)

    wait_until(read_again, 10, "PagerDuty is read again")
    assert [(one.kind, one.data["service"]) for one in found] == [("people.read", "PagerDuty")]


def test_why_a_page_cannot_come(stage: Stage) -> None:
    """Nothing of the lab's own alarm; of others their metric, their actions, their topic, or that there are none."""
    aws = stage.aws
    wait_until(lambda: stage.twin.get() and why_no_page(aws, ERROR_ALARM) == [], 20, "its metric has data")
    assert why_no_page(aws, "no-such") == ["there is no alarm no-such in eu-west-1"]
    quiet = stage.twin.client("sns").create_topic(Name="quiet")["TopicArn"]
    put = stage.twin.client("cloudwatch").put_metric_alarm
    put(AlarmName="dead", AlarmActions=[ALERTS], **DEAD)
    put(AlarmName="mute", AlarmActions=[quiet], ActionsEnabled=False, **DEAD)
    put(AlarmName="idle", **DEAD)
    try:
        dead = "its metric FoodConnect/Errors has had no data for 15 minutes"
        assert why_no_page(aws, "dead") == [dead]
        first, disabled, topic = why_no_page(aws, "mute")
        assert first == dead and disabled.startswith("its actions are disabled")
        assert topic == "its topic quiet has no confirmed subscription"
        assert why_no_page(aws, "idle")[1] == "it has no action that tells an SNS topic when it goes into ALARM"
    finally:
        stage.twin.cloudwatch.delete_alarms(AlarmNames=["dead", "mute", "idle"])
        stage.twin.client("sns").delete_topic(TopicArn=quiet)
