"""A day as one self-contained page: what happened, how bad it is, who must do what until when; then the evidence.

It needs no network, no fonts and no JavaScript, and looks as a run's own report does: `reports/html.css` is its style,
`page.css` beside this file only what a day has more. Rendered from `day.json` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

import reports
from gameday.day.report.picture import pictures
from gameday.day.report.sayings import (
    FACES,
    after,
    figure_rows,
    happened,
    item_rows,
    lasted,
    outcome_face,
    people,
    place,
    still_open,
)
from gameday.model import Answer, Verdict, from_iso
from reports.html import prose
from reports.parts.dig import in_words
from reports.parts.faces import Face, face
from reports.parts.story import Objective, objective_of
from reports.parts.words import count, percent, plain, seconds

OPEN_ROWS = 40  # a longer list is folded


def render(day: Mapping[str, Any], runs: str = "..") -> str:
    """Return the page of a `day.json`; *runs* is the way from it to the runs folder."""
    folders = [Path(__file__).parent, *map(Path, reports.__path__)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(prose=prose, seconds=seconds, count=count, percent=percent, plain=plain, words=in_words,
                               hms=hms, day_of=day_of, instant=instant)  # fmt: skip
    environment.globals.update(after=after, met=met, verdict_face=verdict_face, objectives=objectives, ladder=ladder,
                               lasted=lasted)  # fmt: skip
    return environment.get_template("page.j2").render(
        day=day, face=outcome_face(day["outcome"]), pictures=[(name, Markup(svg)) for name, svg in pictures(day)],
        figures=figure_rows(day), happened=happened(day), people=people(day), items=item_rows(day),
        still_open=still_open(day), place=place(day), runs=quote(runs), folded=len(day["timeline"]) > OPEN_ROWS,
    )  # fmt: skip


def met(value: object) -> Answer:
    """Return yes, no, or unknown for everything that is neither true nor false, nor the word yes or no."""
    known = {True: Answer.YES, False: Answer.NO, "yes": Answer.YES, "no": Answer.NO}
    return known.get(value, Answer.UNKNOWN) if isinstance(value, bool | str) else Answer.UNKNOWN


def verdict_face(row: Mapping[str, Any]) -> Face:
    """Return how an entry of the agenda looks: its verdict, or that it was not played."""
    if row["verdict"]:
        return face(next((one for one in Verdict if one.value == row["verdict"]), None))
    return FACES["skipped" if row.get("state") == "skipped" else "not played"]


def objectives(row: Mapping[str, Any]) -> list[Objective]:
    """Return the objectives of an entry in words."""
    return [objective_of(each) for each in row["objectives"] if isinstance(each, dict)]


def ladder(clock: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], float | None, float | None]]:
    """Return each step of a clock with the shares of its bar: until when it took, and where its limit stands."""
    steps: Sequence[Mapping[str, Any]] = clock["steps"]
    longest = max((step[key] or 0.0 for step in steps for key in ("after_s", "band_s")), default=0.0) or 1.0
    return [(step, _share(step["after_s"], longest), _share(step["band_s"], longest)) for step in steps]


def _share(value: float | None, longest: float) -> float | None:
    return None if value is None else min(value / longest, 1.0)


def hms(at: str | None) -> str:
    """Return the time of an instant, `10:00:14`; `-` when there is none."""
    return at[11:19] if at else "-"


def instant(hop: Mapping[str, Any]) -> str:
    """Return the instant of a hop, `10:00:14.250`; with `+` where it can have been up to a second later."""
    return f"{hop['at'][11:23]}{' +' if hop['within_s'] else ''}"


def day_of(at: str | None) -> str:
    """Return an instant as people read it, `Thu 3 December 2026, 09:30 UTC`."""
    if not at:
        return "it did not begin"
    when = datetime.fromtimestamp(from_iso(at), UTC)
    return f"{when:%a} {when.day} {when:%B %Y, %H:%M} UTC"
