"""The whole path in a real lab: a real fault, a real alarm, and every hop to the status page and back, in order."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.people.addresses import integration_url
from lab.seed import ALERTS
from lab.settings import DATABASE, ERROR_ALARM
from tests.lab.bench import wait_until
from tests.lab.people.caller import People
from tests.lab.twin import SHORT, Twin, twin

OPENING = (
    "pagerduty.received",
    "pagerduty.triggered",
    "pagerduty.notified",
    "pagerduty.acknowledged",
    "slack.message",
    "statuspage.component",
    "statuspage.incident",
)
CLOSING = ("pagerduty.received", "pagerduty.resolved", "slack.message", "statuspage.component", "statuspage.incident")
ALARMED_S = 25.0  # a period of 10 s that has to close, and what it takes to settle


@pytest.fixture(scope="module")
def weak() -> Iterator[Twin]:
    """A lab whose backend does not repeat what the database refused; long enough to be seen in a period of 10 s."""
    with twin(build="no-retry", simulated=replace(SHORT, failover_detection_s=2.5)) as lab:
        yield lab


@contextlib.contextmanager
def requests(lab: Twin) -> Iterator[None]:
    """Make requests all the time."""
    over = threading.Event()

    def make() -> None:
        while not over.wait(0.02):
            with contextlib.suppress(OSError):
                lab.get()

    users = [threading.Thread(target=make) for _ in range(4)]
    for user in users:
        user.start()
    try:
        yield
    finally:
        over.set()
        for user in users:
            user.join()


def test_pagerduty_has_subscribed_to_the_alerts(weak: Twin) -> None:
    """It confirmed by itself; the alarm acts on the topic when it goes off and when it is over."""
    sns = weak.client("sns")
    (subscribed,) = sns.list_subscriptions_by_topic(TopicArn=ALERTS)["Subscriptions"]
    assert subscribed["SubscriptionArn"].startswith(f"{ALERTS}:")
    assert subscribed["Endpoint"] == integration_url(weak.settings.people_port)
    assert weak.state.people == f"http://127.0.0.1:{weak.settings.people_port}"
    (alarm,) = weak.cloudwatch.describe_alarms(AlarmNames=[ERROR_ALARM])["MetricAlarms"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [ALERTS]


def test_a_failover_reaches_the_status_page_and_back(weak: Twin) -> None:
    """Errors of a failover: alarm, message, page, acknowledgement, chat, status page; the end takes the same way."""
    people, began = People(weak.settings), time.time()
    alarm, ok = (f'{state}: "{ERROR_ALARM}" in EU (Ireland)' for state in ("ALARM", "OK"))
    with requests(weak):
        weak.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        first = weak.wait_truth("sns.published", since=began, within_s=ALARMED_S, subject=alarm)
        people.wait_journal("statuspage.incident", since=began)
        second = weak.wait_truth("sns.published", since=first["t"], within_s=ALARMED_S, subject=ok)
    steps = people.journal(*OPENING, since=first["t"])[: len(OPENING)]
    assert [step["what"] for step in steps] == list(OPENING)
    (delivered,) = weak.truth("sns.delivered", message=first["message"])
    assert began < first["t"] < steps[0]["t"] < delivered["t"]
    wait_until(lambda: len(people.journal("statuspage.incident", since=began)) == 2, 5, "the end on the status page")
    closing = people.journal(*CLOSING, since=second["t"])
    assert [step["what"] for step in closing] == list(CLOSING)
    assert people.page("GET", "/components/cmpapi").json["status"] == "operational"
    (incident,) = people.rest("GET", "/incidents").json["incidents"]
    assert incident["status"] == "resolved"
