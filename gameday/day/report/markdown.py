"""A day as Markdown, for a wiki or a ticket: what happened, the worst, who does what until when; the rest folded away.

Rendered from `day.json` alone; whatever people or services wrote is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gameday.day.report.sayings import after, figure_rows, happened, item_rows, lasted, outcome_face, people, place
from reports.md import prose, safe
from reports.parts.words import seconds

BAR = re.compile(r"(?<!\\)\|")
MOST = 200  # lines of the list; what is left out is counted
MET = {True: "✅", False: "❌", None: "❔ unknown"}
ANSWERS = {"yes": "✅ yes", "no": "❌ no"}


def render(day: Mapping[str, Any]) -> str:
    """Return the report of a `day.json`."""
    face = outcome_face(day["outcome"])
    lines = [f"# {face.symbol} {safe(face.word)}: {safe(day['plan']['title'])}", ""]
    lines += [f"**{prose(day['why'][0] if day['why'] else face.meaning)}**", "", *_list(day["why"][1:])]
    began = f"{day['began'][:16].replace('T', ' ')} UTC" if day["began"] else "it did not begin"
    roles = " · ".join(f"{role}: {safe(', '.join(people))}" for role, people in day["roles"].items())
    lines += [f"{began}, lasted {lasted(day['began'], day['ended'])} · {safe(place(day))} · {roles}", ""]
    lines += [prose(happened(day)), "", *_list(f"{name}: {said}" for name, said, _ in people(day)), *_agenda(day)]
    lines += ["## Action items", "", *(_items(day) or ["None.", ""])]
    lines += ["## Findings", "", *(_list([row["text"] for row in day["findings"]], "1.") or ["None.", ""])]
    lines += ["## What went well", "", *(_list(day["went_well"]) or ["Nothing that was measured.", ""])]
    lines += [*_figures(day), *_clocks(day), *_injects(day), *_timeline(day), *_foot(day)]
    return "\n".join(lines).rstrip() + "\n"


def _list(texts: Iterable[str], mark: str = "-") -> list[str]:
    lines = [f"{mark} {prose(text)}" for text in texts]
    return [*lines, ""] if lines else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> list[str]:
    """Return a table; *numbers* are the columns that stand to the right."""
    marks = ["---:" if index in numbers else "---" for index in range(len(head))]
    return [f"| {' | '.join(map(_cell, cells))} |" for cells in (head, marks, *rows)] + [""]


def _cell(text: str) -> str:
    """Return *text* so that it stays in its cell: a bar ends one even in code."""
    return BAR.sub(r"\\|", text)


def _agenda(day: Mapping[str, Any]) -> list[str]:
    played = [row for row in day["injects"] if "run" in row]
    rows = []
    for row in [*(each for each in day["agenda"] if each["kind"] == "experiment"), *played]:
        verdict = row["verdict"] or row.get("state", "")
        why = prose(row["why"][0]) if row["why"] else ""
        recovery = "" if row["recovery_s"] is None else seconds(row["recovery_s"])
        title = safe(row["title"] or row["experiment"])
        rows.append((f"**{verdict}**", title, why, recovery, f"`{row['run']}`" if row["run"] else ""))
    return _table(("Verdict", "Experiment", "Why", "Recovery", "Run"), rows, (3,)) if rows else []


def _items(day: Mapping[str, Any]) -> list[str]:
    rows = []
    for item in item_rows(day):
        how = f"<br>{prose(item['how'])}" if item["how"] else ""
        state = f"**{item['status']}**" if item["status"] == "overdue" else item["status"]
        rows.append(
            (f"`{item['id']}`", prose(item["text"]) + how, safe(item["owner"] or "nobody yet"), item["due"], state)
        )
    return _table(("Id", "What", "Owner", "Until", "State"), rows) if rows else []


def _figures(day: Mapping[str, Any]) -> list[str]:
    rows = []
    for row in figure_rows(day):
        met = f"{MET[row.met]}{f' {prose(row.why)}' if row.why else ''}" if row.rated else prose(row.why or "no target")
        rows.append((safe(f"{row.title} ({row.of})"), row.n, row.value, row.worst, row.target, met))
    return ["## Key figures", "", *_table(("Figure", "n", "Value", "Worst", "Target", "Met"), rows, (1, 2, 3))]


def _clocks(day: Mapping[str, Any]) -> list[str]:
    lines = []
    for clock in day["clocks"]:
        rows = [
            (step["name"], after(step),
             "-" if step["band_s"] is None else seconds(step["band_s"]),
             f"{MET[step['met']] if step['band_s'] is not None else ''} {prose(step['why'])}".strip())
            for step in clock["steps"]
        ]  # fmt: skip
        lines += [f"## People's clock: {safe(clock['name'])}", ""]
        hops = [f"{hop['at'][11:23]} {hop['name']}" for hop in clock.get("hops", [])]
        lines += [f"{' → '.join(hops)}", ""] if hops else []
        lines += _table(("Step", "After the hit", "At most", "In time"), rows, (1, 2))
    return lines


def _injects(day: Mapping[str, Any]) -> list[str]:
    rows = []
    for row in day["injects"]:
        fired = f"{row['fired_at'][11:19]} UTC" if row["fired_at"] else prose(row["failed"]) or "it did not come"
        seen = row["reaction"]
        first = f"after {seconds(seen['after_s'])}, {safe(seen['who'])}: {prose(seen['text'])}" if seen else "nobody"
        rows.append((safe(row["name"]), prose(row["what"]), fired, first if row["fired_at"] else "-"))
    return ["## Injects", "", *_table(("Inject", "What", "When", "First reaction"), rows)] if rows else []


def _timeline(day: Mapping[str, Any]) -> list[str]:
    rows = day["timeline"]
    lines = [f"<details><summary>Everything that happened: {len(rows)} entries</summary>", ""]
    shown = [(row["at"][11:19], safe(row["who"] or row["source"]), prose(row["text"])) for row in rows[:MOST]]
    lines += _table(("UTC", "Who", "What"), shown)
    left = len(rows) - len(shown)
    return [*lines, *([f"and {left} more in `day.json`", ""] if left else []), "</details>", ""]


def _foot(day: Mapping[str, Any]) -> list[str]:
    asked = [f"{prose(row['text'])} {ANSWERS.get(row['answer'], '❔ unknown')}" for row in day["go_no_go"]]
    lines = ["<details><summary>Go/no-go, runbooks, what was not tested, how to repeat</summary>", ""]
    lines += [*(f"- {line}" for line in asked), ""]
    for book in day["runbooks"]:
        many = f"{book['ticked']} of {len(book['steps'])}" if book["steps"] else str(book["ticked"])
        lines += [f"`{book['path']}`: {many} steps ticked.", ""]
    lines += ["**Not tested:**", "", *(_list(day["not_tested"]) or ["Nothing was listed.", ""])]
    if day["repeat_with"]:
        lines += ["**Repeat with:**", "", "```sh", *day["repeat_with"].replace("```", "'''").splitlines(), "```", ""]
    return [*lines, f"Day `{day['day']}`.", "", "</details>", ""]
