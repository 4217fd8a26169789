"""What the tries of one experiment mean for the gate, and what the experiments mean for the release: pure.

A verdict that was expected passes, and one that was not fails, also when something known to break holds. A quarantine
takes away the say, except over what is still changed and over an interruption. Unknown is never passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from gameday.analysis.compare import Compared
from gameday.gate.suite import Entry
from gameday.model import Verdict, worst_exit

UNDO_INCOMPLETE, INTERRUPTED, ABORTED, REFUSED, UNKNOWN, BUG = 6, 130, 5, 3, 4, 70
DECIDED = ((Verdict.HELD.exit_code, Verdict.HELD.value), (Verdict.BROKE.exit_code, Verdict.BROKE.value))
RETRIED = (Verdict.INCONCLUSIVE.value, Verdict.INVALID.value)
OUTCOMES: Mapping[int, str] = {
    0: "passed", 1: "failed", 3: "refused", 4: "inconclusive", 5: "aborted", 6: "undo incomplete", 130: "interrupted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """One try of an experiment: its findings ({} when it has none, then `error` says why) and its exit code.

    `strays` are the tasks that ended by themselves meanwhile, a sentence each; `doubt` says why they are not known.
    """

    exit: int
    seconds: float
    findings: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    strays: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def verdict(self) -> str | None:
        """The verdict; None without findings."""
        return self.findings.get("verdict")

    @property
    def run(self) -> str:
        """The run folder's name; "" when there is none."""
        return str(self.findings.get("run", ""))

    @property
    def why(self) -> list[str]:
        """The reasons, the decisive first."""
        return [self.error] if self.error else [str(reason) for reason in self.findings.get("why") or []]


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of one experiment, why, and the exit code that it asks the gate for."""

    result: str
    why: list[str]
    exit: int


def judge(entry: Entry, tries: Sequence[Tried], compared: Sequence[Compared], regressions: str, today: date) -> Judged:
    """Return what the tries of an experiment mean; *compared* are the measures of the last one."""
    last = tries[-1]
    forced = _not_to_be_waived(last)
    if forced:
        return forced
    told = _told(entry, last, compared, regressions)
    if len(tries) > 1:
        before = "; ".join(_tried(each) for each in tries[:-1])
        told = replace(
            told, why=[*told.why, f"tried {len(tries)} times: {before}, then {last.verdict or 'no verdict'}"]
        )
    if late := entry.overdue(today):
        why = [f"{late}; take it out of the suite, or give it another day", *told.why]
        worse = worst_exit([1, told.exit]) != 1  # an abort stays one
        return replace(told, why=why) if worse else Judged("failed", why, 1)
    if entry.quarantine:
        reason = f"quarantined until {entry.quarantine.until}: {entry.quarantine.why}"
        return Judged("quarantined", [f"{reason}; alone it would be {told.result}", *told.why], 0)
    return told


def _tried(each: Tried) -> str:
    return f"{each.verdict or 'no verdict'} ({each.why[0] if each.why else 'no reason'})"


def _not_to_be_waived(last: Tried) -> Judged | None:
    """Say what neither an expectation nor a quarantine changes."""
    if last.exit == UNDO_INCOMPLETE:
        left = [f"still changed: {each['what']}; restore it with: {each['restore_with']}" for each in _open(last)]
        return Judged("aborted", [*left, *last.why], UNDO_INCOMPLETE)
    if last.exit == INTERRUPTED:
        return Judged("interrupted", last.why, INTERRUPTED)
    return None


def _open(last: Tried) -> list[Mapping[str, Any]]:
    return list((last.findings.get("promises") or {}).get("open") or [])


def _told(entry: Entry, last: Tried, compared: Sequence[Compared], regressions: str) -> Judged:
    """Judge the last try by what was expected of it. An exit code without its verdict proves nothing."""
    if (last.exit, last.verdict) in DECIDED:
        return _expected(entry, last, compared, regressions)
    if last.exit == ABORTED:
        return Judged("aborted", last.why, ABORTED)
    if last.exit == REFUSED:
        return Judged("refused", last.why, REFUSED)
    return Judged("inconclusive", last.why, BUG if last.exit == BUG else UNKNOWN)


def _expected(entry: Entry, last: Tried, compared: Sequence[Compared], regressions: str) -> Judged:
    broke = last.exit == 1
    if entry.expect == "broke":
        reason = f"known to break until {entry.until}: {entry.why}"
        if broke and (news := _not_known(entry, last)):
            return Judged("failed", [news, *last.why, reason], 1)
        if broke:
            return Judged("known", [reason, *last.why], 0)
        mend = "it holds again; take `expect: broke` out of the suite, so that it guards from now on"
        return Judged("failed", [f"{mend} ({reason})"], 1)
    if broke:
        return Judged("failed", last.why, 1)
    worse = [*last.strays, *(row.sentence for row in compared if row.worse)]
    lost = [row.sentence for row in compared if row.worse is None and row.was is not None]
    if compared and all(row.was is None for row in compared):
        lost = ["no good release has played this before: nothing was compared"]
    if worse and regressions == "fail":
        return Judged("failed", [*worse, *lost, "every objective was met", *last.why], 1)
    if last.doubt:
        return Judged("inconclusive", [last.doubt, *worse, *lost, *last.why], UNKNOWN)
    return Judged("passed", [*worse, *last.why, *lost], 0)


def _not_known(entry: Entry, last: Tried) -> str:
    """Say what broke beyond what the expectation names; "" for nothing, or where it names nothing."""
    missed = [str(each["name"]) for each in last.findings.get("objectives") or [] if each.get("met") is False]
    others = [name for name in missed if name not in entry.breaks]
    if not entry.breaks or (missed and not others):
        return ""
    return f"it is known to miss {', '.join(entry.breaks)}, and missed {', '.join(others) or 'no objective'}"


def left_out(why: str) -> Judged:
    """Return the result of an experiment that was not asked for: it decides nothing."""
    return Judged("not played", [why], 0)


def not_played(why: str) -> Judged:
    """Return the result of an experiment that was asked for and not played: the gate cannot pass."""
    return Judged("not played", [why], UNKNOWN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The gate's end: its word, its exit code, and the reasons, the decisive first."""

    word: str
    exit: int
    why: list[str]


