"""The phases of a run, read from its marks.

The fault lasts from the instant it was accepted until it is known to be over: by its own end, or by the control
plane having finished its repair. Recovery is counted from the fault's start, or, when the fault has a duration,
from its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from gameday.analysis.stats import Span
from gameday.model import Mark, Sample


@dataclass(frozen=True, slots=True)
class Timeline:
    """The spans of one run; None for a phase that it did not reach."""

    baseline: Span | None
    fault: Span | None
    recovery: Span | None
    sustained: bool  # the fault had a duration of its own

    @property
    def after_fault(self) -> Span | None:
        """From the fault's start to the end of the load: what objectives are about."""
        if self.fault is None:
            return None
        return Span(self.fault.start, self.recovery.end if self.recovery else self.fault.end)

    @property
    def origin(self) -> float | None:
        """The instant from which recovery is counted."""
        if self.fault is None:
            return None
        return self.fault.end if self.sustained else self.fault.start

    def spans(self) -> dict[str, Span]:
        """Return {phase: span} of the phases reached."""
        named = {"baseline": self.baseline, "fault": self.fault, "recovery": self.recovery}
        return {name: span for name, span in named.items() if span}


def first(marks: list[Mark], *names: str) -> Mark | None:
    """Return the first mark with one of *names*."""
    return next((mark for mark in marks if mark.name in names), None)


def last(marks: list[Mark], *names: str) -> Mark | None:
    """Return the last mark with one of *names*."""
    return first(list(reversed(marks)), *names)


def timeline(marks: list[Mark]) -> Timeline:
    """Read the phases from *marks* (ordered by time)."""
    ending = first(marks, "load.stopping", "finished") or (marks[-1] if marks else None)
    if ending is None:
        return Timeline(None, None, None, sustained=False)
    touched = first(marks, "fault") or first(marks, "action.started")
    began = first(marks, "baseline")
    until = touched or ending
    baseline = Span(began.at, max(began.at, until.at)) if began else None
    if touched is None:
        return Timeline(baseline, None, None, sustained=False)
    own_end = last(marks, "fault.ended")
    repaired = first(marks, "recovery") or first(marks, "method.ended", "rollbacks") or ending
    over = max(touched.at, min((own_end or repaired).at, ending.at))
    return Timeline(baseline, Span(touched.at, over), Span(over, max(over, ending.at)), sustained=own_end is not None)


def cut_short(marks: list[Mark]) -> bool:
    """Return whether the run was ended before its time, and its load with it."""
    return first(marks, "abort", "interrupted") is not None


def answered(samples: list[Sample], marks: list[Mark]) -> list[Sample]:
    """Return the requests that tell of the service: those in flight as an abort ended the load tell of the abort."""
    return [sample for sample in samples if sample.done is not None] if cut_short(marks) else samples
