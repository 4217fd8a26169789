"""The day's one timeline: `events.jsonl` in its folder, a line an event, appended by whoever has something to say.

`gameday play` writes what the day does, `gameday note` from another terminal what people say and tick, the readers of
PagerDuty, Slack and the status page what those tell. Each line is whole and durable by itself, so that a day that was
killed goes on from its events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from gameday.model import Json
from gameday.record import append_line, read_lines
from gameday.redact import Redactor

FILE = "events.jsonl"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an instant (seconds since the epoch). *kind* is one of `KINDS`."""

    at: float
    kind: str
    text: str = ""  # a sentence for people
    who: str = ""  # a person, or `the suite`, `PagerDuty` ...
    item: str = ""  # of the agenda
    data: Mapping[str, Json] = field(default_factory=dict)


KINDS: Mapping[str, str] = {
    "day.opened": "the folder is there; data: plan, environment, pid",
    "day.resumed": "another process goes on with the day; data: pid",
    "day.begun": "all said go",
    "day.no-go": "the go/no-go list, the window or a freeze says no: nothing begins",
    "day.held": "the coordinator holds: nothing new begins",
    "day.continued": "the coordinator says go",
    "day.aborting": "the coordinator aborts, or a stop rule does: what runs is ended and undone",
    "day.ended": "data: outcome, exit",
    "check.asked": "a line of the go/no-go list; data: number",
    "check.answered": "data: number, answer (yes, no, unknown), must",
    "item.begun": "data: due injects are not among it",
    "item.skipped": "text: why",
    "item.ended": "data: verdict, exit, run, requests, errors",
    "run.started": "an experiment runs; data: pid, file, inject",
    "run.ended": "data: verdict, exit, run, requests, errors, inject",
    "inject.fired": "data: name, kind, announced, due",
    "inject.failed": "text: why; data: name",
    "inject.over": "what an inject did has ended; data: name",
    "note": "what somebody said; data: about (note, diagnosis, mitigation, communication, decision, action)",
    "step.ticked": "a step of a runbook; data: runbook, step, text",
    "told": "a message to the channels; data: deliveries",
    "alarm.fired": "data: alarm",
    "alarm.told": "CloudWatch told an SNS topic, or could not; data: alarm, topic, ok, opens (of an ALARM)",
    "alarm.over": "data: alarm",
    "page.triggered": "data: incident, title, alarm",
    "page.notified": "data: incident",
    "page.acknowledged": "data: incident",
    "page.escalated": "data: incident",
    "page.automatic": "acknowledged by a service or by the suite's own user: no person has; data: incident",
    "page.resolved": "data: incident, automatic (no person did it)",
    "chat.said": "a message of people in the incident's channel; data: channel, ts, thread",
    "status-page.changed": "data: incident, status, page",
    "people.read": "a service answers: what it does not show has not happened; data: service",
    "people.missed": "an expected page did not come in its time; text: why; data: name, alarm, why",
    "people.unread": "a service could not be read: nothing is known of it from here on; text: why; data: service",
}


class Timeline:
    """The events of one day, to be appended to by several processes and threads."""

    def __init__(self, folder: Path, redact: Redactor | None = None) -> None:
        self.path = folder / FILE
        self._redact = redact or Redactor()

    def add(
        self, kind: str, text: str = "", /, *, who: str = "", item: str = "", at: float | None = None, **data: object
    ) -> Event:
        """Append an event, durably. Raises OSError: it is not written."""
        assert kind in KINDS, kind
        clean = cast("dict[str, Json]", self._redact({"text": text, "who": who, "data": data}))
        known = cast("dict[str, Json]", clean["data"])
        event = Event(time.time() if at is None else at, kind, str(clean["text"]), str(clean["who"]), item, known)
        append_line(self.path, asdict(event), fsync=True)
        return event

    def read(self) -> list[Event]:
        """Return all events in the order of their instants."""
        return sorted(_events(self.path), key=lambda event: event.at)


def _events(path: Path) -> Iterator[Event]:
    for line in read_lines(path):
        if isinstance(line, dict) and isinstance(line.get("at"), int | float) and isinstance(line.get("kind"), str):
            data = line.get("data")
            texts = {name: str(line.get(name) or "") for name in ("text", "who", "item")}
            yield Event(float(cast("float", line["at"])), str(line["kind"]), **texts,
                        data=data if isinstance(data, dict) else {})  # fmt: skip
