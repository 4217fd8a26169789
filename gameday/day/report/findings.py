"""What a day found, the worst first, and what went well: each sentence comes from a fact of the record.

Nothing is said to have gone well that was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from gameday.day.actions import ActionItem
from gameday.day.events import Event
from gameday.day.plan import CheckItem
from gameday.day.report.clocks import Hit
from gameday.day.report.facts import BROKE, HELD, channels, missed, reasons, sentence_of, title_of
from gameday.day.report.kpis import Figure
from gameday.day.report.merged import source_of
from gameday.day.report.told import Played, Told
from gameday.model import Json
from reports.parts.dig import listing, number
from reports.parts.words import count, percent, seconds

WORST_FIRST = ("undo", "stopped", "experiment", "users", "unproven", "clock", "not-known", "check", "inject", "unread",
               "channel", "availability", "runbook", "action-item")  # fmt: skip
SHOWN = ("page", "acknowledge", "communicate")  # steps that services show without anybody taking notes
REACTED_S = 900.0  # whoever says nothing for so long has not reacted


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that did not go as it should. *kind* is one of `WORST_FIRST`."""

    kind: str
    text: str
    item: str = ""
    run: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return it as `day.json` has it."""
        return dict(asdict(self))


@dataclass(frozen=True, slots=True)
class Ticked:
    """A runbook of the day: how many steps it has (None: it could not be read), and which were ticked."""

    path: str
    steps: tuple[Mapping[str, Json], ...] | None
    ticked: tuple[str, ...]


def found(
    told: Told, hits: Sequence[Hit], figures: Sequence[Figure], runbooks: Sequence[Ticked], items: Sequence[ActionItem]
) -> list[Finding]:
    """Return what the day found, the worst first."""
    all_ = [
        *_stopped(told),
        *(finding for played in told.played for finding in _experiment(played)),
        *_budget(figures),
        *_checks(told),
        *(Finding("clock", sentence_of(hit, step.name), hit.item)
          for hit in hits for step in hit.steps if step.met is False),
        *(Finding("not-known", f"{sentence_of(hit, step.name)}: whether that was in time is not known", hit.item)
          for hit in hits for step in hit.steps
          if step.name in SHOWN and hit.hit_at and step.met is None and step.band_s is not None),
        *_injects(told),
        *(Finding("unread", event.text, event.item) for event in told.events if event.kind == "people.unread"),
        *(Finding("channel", miss.text) for miss in missed(told, hits) if miss.kind == "channel"),
        *_runbooks(runbooks),
        *(Finding("action-item", f"{item.id} should have been done by {item.due}: {item.text} ({item.owner})")
          for item in items if item.status == "overdue"),
    ]  # fmt: skip
    return sorted(all_, key=lambda finding: WORST_FIRST.index(finding.kind))


def _stopped(told: Told) -> Iterator[Finding]:
    """Yield why the day did not begin, or ended before its time."""
    for event in told.events:
        if event.kind in ("day.no-go", "day.aborting"):
            yield Finding("stopped", event.text or "the day was stopped, and nobody said why")
    if told.state.began is not None and told.state.ended is None:
        yield Finding("stopped", "the record ends in the middle of the day: it goes on, or its process was killed")


def _experiment(played: Played) -> Iterator[Finding]:
    title, why = title_of(played), reasons(played)
    for row in listing(played.findings, "promises", "open"):
        if isinstance(row, dict):
            owed = f"still changed: {row.get('what')}; restore it with: {row.get('restore_with')}"
            yield Finding("undo", owed, played.name, played.run)
    if not played.done:
        yield Finding("unproven", f'"{title}" began and has no verdict', played.name, played.run)
    elif played.verdict != HELD:
        decisive = why[0] if why else "nothing says why"
        kind = "experiment" if played.verdict == BROKE else "unproven"
        word = "broke" if played.verdict == BROKE else f"ended {played.verdict} and proved nothing"
        yield Finding(kind, f'"{title}" {word}: {decisive}', played.name, played.run)


def _budget(figures: Sequence[Figure]) -> Iterator[Finding]:
    """Yield the limits that the day as a whole has missed; an availability that its faults may cost comes last."""
    kinds = {"failed_requests": "users", "failed_share": "users", "time_to_recover": "users"}
    for figure in figures:
        if figure.met is False and (kind := {**kinds, "availability": "availability"}.get(figure.name)):
            why = f"; {figure.why}" if figure.value is None and figure.why else ""
            yield Finding(kind, f"{figure.title[0].lower()}{figure.title[1:]} of the day: {shown(figure)}{why}")


def shown(figure: Figure) -> str:
    """Return a figure's value beside its target: `412 (at most 200)`."""
    readers = {"s": seconds, "share": percent}
    read = readers.get(figure.unit, count)
    value = "not measured" if figure.value is None else read(figure.value)
    target = "" if figure.target is None else f" ({'at least' if figure.more else 'at most'} {read(figure.target)})"
    return value + target