def stopped_by(why: str, code: int, judged: Sequence[tuple[str, Judged]]) -> Outcome:
    """Return the end of a gate that something stopped: its exit *code*, or that of an experiment if that is worse."""
    end = outcome(judged)
    decided = [each.exit for _, each in judged if each.result != "not played"]
    worst = worst_exit([code, *decided])
    others = [reason for reason in end.why if not reason.endswith(why)] if end.exit else []
    return Outcome(OUTCOMES.get(worst, "inconclusive"), worst, [why, *others] if worst == code else [*others, why])


def outcome(judged: Sequence[tuple[str, Judged]]) -> Outcome:
    """Return what (title, judged) of the experiments come to. Where nothing was checked, nothing is passed."""
    code = worst_exit([each.exit for _, each in judged]) if judged else UNKNOWN
    checked = [each for _, each in judged if each.result in ("passed", "known", "failed")]
    if code == 0 and not checked:
        names = sorted({each.result for _, each in judged})
        return Outcome("inconclusive", UNKNOWN, [f"nothing was checked: every experiment is {' or '.join(names)}"])
    deciding = [(title, each) for title, each in judged if each.exit == code]
    others = [(title, each) for title, each in judged if each.exit not in (code, 0)]
    if code == 0:
        deciding = [(title, each) for title, each in judged if each.result in ("passed", "known")]
    why = [f"{title}: {each.result}, {each.why[0] if each.why else 'no reason'}" for title, each in deciding + others]
    return Outcome(OUTCOMES.get(code, "inconclusive"), code, why)
