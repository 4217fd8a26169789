"""`day.json`, `report.html` and `report.md`: a day as one value, and as pages that are rendered from it.

`finish` may be called again and again: while the day goes on, when it has ended, after a note that came later, and for
a day that was killed. It reads what the day's folder has, and says the same for the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from gameday.day import actions
from gameday.day.report import clocks, kpis, markdown, merged, rows, runbooks
from gameday.day.report import page as report
from gameday.day.report import told as reading
from gameday.day.report.clocks import Hit
from gameday.day.report.facts import channels, held, missed
from gameday.day.report.findings import answers, asked, found, went_well
from gameday.day.report.told import Told
from gameday.model import Json, iso
from gameday.record import Record, Redactor, write_json, write_whole
from reports.parts.dig import finite, table, text

SCHEMA = 1
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
FILE = "day.json"
FORMATS: Mapping[str, str] = {"html": "report.html", "md": "report.md", "json": FILE}


def finish(folder: Path, *, outcome: str, exit: int, why: list[str]) -> dict[str, Any]:
    """Write `day.json`, `report.html` and `report.md` of the day in *folder*, and return the document.

    *outcome* and *exit* are the day's own words; *why* has the decisive sentence first. Raises UsageError: it is no
    day's folder.
    """
    day = document(folder, outcome, exit, why)
    write(day, folder, list(FORMATS))
    return day


def again(folder: Path) -> dict[str, Any]:
    """Return the document of a day as its record is now: ended, going on, or killed. Writes nothing.

    Raises UsageError: it is no day's folder.
    """
    return document(folder, *reading.stands(folder))


def write(day: Mapping[str, Any], folder: Path, formats: Sequence[str], runs: str = "..") -> list[Path]:
    """Write a document in some of `FORMATS` into *folder*; return the paths. Raises OSError.

    *runs* is the way from *folder* to the runs folder, for the links to the runs' own reports.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in formats:
        path = folder / FORMATS[name]
        if name == "json":
            write_json(path, day)
        else:
            write_whole(path, (report.render(day, runs) if name == "html" else markdown.render(day)).encode())
    return [folder / FORMATS[name] for name in formats]


def document(folder: Path, outcome: str, exit_code: int | None, why: Sequence[str]) -> dict[str, Any]:
    """Return the day in *folder* as `day.json` has it. Raises UsageError: it is no day's folder."""
    told = reading.read(folder)
    hits = clocks.hits(told)
    figures = kpis.figures(told, hits)
    items = _items(told, hits)
    books = runbooks.drilled(told, Record(folder).document(FILE))
    findings = [each.as_json() for each in found(told, hits, figures, books, items)]
    head: dict[str, Json] = dict(told.head)
    day: dict[str, Json] = {
        "schema": SCHEMA,
        "day": folder.name,
        "plan": {
            "file": "",
            "sha256": "",
            **table(head, "plan"),
            "title": told.plan.title,
            "description": told.plan.description,
        },
        "environment": _environment(told),
        "versions": table(head, "versions"),
        **_times(told),
        "outcome": outcome,
        "exit": exit_code,
        "why": list(why or reading.reasons(told.state, told.events)),
        "roles": cast("Json", told.plan.roles.named()),
        "objectives": list(told.plan.objectives),
        "go_no_go": [{"text": asked(line), "answer": answer, "must": line.must} for line, answer in answers(told)],
        "summary": rows.summary(told),
        "agenda": [rows.agenda(told, item) for item in told.plan.agenda],
        "injects": [rows.inject(told, each) for each in told.plan.injects],
        "clocks": [clocks.as_json(hit) for hit in hits],
        "kpis": kpis.as_json(figures),
        "timeline": [row.as_json() for row in merged.rows(told)],
        "notes": rows.notes(told),
        "steps_ticked": rows.ticks(told),
        "runbooks": runbooks.as_json(told, books),
        "deliveries": _deliveries(told),
        "findings": cast("Json", findings),
        "went_well": list(went_well(told, hits, figures, items)),
        "action_items": [item.as_json() for item in items],
        "not_tested": list(rows.not_tested(told)),
        "repeat_with": text(head, "repeat_with"),
    }
    return cast("dict[str, Any]", _harmless(finite(cast("Json", Redactor()(day)))))


def _harmless(value: Json) -> Json:
    """Return a copy of *value* in which characters that would steer a terminal or turn a line round are their codes."""
    if isinstance(value, dict):
        return {_tame(key): _harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_harmless(item) for item in value]
    return _tame(value) if isinstance(value, str) else value


def _tame(words: str) -> str:
    return STEERS.sub(lambda one: one[0].encode("unicode_escape").decode(), words)


def _environment(told: Told) -> dict[str, Json]:
    """Return where it was: as the plan has it, and what only the runs know, such as the lab's build."""
    seen = [table(each.findings, "environment") for each in told.played]
    known = {key: value for one in seen[:1] for key, value in one.items() if value}
    return {**table(dict(told.head), "environment"), **known}


def _times(told: Told) -> dict[str, Json]:
    began, ended = told.state.began, told.state.ended
    opened = told.events[0].at if told.events else None
    first = began if began is not None else opened
    return {"began": None if first is None else iso(first), "ended": None if ended is None else iso(ended)}


def _items(told: Told, hits: Sequence[Hit]) -> list[actions.ActionItem]:
    """Return the day's action items, what is open first, and of that what is due first."""
    folder, stem = told.folder, actions.plan_stem_of(told.folder)
    before = actions.taken_over(folder.parent, stem, told.plan.carries, told.end, folder.name)
    owner = told.plan.roles.owner
    all_ = actions.items(
        folder.name, owner, told.end, missed(told, hits), held(told, hits), before, told.events,
        text(table(dict(told.head), "environment"), "name"),
    )  # fmt: skip
    order = ("overdue", "open", "done")
    return sorted(all_, key=lambda item: (order.index(item.status), item.due, item.id))


def _deliveries(told: Told) -> dict[str, Json]:
    """Return what became of the messages to the channels."""
    ways = channels(told)
    failed: list[Json] = [{"channel": way.name, "failed": way.failed, "why": way.why} for way in ways if way.failed]
    names: dict[str, Json] = {way.name: {"sent": way.sent, "failed": way.failed} for way in ways}
    return {"sent": sum(way.sent for way in ways), "failed": failed, "channels": names}
