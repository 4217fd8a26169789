"""The four key figures of delivery, by DORA's definitions, each with how many cases it stands on and how sure it is.

A target is met when the whole 95 % interval lies on its good side, whatever the cases that could not be measured
were; missed when the whole of it lies on the other side; otherwise unknown. Nothing measured is never met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gameday.analysis.deliveries import Deployment, Outcome, between, first_deployed
from gameday.analysis.stats import Interval, Span, count_interval, exact_share, median_interval, percentile, wilson
from gameday.config import Targets
from gameday.model import Answer, from_iso

WEEK_S = 7 * 86400.0
FEW = "n is small: fewer than six cases give a median no interval"
CONTAINS = "n is small: the interval contains the target"
MISSING = "what could not be measured could lie on either side"
NOTHING = "nothing was measured"


@dataclass(frozen=True, slots=True)
class Spread:
    """Values in short. `missing` cases have none; `low` and `high` are the 10th and 90th percentile."""

    n: int
    missing: int
    median: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread:
        """Return the spread of *values*; None is a case that could not be measured."""
        known = sorted(value for value in values if value is not None)
        shares = (0.5, 0.1, 0.9)
        return cls(len(known), len(values) - len(known), *(percentile(known, share) for share in shares))


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure. `value` is a median, or a rate; `why` says in a few words how `met` came about."""

    name: str
    title: str
    unit: str  # `/week`, `s`, `share`
    n: int
    missing: int
    value: float | None
    low: float | None  # p10
    high: float | None  # p90
    interval: Interval | None  # 95 %, of the value; its end may be infinite
    target: float
    more: bool  # better is more than the target, else less
    met: Answer
    why: str


def judged(interval: Interval | None, target: float, more: bool, missing: int) -> tuple[Answer, str]:
    """Return whether a value with this *interval* meets its *target*, and why."""
    if interval is None:
        return Answer.UNKNOWN, FEW
    low, high = interval
    if (low > target) if more else (high < target):
        return Answer.YES, "the whole interval meets it"
    if (high <= target) if more else (low >= target):
        return Answer.NO, "the whole interval misses it"
    return Answer.UNKNOWN, MISSING if missing else CONTAINS


def kpis(deployments: Sequence[Deployment], window: Span, targets: Targets) -> list[Kpi]:
    """Return the figures of one service's *deployments* that ended in *window*, during which all of them are known.

    The others tell which releases had been deployed before. Drills are not among them.
    """
    ended = [each for each in deployments if each.outcome is not Outcome.GOING_ON and _in(each, window)]
    failed = [each for each in ended if each.outcome is Outcome.FAILED]
    fresh = [each for each in first_deployed(deployments) if _in(each, window)]
    return [
        _frequency(ended, window, targets.deployments_per_week),
        *_lead_times(fresh, targets.lead_time_s),
        _failure_rate(ended, targets.change_failure_rate),
        _median("recovery_time", "Failed deployment recovery time", [each.recovery_s for each in failed],
                targets.recover_within_s),
    ]  # fmt: skip


def _in(each: Deployment, window: Span) -> bool:
    return each.ended_at is not None and window.has(each.ended_at)


def lead_s(each: Deployment) -> float | None:
    """Return the seconds from the commit until it was deployed; None: not known, or it was committed afterwards."""
    return since(each.release.committed_at, each.ended_at)


def push_s(each: Deployment) -> float | None:
    """Return the seconds from the push of the image until it was deployed."""
    return since(each.release.pushed_at, each.ended_at)


def since(begin: str | None, end: float | None) -> float | None:
    """Return the seconds from an ISO time to *end*."""
    return between(from_iso(begin) if begin else None, end)


def _frequency(ended: Sequence[Deployment], window: Span, target: float) -> Kpi:
    weeks = (window.end - window.start) / WEEK_S
    n, spread = len(ended), Spread.of(_weekly(ended, window))
    if weeks < 1:
        rate, interval, met, why = None, None, Answer.UNKNOWN, "less than a week is known"
    else:
        low, high = count_interval(n)
        rate, interval = n / weeks, (low / weeks, high / weeks)
        met, why = judged(interval, target, True, 0)
    return Kpi("deployment_frequency", "Deployment frequency", "/week", n, 0, rate, spread.low, spread.high,
               interval, target, True, met, why)  # fmt: skip


def _weekly(ended: Sequence[Deployment], window: Span) -> list[float]:
    """Return how many ended in each whole week of the window, counted back from its end."""
    weeks = int((window.end - window.start) // WEEK_S)
    starts = [window.end - WEEK_S * (number + 1) for number in range(weeks)]
    return [float(sum(_in(each, Span(start, start + WEEK_S)) for each in ended)) for start in starts]


def _lead_times(fresh: Sequence[Deployment], target: float) -> list[Kpi]:
    """Return the lead time from the commit, and apart from it, of those without one, that from the push."""
    found = [_median("lead_time", "Change lead time (commit to deployed)", [lead_s(each) for each in fresh], target)]
    rest = [push_s(each) for each in fresh if each.release.committed_at is None]
    if any(value is not None for value in rest):
        title = "of those without a commit time: push to deployed"
        found.append(_median("lead_time_from_push", title, rest, target, least=True))
    return found


def _median(name: str, title: str, values: Sequence[float | None], target: float, least: bool = False) -> Kpi:
    """Return the median of durations; *least*: each value is only the least that it can have been."""
    spread = Spread.of(values)
    interval = median_interval([value for value in values if value is not None], spread.missing)
    met, why = judged(interval, target, False, spread.missing) if spread.n else (Answer.UNKNOWN, NOTHING)
    if least and met is Answer.YES:
        met, why = Answer.UNKNOWN, "a push comes after its commit, so the lead time is longer"
    return Kpi(name, title, "s", spread.n, spread.missing, spread.median, spread.low, spread.high,
               interval if spread.n else None, target, False, met, why)  # fmt: skip


def _failure_rate(ended: Sequence[Deployment], target: float) -> Kpi:
    """Return the share that failed; those of which nobody knows may have failed, or not."""
    failed = sum(each.outcome is Outcome.FAILED for each in ended)
    unknown = sum(each.outcome is Outcome.UNKNOWN for each in ended)
    n = len(ended) - unknown
    interval, met, why = None, Answer.UNKNOWN, NOTHING
    if n:
        few, many, every = failed, failed + unknown, len(ended)
        interval = (wilson(few, every)[0], wilson(many, every)[1])
        met, why = judged(interval, target, False, unknown)
        exact = (exact_share(few, every)[0], exact_share(many, every)[1])
        if met is not judged(exact, target, False, unknown)[0]:  # of few cases Wilson's is too sure: 1 of 1 failed
            met, why = Answer.UNKNOWN, "n is small: the exact interval contains the target"
    return Kpi("change_fail_rate", "Change fail rate", "share", n, unknown, failed / n if n else None, None, None,
               interval, target, False, met, why)  # fmt: skip
