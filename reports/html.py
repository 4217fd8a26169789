"""One self-contained page: the verdict first, then its evidence. No network, no fonts, complete without JavaScript.

The text is in `html.j2`, the looks in `html.css`; `html.js` only adds a read-out under the pointer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import jinja2
from markupsafe import Markup

from gameday.record import Record
from reports.parts.chart import charts
from reports.parts.files import RecordedFile, recorded_files
from reports.parts.story import Story, story
from reports.parts.timeline import Timeline, timeline
from reports.parts.words import after, between, count, seconds, sentence

FILENAME = "report.html"
EXTENSION = "html"


@dataclass(frozen=True, slots=True)
class Run:
    """All that the template shows of one run; `data` is what the read-out under the pointer says."""

    ident: str
    story: Story
    timeline: Timeline
    charts: tuple[tuple[str, Markup], ...]
    data: dict[str, object]
    files: tuple[RecordedFile, ...]


def render(records: Sequence[Record]) -> str:
    """Return the page of one run, or of several with an overview first."""
    runs = [_run(record, number) for number, record in enumerate(records, 1)]
    return _environment().get_template("html.j2").render(runs=runs)


def prose(text: str) -> Markup:
    """Return a sentence as markup: escaped, with a capital and a full stop, `backticks` as code."""
    parts = escape(sentence(text)).split("`")
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))
    return Markup("".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)))


def _run(record: Record, number: int) -> Run:
    told, times = story(record), timeline(record)
    ident = f"run-{number}-" + re.sub(r"[^a-z0-9]+", "-", told.run.lower()).strip("-")
    drawn = () if times.empty else tuple((name, Markup(svg)) for name, svg in charts(times, ident))
    return Run(ident, told, times, drawn, _data(times), recorded_files(record.folder))


def _data(times: Timeline) -> dict[str, object]:
    """The numbers behind the chart, rounded, for the read-out."""

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "begin": rounded(times.shown[0]),
        "end": rounded(times.shown[1]),
        "bins": [
            [rounded(one.begin), rounded(one.end), one.good, one.failed, rounded(one.p50_ms), rounded(one.p99_ms)]
            for one in times.bins
        ],
        "series": [
            [one.name.replace("_", " "), [[rounded(at), value] for at, value in one.points]] for one in times.series
        ],
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, after=after, count=count, seconds=seconds)
    environment.globals.update(between=between)
    return environment
