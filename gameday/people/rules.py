"""What `[environments.X.people]` must have: references for secrets, ids where a service knows no names.

Pure: each problem is (place below `people`, sentence). A value is never repeated in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gameday.config import Chat, Environment, OnCall, StatusPage
from gameday.errors import Problem
from gameday.notify.references import is_reference
from gameday.notify.rules import MEND, address_problem
from gameday.source import Path_, Source

PAGERDUTY_ID = re.compile(r"[A-Z0-9]{7,14}")
SLACK_ID = re.compile(r"[CGD][A-Z0-9]{8,}")


def placed(source: Source, name: str, environment: Environment) -> list[Problem]:
    """Return every problem of the people of the environment called *name*, each with its place in *source*."""
    where = ("environments", name, "people")
    return [source.problem((*where, *place), why, at_key=True) for place, why in problems(environment)]


def problems(environment: Environment) -> Iterator[tuple[Path_, str]]:
    """Yield (place, sentence) for everything that is wrong."""
    people = environment.people
    for key, one in (("pagerduty", people.pagerduty), ("slack", people.slack), ("statuspage", people.statuspage)):
        if one is None:
            continue
        if not is_reference(one.token):
            yield (key, "token"), f"'token' must be a reference, and no secret in the file; {MEND}"
        if one.endpoint and (wrong := address_problem("endpoint", one.endpoint, environment)):
            yield (key, "endpoint"), wrong
        for place, wrong in _own(one, environment):
            yield (key, place), wrong
    for index, alarm in enumerate(people.alarms):
        if not alarm.strip() or alarm.startswith("arn:"):
            yield ("alarms", index), "no name of an alarm; write the name alone, as foodconnect-error-rate"


def _own(one: OnCall | Chat | StatusPage, environment: Environment) -> Iterator[tuple[str, str]]:
    if isinstance(one, OnCall) and not PAGERDUTY_ID.fullmatch(one.service):
        yield "service", "no id of a PagerDuty service; write what stands at the end of its address, as PABC123"
    elif isinstance(one, Chat):
        if not one.channel:
            yield "channel", "no channel; write its id, as C0123456789"
        elif environment.kind == "aws" and not SLACK_ID.fullmatch(one.channel):
            yield (
                "channel",
                "Slack reads a channel by its id only; write what its details show at the end, as C0123456789",
            )
    elif isinstance(one, StatusPage) and not one.page:
        yield "page", "no page; write its id, as abc123def456"
