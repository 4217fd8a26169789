"""The report for a pull request's comment: the verdict and its evidence on one screen, the rest folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from gameday.model import Answer
from gameday.record import Record
from reports.parts.story import Story, story
from reports.parts.words import sentence

FILENAME = "report.md"
EXTENSION = "md"

MOST = 8  # lines of one list; what is left out is counted
SYMBOLS = {Answer.YES: "✅", Answer.NO: "❌", Answer.UNKNOWN: "❔ unknown"}
SPECIAL = re.compile(r"([\\`*\[\]<>|~#$])|(?<![A-Za-z0-9])(_)|(_)(?![A-Za-z0-9])")


def render(records: Sequence[Record]) -> str:
    """Return the comment for one run, or for several with an overview first."""
    stories = [story(record) for record in records]
    lines: list[str] = []
    if len(stories) != 1:
        lines += [f"# {len(stories)} runs", "", *_overview(stories)]
    for one in stories:
        lines += _run(one, "#" if len(stories) == 1 else "##")
    return "\n".join(lines).rstrip() + "\n"


def safe(text: str) -> str:
    """Return *text* on one line, without a meaning in Markdown and without calling anyone by @name."""
    escaped = SPECIAL.sub(lambda found: "\\" + found.group(0), " ".join(text.split()))
    return escaped.replace("@", "@<!-- -->")


def prose(text: str) -> str:
    """Return a sentence; `backticks` stay code."""
    parts = sentence(text).split("`")
    if len(parts) % 2 == 0:
        return safe("`".join(parts))
    return "".join(f"`{part}`" if index % 2 else _safe_part(part) for index, part in enumerate(parts))


def _safe_part(part: str) -> str:
    """Escape, and keep the spaces next to code."""
    before = " " if part[:1].isspace() else ""
    return before + safe(part) + (" " if part.strip() and part[-1:].isspace() else "")


def _overview(stories: Sequence[Story]) -> list[str]:
    if not stories:
        return ["No run was given.", ""]
    rows = [
        f"| {one.face.symbol} {one.face.word} | {safe(one.title)} | {prose(one.decisive)} | {one.recovery.short} |"
        for one in stories
    ]
    return ["| Verdict | Experiment | Why | Recovery |", "|---|---|---|---:|", *rows, ""]


def _run(one: Story, level: str) -> list[str]:
    return [
        f"{level} {one.face.symbol} {one.face.word}: {safe(one.title)}",
        "",
        f"**{prose(one.decisive)}**",
        "",
        *_list(map(prose, one.why[1:])),
        f"{one.began} · {safe(one.place)}",
        "",
        *_notes(one),
        *_objectives(one),
        *_proofs(one),
        *_recovery(one),
        *_folded(one),
    ]


def _notes(one: Story) -> list[str]:
    lines = []
    if one.still_changed:
        lines += ["> [!CAUTION]", f"> Still changed; `gameday undo {one.run}` settles it:"]
        lines += [f"> - {prose(line)}" for line in islice(one.still_changed, MOST)] + [""]
    if one.simulated:
        said = safe(", ".join(one.simulated))
        lines += ["> [!NOTE]", f"> Lab: these delays are simulated, not measured: {said}.", ""]
    return lines


def _objectives(one: Story) -> list[str]:
    if not one.objectives:
        return ["No objective was judged.", ""]
    rows = [
        f"| {safe(row.title)} | {safe(row.limit)} | {safe(row.measured)} | {SYMBOLS[row.met]} |"
        for row in one.objectives
    ]
    return ["| Objective | Limit | Measured | Met |", "|---|---:|---:|---|", *rows, ""]


def _proofs(one: Story) -> list[str]:
    rows = [
        f"| {proof.title} | {SYMBOLS[proof.proven]} | {'<br>'.join(_few(map(prose, proof.sentences)))} |"
        for proof in one.proofs
    ]
    return ["| Proof | | Evidence |", "|---|---|---|", *rows, ""]


def _recovery(one: Story) -> list[str]:
    steps = [f"{layer.at} {safe(layer.name)}" for layer in one.recovery.layers]
    lines = [f"**Recovery.** {prose(one.recovery.summary)}", ""]
    return lines + ([" → ".join(_few(steps, 12)), ""] if steps else [])


def _folded(one: Story) -> list[str]:
    """What matters to whoever looks closer."""
    writes = ", ".join(f"{label.lower()} {number}" for label, number, _ in one.writes) or "none were followed"
    lines = ["<details><summary>Phases, writes, undo, what was not tested, how to repeat</summary>", ""]
    if one.phases.rows:
        lines += ["| | " + " | ".join(map(safe, one.phases.names)) + " |", "|---|" + "---:|" * len(one.phases.names)]
        lines += [f"| {label} | " + " | ".join(map(safe, cells)) + " |" for label, cells in one.phases.rows] + [""]
    lines += [f"**Writes:** {writes}.", "", f"**Abort:** {prose(one.abort)}", ""]
    lines += [f"**Undo:** {prose(one.promises)}", "", "**Not tested:**", ""]
    lines += _list(map(prose, one.not_tested)) or ["nothing was listed", ""]
    if one.repeat_with:
        lines += ["**Repeat with:**", "", "```sh", *one.repeat_with.replace("```", "'''").splitlines(), "```", ""]
    versions = ", ".join(f"{name} {version}" for name, version in one.versions) or "unknown"
    return [*lines, f"Run `{one.run}`; versions: {safe(versions)}.", "", "</details>", ""]


def _list(sentences: Iterable[str]) -> list[str]:
    lines = [f"- {line}" for line in _few(sentences)]
    return [*lines, ""] if lines else []


def _few(sentences: Iterable[str], most: int = MOST) -> list[str]:
    """Return the first of them, and how many more there are."""
    known = list(sentences)
    rest = len(known) - most
    return known[:most] + ([f"and {rest} more in the page"] if rest > 0 else [])
