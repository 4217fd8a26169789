"""A run as a report tells it: every sentence and number in words, the same for each format.

Read from `findings.json`; where that is missing, from `plan.json`, the marks and the promises.
"""

from __future__ import annotations

from dataclasses import dataclass

from gameday.analysis.findings import findings_of
from gameday.model import Answer, Json, Verdict, iso
from gameday.record import Record, read_lines
from reports.parts.dig import answer, in_words, listing, number, table, text, texts
from reports.parts.faces import Face, face
from reports.parts.proofs import Proof, proofs
from reports.parts.recovery import Recovery, recovery
from reports.parts.words import (
    OBJECTIVES,
    PHASES,
    UNKNOWN,
    clock,
    count,
    instant,
    measure,
    milliseconds,
    percent,
    plain,
    quantity,
    readable,
    seconds,
)

RESTORE = "; restore it with: "
LEARNED = ("environment", "versions", "repeat_with", "experiment", "run")
PHASE_ROWS = (
    ("Requests", "requests", count),
    ("Failed", "errors", count),
    ("Failed, share", "error_ratio", percent),
    ("p50", "p50_ms", milliseconds),
    ("p95", "p95_ms", milliseconds),
    ("p99", "p99_ms", milliseconds),
    ("p99, closed loop", "closed_loop_p99_ms", milliseconds),
)
WRITE_ROWS = (
    ("acknowledged", "Acknowledged", "the service said yes"),
    ("lost", "Lost", "acknowledged, and not found afterwards"),
    ("duplicated", "Stored twice", "found more than once"),
    ("indeterminate", "Indeterminate", "the answer was lost, so it may or may not be stored"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing that had to hold, in words."""

    title: str
    limit: str
    measured: str
    met: Answer


@dataclass(frozen=True, slots=True)
class PhaseTable:
    """The phases side by side: `rows` are a label and one cell for each name of `names`."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """One run in words. An empty text or tuple means that there is nothing to say."""

    run: str
    title: str
    description: str
    file: str
    sha256: str
    verdict: Verdict | None
    face: Face
    why: tuple[str, ...]
    began: str
    began_iso: str
    took_s: float | None
    environment: str
    place: str
    environment_facts: tuple[tuple[str, str], ...]
    simulated: tuple[str, ...]
    objectives: tuple[Objective, ...]
    proofs: tuple[Proof, ...]
    recovery: Recovery
    phases: PhaseTable
    writes: tuple[tuple[str, str, str], ...]
    abort: str
    promises: str
    still_changed: tuple[str, ...]
    not_tested: tuple[str, ...]
    repeat_with: str
    runbook: str
    practice: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]

    @property
    def decisive(self) -> str:
        """The one sentence that says why."""
        return self.why[0] if self.why else self.face.meaning


def story(record: Record) -> Story:
    """Read a run folder into words; whatever is missing is said to be missing."""
    findings = findings_of(record)
    known: Json = {**_learned(record.document("plan.json")), **findings}
    verdict = next((one for one in Verdict if one.value == text(known, "verdict")), None)
    began, ended = _span(record)
    environment = table(known, "environment")
    made, still_changed = _promises(record, known)
    name = text(environment, "name")
    run = text(known, "run") or record.folder.name
    return Story(
        run=run,
        title=text(known, "experiment", "title") or run,
        description=text(known, "experiment", "description"),
        file=text(known, "experiment", "file"),
        sha256=text(known, "experiment", "sha256"),
        verdict=verdict,
        face=face(verdict),
        why=_distinct(texts(known, "why")) or _cut_short(record, verdict),
        began=clock(began),
        began_iso="" if began is None else iso(began),
        took_s=None if began is None or ended is None else ended - began,
        environment=name,
        place=_place(environment),
        environment_facts=_pairs({key: value for key, value in environment.items() if key != "simulated"}),
        simulated=tuple(measure(key, value) for key, value in table(environment, "simulated").items()),
        objectives=tuple(objective_of(row) for row in listing(known, "objectives") if isinstance(row, dict)),
        proofs=proofs(known),
        recovery=recovery(known),
        phases=_phases(table(known, "phases")),
        writes=_writes(table(known, "writes")),
        abort=_abort(record, known),
        promises=made,
        still_changed=still_changed,
        not_tested=texts(known, "not_tested"),
        repeat_with=text(known, "repeat_with"),
        runbook=text(known, "runbook"),
        practice=texts(known, "practice"),
        versions=_pairs(table(known, "versions")),
    )


def _distinct(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """The sentences as people read them, without those that an earlier one contains."""
    said = tuple(map(readable, sentences))
    return tuple(one for index, one in enumerate(said) if not any(one in earlier for earlier in said[:index]))


def _learned(plan: dict[str, Json]) -> dict[str, Json]:
    """What the plan already knew before the run."""
    return {key: plan[key] for key in LEARNED if key in plan}


def _span(record: Record) -> tuple[float | None, float | None]:
    """When the run began and when it ended, by its marks."""
    marks = record.marks()
    return (marks[0].at, marks[-1].at) if marks else (None, None)


def _cut_short(record: Record, verdict: Verdict | None) -> tuple[str, ...]:
    """Why there is no verdict, and what to do about it."""
    if verdict is not None:
        return ()
    marks = record.marks()
    last = f"the last thing it noted is {marks[-1].name!r} at {clock(marks[-1].at)}" if marks else "it noted nothing"
    return (
        f"this run was cut short before it reached a verdict: {last}",
        f"`gameday undo {record.folder.name}` makes sure that nothing is left changed",
    )


def _place(environment: dict[str, Json]) -> str:
    """The environment in a few words: `lab, eu-west-1, account 123456789012, build default`."""
    parts = [text(environment, "name"), text(environment, "region")]
    parts += [f"{key} {text(environment, key)}" for key in ("account", "build") if text(environment, key)]
    return ", ".join(filter(None, parts)) or UNKNOWN


def _pairs(values: dict[str, Json]) -> tuple[tuple[str, str], ...]:
    pairs = ((plain(key), in_words(value)) for key, value in values.items())
    return tuple((key, value) for key, value in pairs if value)


def objective_of(row: dict[str, Json]) -> Objective:
    """Return an objective of `findings.objectives` in words."""
    name, unit = text(row, "name"), text(row, "unit")
    unit = "ratio" if name == "error_budget" else unit
    title = OBJECTIVES.get(name, plain(name).capitalize())
    limit, measured = number(row, "limit"), number(row, "measured")
    return Objective(title, quantity(limit, unit), quantity(measured, unit), answer(row, "met"))


def _phases(phases: dict[str, Json]) -> PhaseTable:
    """The phases in which something was measured, side by side."""
    measured = {name: row for name, row in phases.items() if isinstance(row, dict) and row}
    rows = [("Lasted", tuple(_lasted(row) for row in measured.values()))]
    rows += [(label, tuple(say(number(row, key)) for row in measured.values())) for label, key, say in PHASE_ROWS]
    return PhaseTable(tuple(PHASES.get(name, name) for name in measured), tuple(rows) if measured else ())


def _lasted(row: dict[str, Json]) -> str:
    begin, end = instant(text(row, "from")), instant(text(row, "to"))
    return UNKNOWN if begin is None or end is None else seconds(end - begin)


def _writes(writes: dict[str, Json]) -> tuple[tuple[str, str, str], ...]:
    """The ledger: a label, a count, and what it means."""
    if not any(number(writes, key) for key, _, _ in WRITE_ROWS):
        return ()
    return tuple((label, count(number(writes, key)), meaning) for key, label, meaning in WRITE_ROWS)


def _abort(record: Record, known: Json) -> str:
    """What stopped the run, and how fast it was undone; without findings, what the marks say."""
    abort = table(known, "abort")
    if not abort:
        noted = next((mark for mark in record.marks() if mark.name == "abort"), None)
        return "no guard tripped" if noted is None else f"aborted at {clock(noted.at)}: {in_words(dict(noted.details))}"
    tripped, latency = instant(text(abort, "tripped_at")), number(abort, "latency_s")
    at = "" if tripped is None else f" (at {clock(tripped)})"
    undone = "it is not known to be undone" if latency is None else f"undone and read back {seconds(latency)} later"
    seen = "; ".join(str(each) for each in listing(abort, "verified"))
    return f"{text(abort, 'guard') or UNKNOWN}{at}; {undone}{f': {seen}' if seen else ''}"


def _promises(record: Record, known: Json) -> tuple[str, tuple[str, ...]]:
    """What was promised to be undone in one sentence, and what is still open."""
    promises = table(known, "promises")
    still_open = tuple(_promise(one) for one in listing(promises, "open"))
    made, kept = number(promises, "made"), number(promises, "kept")
    if not promises:
        written = [line for line in read_lines(record.folder / "promises.jsonl") if isinstance(line, dict)]
        struck = {text(line, "kept") for line in written}
        noted = [table(line, "promise") for line in written if "promise" in line]
        still_open = tuple(_promise(one) for one in noted if text(one, "id") not in struck)
        made, kept = len(noted), len(noted) - len(still_open)
    if made is None:
        return "how many undos were promised is not known", still_open
    if made == 0:
        return "no undo was promised", still_open
    return f"{count(kept)} of {count(made)} promised undos were kept and verified", still_open


def _promise(promise: Json) -> str:
    """An undo that is still owed, with the command that does it as `code`."""
    owed = text(promise, "what") or text(promise, "sentence")
    by_hand = text(promise, "restore_with") or text(promise, "by_hand")
    if not owed:
        owed, _, by_hand = in_words(promise).partition(RESTORE)
    return f"{owed}{RESTORE}`{by_hand.strip('`')}`" if by_hand else owed