def answers(told: Told) -> list[tuple[CheckItem, str]]:
    """Return each line of the go/no-go list with its answer; one that nobody answered is `unknown`."""
    return [(line, told.state.answers.get(index) or "unknown") for index, line in enumerate(told.plan.checklist)]


def asked(line: CheckItem) -> str:
    """Return a line of the list as a question."""
    return line.ask or LOOKS.get(line.look or "", line.look or "")


LOOKS = {
    "steady": "the system is steady",
    "alarms": "no alarm fires",
    "guards": "every guard can be read, and is within its limit",
    "nothing-runs": "nothing else runs here",
    "channels": "every channel answers",
    "action-items": "no action item is overdue",
    "runbooks": "the commands of the runbooks still work",
}


def _checks(told: Told) -> Iterator[Finding]:
    for line, answer in answers(told):
        if answer != "yes":
            must = "" if line.must else " (the day may begin all the same)"
            question = asked(line)
            yield Finding("check", f"go/no-go: {question}{'' if question.endswith('?') else ':'} {answer}{must}")


def _injects(told: Told) -> Iterator[Finding]:
    """Yield the injects that nobody reacted to, and those that could not be put in."""
    for event in told.events:
        name = str(event.data.get("name") or "")
        if event.kind == "inject.failed":
            yield Finding("inject", f"the inject `{name}` could not be put in: {event.text}", event.item)
        elif event.kind == "inject.fired" and not reaction(told, event):
            waited = seconds(round(min(REACTED_S, max(told.end - event.at, 0.0)), 1))
            yield Finding("inject", f"nobody reacted to the inject `{name}` within {waited}", event.item)


def reaction(told: Told, fired: Event) -> Event | None:
    """Return the first thing that people said or did after an inject; None: there was none."""
    until = fired.at + REACTED_S
    return next((event for event in told.events if fired.at < event.at <= until and source_of(event) == "people"), None)


def _runbooks(runbooks: Sequence[Ticked]) -> Iterator[Finding]:
    for book in runbooks:
        left = [step for step in book.steps or () if str(step.get("number")) not in book.ticked]
        if book.steps is None and not book.ticked:
            yield Finding("runbook", f"no step of {book.path} was ticked; it could not be read")
        elif left and len(left) == len(book.steps or ()):
            yield Finding("runbook", f"no step of {book.path} was ticked, of {len(left)}")
        elif left:
            named = ", ".join(str(step.get("number")) for step in left[:8])
            yield Finding("runbook", f"{len(left)} of {len(book.steps or ())} steps of {book.path} were never ticked:"
                                     f" {named}{' ...' if len(left) > 8 else ''}")  # fmt: skip


def went_well(
    told: Told, hits: Sequence[Hit], figures: Sequence[Figure], items: Sequence[ActionItem]
) -> list[str]:  # fmt: skip
    """Return what went well, each with its figures."""
    said = [f'"{title_of(each)}" held: {"; ".join(reasons(each))}' for each in told.played if each.verdict == HELD]
    said += [sentence_of(hit, step.name) for hit in hits for step in hit.steps if step.met]
    for figure in figures:
        if figure.met and figure.name in ("failed_requests", "failed_share", "availability"):
            said.append(f"{figure.title.lower()} of the day: {shown(figure)}, of {count(figure.n)} requests")
    given = answers(told)
    if given and all(answer == "yes" for _, answer in given):
        said.append(f"all {len(given)} lines of the go/no-go list said yes")
    ways = channels(told)
    if ways and not any(way.failed for way in ways):
        said.append(f"all {sum(way.sent for way in ways)} messages arrived in all {len(ways)} channels")
    kept = sum(int(number(each.findings, "promises", "kept") or 0) for each in told.played)
    made = sum(int(number(each.findings, "promises", "made") or 0) for each in told.played)
    if made and kept == made:
        said.append(f"everything that was changed was put back: {kept} of {made} promised undos")
    return said + [f"action item {item.id} is done: {item.how}" for item in items if item.status == "done"]
