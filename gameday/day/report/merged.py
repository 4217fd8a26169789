"""One list of everything that happened, people's and machines' on one clock.

Of a run those marks stand here that its own report shows people, but for its ordinary end. Equal ones in a row are one
line with their number; of a run that has more than a screen holds, the ordinary ones are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from gameday.day.clock.order import causal, coarse
from gameday.day.events import Event
from gameday.day.report.told import Played, Told
from gameday.model import Json, iso
from reports.parts.dig import listing, number
from reports.parts.events import Event as Instant
from reports.parts.events import events as instants
from reports.parts.words import headline

MOST = 40  # lines of one run
NOBODY = ("", "the suite")
PEOPLE = ("note", "step.ticked", "page.acknowledged", "chat.said", "status-page.changed")
MACHINES = ("alarm.fired", "alarm.told", "alarm.over", "page.triggered", "page.notified", "page.escalated",
            "page.automatic", "page.resolved")  # fmt: skip
DECIDED = ("day.begun", "day.no-go", "day.held", "day.continued", "day.aborting", "check.answered")
SILENT = (
    "check.asked",
    "run.started",
    "run.ended",
    "people.read",
    "people.missed",
)  # what follows or comes before says the same
ORDINARY = ("Load stopped", "Run finished", "Undo began", "Automation: started")
DECISIVE = ("Fault", "Aborted", "Interrupted", "Refused", "Undo", "Everything is undone", "Users:", "Steady state",
            "ECS:", "RDS:", "Release:", "An undo failed", "Put back")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened. *source* is `people`, `machines` or `suite`."""

    at: float
    source: str
    who: str
    kind: str
    text: str
    item: str = ""
    run: str = ""
    ref: str = ""  # which page, alarm or inject it is about
    within_s: float = 0.0  # `at` is the earliest it can have been, and at most so much too early

    def as_json(self) -> dict[str, Json]:
        """Return it as `day.json` has it."""
        return {**asdict(self), "at": iso(self.at)}


def rows(told: Told) -> list[Row]:
    """Return everything that happened, oldest first."""
    found = [row for event in causal(told.events) if (row := _of_event(event))]
    for played in told.played:
        found += _of_run(played)
    return sorted(found, key=lambda row: row.at)


def _of_event(event: Event) -> Row | None:
    if event.kind in SILENT and not event.data.get("inject"):
        return None
    text = event.text or SAID.get(event.kind, _kind)(event)
    if before := BEFORE.get(event.kind):
        text = ": ".join(filter(None, (before(event), event.text)))
    if event.kind == "told":
        text = f"{text or 'told the channels'}{_arrived(event)}"
    run = str(event.data.get("run") or "")
    ref = next((str(event.data[key]) for key in ("incident", "alarm", "name") if event.data.get(key)), "")
    who = event.who or _who(event)
    return Row(event.at, source_of(event), who, event.kind, headline(text), event.item, run, ref, coarse(event))


def _about(event: Event) -> str:
    """Return what a note is about, where it is more than a note: `Diagnosis`."""
    about, owner = str(event.data.get("about") or "note"), str(event.data.get("owner") or "")
    named = {"note": "", "action": f"Action item{f' for {owner}' if owner else ''}"}
    return named.get(about, about.capitalize())


def _arrived(event: Event) -> str:
    """Return in how many channels a message arrived: ` (4 of 5 channels)`."""
    sent = [row for row in listing(dict(event.data), "deliveries") if isinstance(row, dict)]
    arrived = sum(row.get("ok") is True for row in sent)
    return f" ({arrived} of {len(sent)} channels)" if sent else ""


def source_of(event: Event) -> str:
    """Return who an event comes from: `people`, `machines` or `suite`."""
    human = event.who not in NOBODY
    if event.kind == "page.resolved" and human and event.who != "PagerDuty" and not event.data.get("automatic"):
        return "people"
    if event.kind in MACHINES:
        return "machines"
    return "people" if event.kind in PEOPLE or (event.kind in DECIDED and human) else "suite"


def _who(event: Event) -> str:
    areas = {"alarm": "CloudWatch", "page": "PagerDuty", "chat": "Slack", "status-page": "Statuspage"}
    return areas.get(event.kind.partition(".")[0], "the suite" if event.kind not in PEOPLE else "")


