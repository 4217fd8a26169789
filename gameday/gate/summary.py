"""A gate as Markdown, for a job's summary: the outcome first, a table, then what did not pass, never above 1 MiB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gameday.analysis.compare import shown
from reports.md import safe

MOST_BYTES = 2**20 - 1024  # GitHub takes 1 MiB a step, with what others append
SYMBOLS = {
    "passed": "✅", "known": "☑️", "quarantined": "🟡", "failed": "❌", "inconclusive": "❔", "refused": "⛔",
    "not played": "⏭️", "aborted": "🛑", "interrupted": "🛑", "undo incomplete": "🛑",
}  # fmt: skip
FIGURES = (("recovery_s", "s"), ("error_ratio", ""), ("p99_ms", "ms"))
MOST_REASONS = 8
MOST_LETTERS = 2000  # of one sentence


def render(gate: Mapping[str, Any], report_url: str = "", most_bytes: int = MOST_BYTES) -> str:
    """Return the summary of a `gate.json`, cut between two experiments where it would be longer than *most_bytes*."""
    rows = gate["experiments"]
    blocks = [(_table_row(row), _section(row, report_url)) for row in rows]
    kept = len(blocks)
    while kept and len(_page(gate, blocks[:kept], report_url, len(rows) - kept).encode()) > most_bytes:
        kept -= max(1, kept // 20)
    return _page(gate, blocks[:kept], report_url, len(rows) - kept)


def headline(row: Mapping[str, Any]) -> str:
    """Return the one sentence that says what came of an experiment."""
    return str(row["why"][0] if row["why"] else row["result"])


def _page(gate: Mapping[str, Any], blocks: Sequence[tuple[str, str]], url: str, cut: int) -> str:
    lines = [
        *_head(gate, url),
        "| Result | Experiment | Why | Recovery | Errors | p99 |",
        "|---|---|---|---:|---:|---:|",
    ]
    lines += [row for row, _ in blocks]
    if cut:
        lines += ["", f"**{cut} more experiments are left out here, for want of room; the report has them all.**"]
    sections = [section for _, section in blocks if section]
    return "\n".join([*lines, "", *sections, *_foot(gate)]).rstrip() + "\n"


def _head(gate: Mapping[str, Any], url: str) -> list[str]:
    release, place = gate["release"], gate["environment"]
    name = safe(gate["suite"]["name"])
    lines = [f"## {SYMBOLS.get(gate['outcome'], '❔')} Gate {name}: {gate['outcome']}", ""]
    lines += [f"- {_cut(why)}" for why in gate["why"][:MOST_REASONS]]
    if len(gate["why"]) > MOST_REASONS:
        lines.append(f"- and {len(gate['why']) - MOST_REASONS} more reasons in the report")
    said = [f"release `{_code(release.get('id') or 'not named')}`"]
    said += [f"image `{_code(release['digest'])}`"] if release.get("digest") else []
    said += [f"on {safe(str(place.get('name', 'an environment that did not come up')))}"]
    said += [f"{gate['budget']['spent_s'] or 0:.0f} s of {gate['budget']['limit_s']:.0f} s", gate["began"][:19] + "Z"]
    return [*lines, "", " · ".join(said), "", *([f"[Report]({url})", ""] if url else [])]


def _table_row(row: Mapping[str, Any]) -> str:
    cells = [
        f"{SYMBOLS.get(row['result'], '❔')} {row['result']}", safe(row["title"]), _cut(headline(row), 300),
        *(shown(row[name], unit) if row["runs"] else "" for name, unit in FIGURES),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _section(row: Mapping[str, Any], url: str) -> str:
    """Return what there is to say of an experiment beyond its row; folded away when it passed."""
    compared = [each for each in row["compared"] if each["was"] is not None]
    if len(row["why"]) < 2 and not compared:
        return ""
    unfolded = row["result"] in ("failed", "aborted", "inconclusive", "interrupted", "refused")
    title = f"{SYMBOLS.get(row['result'], '❔')} {safe(row['title'])}"
    lines = [f"### {title}" if unfolded else f"<details><summary>{title}</summary>", ""]
    lines += [f"- {_cut(why)}" for why in row["why"][:MOST_REASONS]]
    lines += ["", *_comparison(compared)] if compared else [""]
    runs = ", ".join(f"`{_code(run)}`" for run in row["runs"])
    lines += [f"Runs: {runs}" + (f" ([report]({url}))" if url else ""), ""] if runs else []
    return "\n".join([*lines, *([] if unfolded else ["</details>", ""])])


def _comparison(compared: Sequence[Mapping[str, Any]]) -> list[str]:
    marks = {True: "❌ worse", False: "✅", None: "❔ not measured"}
    rows = [
        f"| {safe(each['name'])} | {shown(each['was'], each['unit'])} | {shown(each['now'], each['unit'])} "
        f"| {shown(each['limit'], each['unit'])} | {marks[each['worse']]} |"
        for each in compared
    ]
    return ["| Compared with the good releases | Was | Now | At most | |", "|---|---:|---:|---:|---|", *rows, ""]


def _foot(gate: Mapping[str, Any]) -> list[str]:
    baseline = gate["baseline"]
    if baseline:
        named = f", release `{_code(baseline['release'])}`" if baseline.get("release") else ""
        lines = [f"Compared with the good gates up to `{_code(baseline['gate'])}`{named}.", ""]
    else:
        lines = ["No good gate of this suite on this environment to compare with: nothing was compared.", ""]
    if gate["changed"] is not None:
        said = "; ".join(_cut(word) for word in gate["changed"][:MOST_REASONS]) or "nothing"
        lines += [f"Touched since then: {said}.", ""]
    return [*lines, "```sh", gate["repeat_with"].replace("```", "'''"), "```"]


def _cut(text: str, letters: int = MOST_LETTERS) -> str:
    """Return *text* without a meaning in Markdown, and not too long."""
    return safe(text if len(text) <= letters else text[: letters - 3] + "...")


def _code(text: str) -> str:
    return " ".join(str(text).replace("`", "'").split())
