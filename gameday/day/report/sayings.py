"""A `day.json` in words: the same on the page, in Markdown and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.model import from_iso
from reports.parts.faces import Face
from reports.parts.words import UNKNOWN, count, percent, seconds

FACES: Mapping[str, Face] = {
    "went well": Face("held", "Went well", "every experiment held, and every page came", "✅"),
    "weaknesses found": Face("broke", "Weaknesses found", "an objective was missed, or a page never came", "❌"),
    "no-go": Face("refused", "No go", "the day did not begin; nothing was touched", "⛔"),
    "missed": Face("refused", "Missed", "it was too late to begin; nothing was touched", "⛔"),
    "inconclusive": Face("inconclusive", "Inconclusive", "a proof is missing, so the day cannot say", "❔"),
    "aborted": Face("aborted", "Aborted", "the day was stopped, and what ran was undone", "🛑"),
    "undo incomplete": Face("broke", "Undo incomplete", "something is still changed", "🛑"),
    "interrupted": Face("interrupted", "Interrupted", "the day was cut short", "⏸️"),
    "going on": Face("none", "Going on", "the day has not ended", "▶️"),
    "skipped": Face("none", "Skipped", "its condition was not met", "⏭️"),
    "not played": Face("none", "Not played", "the day ended before it", "⏭️"),
}
READERS = {"s": seconds, "share": percent}
ORDER = ("held", "broke", "inconclusive", "invalid", "refused", "aborted", "interrupted", "no verdict")


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One key figure in words."""

    title: str
    of: str
    n: str
    value: str
    worst: str
    target: str
    met: bool | None
    rated: bool  # it has a target
    why: str
    parts: tuple[tuple[str, str, str], ...]  # name, value, target


def outcome_face(outcome: str) -> Face:
    """Return how an outcome looks."""
    return FACES.get(outcome) or Face(
        "none", outcome.capitalize() or "No outcome", "the day's record is incomplete", "❔"
    )


def figure_rows(day: Mapping[str, Any]) -> list[FigureRow]:
    """Return the key figures in words."""
    return [_figure(figure) for figure in day["kpis"].values()]


def _figure(figure: Mapping[str, Any]) -> FigureRow:
    read = READERS.get(figure["unit"], count)
    target, missing, n = figure["target"], figure["missing"], figure["n"]
    many = figure["worst"] is not None and n > 1
    return FigureRow(
        title=figure["title"],
        of=figure["of"],
        n=f"{n:,} of {n + missing:,}" if missing else f"{n:,}",
        value="not measured" if figure["value"] is None else read(figure["value"]),
        worst=read(figure["worst"]) if many else "",
        target="none" if target is None else f"{'at least' if figure['more'] else 'at most'} {read(target)}",
        met=figure["met"],
        rated=target is not None,
        why=figure["why"],
        parts=tuple(
            (part["name"], "not measured" if part["value"] is None else read(part["value"]),
             "" if part["target"] is None else f"at most {read(part['target'])}")
            for part in figure["parts"]
        ),
    )  # fmt: skip


def happened(day: Mapping[str, Any]) -> str:
    """Return in a sentence or two what happened."""
    told = day["summary"]
    verdicts = sorted(told["verdicts"].items(), key=lambda pair: ORDER.index(pair[0]) if pair[0] in ORDER else 99)
    named = ", ".join(f"{many} {word}" for word, many in verdicts) or "none"
    played = (
        f"{told['played']} experiment{'' if told['played'] == 1 else 's'} played of {told['planned']} planned: {named}"
    )
    if not told["requests"]:
        return f"{played}. No requests were made."
    failed = f"{count(told['errors'])} of {count(told['requests'])} requests failed"
    return f"{played}. {failed} ({percent(told['errors'] / told['requests'])})."


def people(day: Mapping[str, Any]) -> list[tuple[str, str, bool | None]]:
    """Return (whose clock, in a sentence how word of it travelled, whether the page came in time) of each hit."""
    return [(clock["name"], *_travelled({step["name"]: step for step in clock["steps"]})) for clock in day["clocks"]]


def _travelled(steps: Mapping[str, Mapping[str, Any]]) -> tuple[str, bool | None]:
    page = steps["page"]
    if page["after_s"] is None:
        return page["why"] or "no page was seen", page["met"]
    words = (
        ("acknowledge", "acknowledged", "nobody acknowledged"),
        ("communicate", "others told", "nobody told others"),
    )
    told = [_step(steps[name], word, nobody) for name, word, nobody in words]
    return ", ".join([f"paged after {after(page)}", *told]), page["met"]


def _step(step: Mapping[str, Any], word: str, nobody: str) -> str:
    """Return a step in a word or two; that nobody did it only where that is known."""
    if step["after_s"] is not None:
        return f"{word} after {after(step)}"
    return nobody if step["met"] is False or step["why"].startswith("nobody") else f"{word}: not known"


def after(step: Mapping[str, Any]) -> str:
    """Return how long a step took; of what is given in whole seconds between what and what."""
    if step["after_s"] is None:
        return "-"
    slack = step.get("within_s") or 0.0
    first = seconds(step["after_s"])
    return f"{first} to {seconds(round(step['after_s'] + slack, 3))}" if slack else first


def item_rows(day: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the action items, what must be done first before what is done."""
    items: Sequence[Mapping[str, Any]] = day["action_items"]
    return [
        *(item for item in items if item["status"] != "done"),
        *(item for item in items if item["status"] == "done"),
    ]


def still_open(day: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the action items that are not done."""
    return [item for item in day["action_items"] if item["status"] != "done"]


def lasted(begin: str | None, end: str | None) -> str:
    """Return how long it was between two instants, in words."""
    return UNKNOWN if not begin or not end else seconds(round(from_iso(end) - from_iso(begin), 1))


def place(day: Mapping[str, Any]) -> str:
    """Return the environment in a few words."""
    environment = day["environment"]
    parts = [str(environment.get("name") or ""), str(environment.get("region") or "")]
    parts += [f"{key} {environment[key]}" for key in ("account", "build") if environment.get(key)]
    return ", ".join(filter(None, parts)) or UNKNOWN