def _kind(event: Event) -> str:
    return event.kind.replace(".", ": ").replace("-", " ")


def _of(key: str, before: str, after: str = "") -> Callable[[Event], str]:
    def say(event: Event) -> str:
        named = str(event.data.get(key) or "")
        return f"{before} {named}{after}".replace("  ", " ").strip()

    return say


def _answered(event: Event) -> str:
    number, answer = event.data.get("number"), event.data.get("answer") or "unknown"
    line = f"line {number + 1} of " if isinstance(number, int) else ""
    return f"{line}the go/no-go list: {answer}"


def _item_ended(event: Event) -> str:
    verdict = event.data.get("verdict")
    return f"`{event.item}` ended: {verdict}" if verdict else f"`{event.item}` is over"


def _run(word: str) -> Callable[[Event], str]:
    def say(event: Event) -> str:
        verdict = f": {event.data['verdict']}" if event.data.get("verdict") else ""
        return f"the experiment of the inject {event.data.get('inject') or event.item} {word}{verdict}"

    return say


SAID: Mapping[str, Callable[[Event], str]] = {
    "day.resumed": lambda event: "another process goes on with the day",
    "day.begun": lambda event: "all said go",
    "day.held": lambda event: "held: nothing new begins",
    "day.continued": lambda event: "go",
    "day.ended": _of("outcome", "the day ended:"),
    "check.answered": _answered,
    "item.ended": _item_ended,
    "inject.fired": _of("name", "inject"),
    "inject.over": _of("name", "the inject", " is over"),
    "step.ticked": _of("step", "step", " of the runbook"),
    "alarm.fired": _of("alarm", "alarm", " fired"),
    "alarm.over": _of("alarm", "alarm", " is over"),
    "page.triggered": _of("title", "paged:"),
    "page.notified": _of("incident", "somebody was notified of"),
    "page.acknowledged": _of("incident", "acknowledged"),
    "page.escalated": _of("incident", "escalated"),
    "page.automatic": _of("incident", "acknowledged by a machine:"),
    "page.resolved": _of("incident", "resolved"),
    "status-page.changed": _of("status", "status page:"),
}


BEFORE: Mapping[str, Callable[[Event], str]] = {
    "day.opened": lambda event: "the day was opened",
    "item.begun": lambda event: f"`{event.item}` begins",
    "item.skipped": lambda event: f"`{event.item}` was skipped",
    "note": _about,
    "run.started": _run("begins"),
    "run.ended": _run("ended"),
}


def _of_run(played: Played) -> list[Row]:
    """Return what people want to see of a run, as its own report would show it."""
    if not played.marks:
        return []
    zero = next((mark.at for mark in played.marks if mark.name == "fault"), played.marks[0].at)
    made = number(played.findings, "promises", "made")
    shown = [each for each in instants(played.marks, played.findings, zero)
             if each.title not in ORDINARY and (each.title != "Undone" or made)]  # fmt: skip
    found = _condensed(shown)
    rows_ = [Row(zero + each.at, "machines", played.name, "mark", _text(each), played.item, played.run)
             for each in _cut(found)]  # fmt: skip
    if left := len(found) - len(rows_):
        end = rows_[-1].at if rows_ else zero
        said = f"{left} more instants stand in this run's own record"
        rows_.append(Row(end, "machines", played.name, "left-out", said, played.item, played.run))
    return rows_


def _text(event: Instant) -> str:
    return f"{event.title}: {event.details}" if event.details else event.title


def _condensed(events: Iterable[Instant]) -> list[Instant]:
    """Return the instants with those of one title in a row as one: the first's time, the newest's details, how many."""
    found: list[tuple[Instant, int]] = []
    for event in events:
        if found and found[-1][0].title == event.title:
            first, many = found[-1]
            found[-1] = replace(first, details=event.details), many + 1
        else:
            found.append((event, 1))
    return [replace(event, title=f"{event.title} ({many} times)") if many > 1 else event for event, many in found]


def _cut(events: Sequence[Instant]) -> list[Instant]:
    """Return at most `MOST` of them: the decisive ones first, then the oldest of the others."""
    if len(events) <= MOST:
        return list(events)
    ranked = sorted(range(len(events)), key=lambda index: (not events[index].title.startswith(DECISIVE), index))
    return [events[index] for index in sorted(ranked[:MOST])]
