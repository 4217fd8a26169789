"""What counts as evidence against a release: pure functions of counted requests and ended tasks.

A rule fires when the error ratio is above its limit in every one of its windows, and when in the longest of them it
cannot be explained by chance from what was allowed: the larger of the limit and the ratio before the deployment.
Errors that were there before are so no evidence against the release; nor is it called well with them. A window reaches
back to the deployment at most. Unknown is its own answer: too few requests, or none counted, are never called well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gameday.analysis.stats import Span
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.watch.values import Crash, Opinion, Period, Proof, Signal, Traffic

STATED_FOR_S = 60.0  # presets are written for metrics of one minute, and scale with the environment's period
CHANCE = 0.001  # a count of errors less likely than this is no chance
NOISE = 0.01  # the same of one period, which is looked at beside others
SEED_MARGIN = 0.01  # an unweighted mean has no counts to reckon with: it must exceed what was before by a point
UNWELL_BEFORE = "users were as unwell before, so the release can neither be blamed nor called well"
BUDGET = 0.001  # errors that an availability of 99.9 % allows
SEED, BURN = "seed", "burn"


@dataclass(frozen=True, slots=True)
class Rule:
    """The error ratio is above `limit` in every one of `windows_s`; the longest comes first.

    With `cut`, the longest window is judged before it is full: what has been since the deployment, but never less
    than the shortest window.
    """

    name: str
    windows_s: tuple[float, ...]
    limit: float
    signal: Signal = "requests"
    cut: bool = True

    @property
    def least_s(self) -> float:
        """How much there must be since the deployment."""
        return min(self.windows_s) if self.cut else self.windows_s[0]

    def scaled(self, period_s: float) -> Rule:
        """Return it for metrics of another period."""
        factor = period_s / STATED_FOR_S
        return Rule(self.name, tuple(each * factor for each in self.windows_s), self.limit, self.signal, self.cut)


PRESETS: Mapping[str, tuple[Rule, ...]] = {
    # the seed's own rule: the mean of FoodConnect/ErrorRate over five minutes is above 5 %
    SEED: (Rule("error-rate", (300,), 0.05, "ErrorRate", cut=False),),
    # how fast the budget of 99.9 % burns: 14.4 times is 2 % of a month's budget an hour, 6 times is 5 % in six hours
    BURN: (Rule("fast-burn", (300, 60), 14.4 * BUDGET), Rule("slow-burn", (3600, 300), 6 * BUDGET)),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How one watcher judges: seconds, and the fewest requests of a judged window."""

    preset: str
    rules: tuple[Rule, ...]
    period_s: float
    observe_s: float
    blind_after_s: float
    deploy_within_s: float
    verify_within_s: float
    min_requests: int
    crashes: int

    @property
    def crash_window_s(self) -> float:
        """In which window ended tasks are counted."""
        return 5 * self.period_s

    @property
    def needs_s(self) -> float:
        """How long after the deployment every rule can be judged."""
        return max(each.least_s for each in self.rules)

    @property
    def look_back_s(self) -> float:
        """The longest window."""
        return max(each.windows_s[0] for each in self.rules)


def plan_of(environment: Environment, preset: str = "", observe_s: float = 0.0) -> Plan:
    """Return how a release is judged on *environment*. Raises UsageError: a rule or a time cannot be meant so."""
    own, pace = environment.watch, environment.sampling
    if not 0 <= observe_s < math.inf:
        raise UsageError(f"observing for {observe_s:g} s has no end or no beginning; write seconds, as 900")
    for key in ("observe_s", "blind_after_s", "deploy_within_s", "verify_within_s"):
        if not 0 <= (given := getattr(own, key)) < math.inf:
            raise UsageError(f"environments.{environment.name}.watch.{key} is {given:g}; write seconds of 0 or more")
    name = preset or own.preset
    rules = tuple(each.scaled(pace.period_s) for each in PRESETS[name])
    if own.rules and not preset:
        name, rules = "own", tuple(_own_rules(environment))
    return Plan(
        preset=name,
        rules=rules,
        period_s=pace.period_s,
        observe_s=observe_s or own.observe_s or 15.0 * pace.period_s,
        blind_after_s=own.blind_after_s or pace.max_gap_s + pace.period_s,
        deploy_within_s=own.deploy_within_s,
        verify_within_s=own.verify_within_s,
        min_requests=max(1, own.min_requests),
        crashes=own.crashes,
    )


def _own_rules(environment: Environment) -> Iterable[Rule]:
    period_s = environment.sampling.period_s
    for index, each in enumerate(environment.watch.rules):
        if wrong := each.wrong(period_s):
            where = f"gameday.toml: environments.{environment.name}.watch.rules[{index}].{wrong[0]}"
            raise UsageError(f"{where}: {wrong[1]}; `gameday check gameday.toml` says in which line")
        yield Rule(each.name, tuple(sorted(each.windows_s, reverse=True)), each.limit, each.signal)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is judged: the traffic, ended tasks, from when the release serves, and what is excused."""

    traffic: Traffic
    crashes: Sequence[Crash]
    since: float
    excused: Sequence[Span] = ()

    def counted(self, start: float, end: float) -> list[Period]:
        """Return the periods of a stretch that are not excused."""
        return [each for each in self.traffic.periods if start <= each.at < end and not self.is_excused(each.at)]

    def rates(self, start: float, end: float) -> list[float]:
        """Return the error rates, as shares, of a stretch that are not excused."""
        found = self.traffic.error_rate.items()
        return [rate / 100 for at, rate in sorted(found) if start <= at < end and not self.is_excused(at)]

    def is_excused(self, at: float) -> bool:
        """Whether an experiment went on then."""
        return any(span.has(at) for span in self.excused)

    def has_data(self, signal: Signal, at_least: float) -> bool:
        """Whether the signal has a point that is not older than that."""
        points = self.traffic.error_rate if signal == "ErrorRate" else [each.at for each in self.traffic.periods]
        return max(points, default=0.0) >= at_least


def judge(scene: Scene, plan: Plan) -> Opinion:
    """Return the opinion: bad when one rule has its proofs; well only when every rule could be judged."""
    looped = crash_loop(scene, plan)
    opinions = ([looped] if looped else []) + [judge_rule(scene, rule, plan) for rule in plan.rules]
    by_state = {each.state: each for each in reversed(opinions)}
    for state in ("bad", "blind", "unknown"):
        if state in by_state:
            return by_state[state]
    return opinions[-len(plan.rules)]  # the first rule's, which is the fastest


def judge_rule(scene: Scene, rule: Rule, plan: Plan) -> Opinion:
    """Return what one rule says."""
    until = scene.traffic.until
    if not scene.has_data(rule.signal, until - plan.blind_after_s):
        what = "FoodConnect/ErrorRate" if rule.signal == "ErrorRate" else "RequestCount"
        return Opinion(
            "blind", f"{rule.name}: no {what} for more than {plan.blind_after_s:g} s: no data is not healthy"
        )
    if until - scene.since < rule.least_s:
        has_s = max(0.0, until - scene.since)
        return Opinion(
            "unknown", f"{rule.name}: {has_s:.0f} s of data since the deployment, {rule.least_s:g} s are needed"
        )
    return _by_rate(scene, rule, plan) if rule.signal == "ErrorRate" else _by_requests(scene, rule, plan)


def _by_requests(scene: Scene, rule: Rule, plan: Plan) -> Opinion:
    until = scene.traffic.until
    windows = [scene.counted(max(scene.since, until - each), until) for each in rule.windows_s]
    totals = [(_sum(each, "requests"), _sum(each, "errors")) for each in windows]
    requests, errors = totals[0]
    if requests < plan.min_requests:
        sentence = f"{rule.name}: {requests:.0f} requests in {rule.windows_s[0]:g} s, {plan.min_requests} are needed"
        return Opinion("unknown", sentence)
    before = ratio_before(scene, plan)
    allowed = max(rule.limit, before or 0.0)
    ratios = [errors / requests if requests else 0.0 for requests, errors in totals]
    said = _said(rule, ratios[0], requests, before)
    if min(ratios) <= rule.limit or tail(errors, requests, rule.limit) >= CHANCE:
        return Opinion("well", said)
    if min(ratios) <= allowed or tail(errors, requests, allowed) >= CHANCE:
        return Opinion("unknown", f"{said}; {UNWELL_BEFORE}")
    pairs = zip(rule.windows_s, ratios, totals, strict=True)
    proofs = tuple(Proof(until, rule.name, window, ratio, total[0], rule.limit) for window, ratio, total in pairs)
    return Opinion("bad", said, proofs, _bad_since(windows[0], rule.limit))


def _by_rate(scene: Scene, rule: Rule, plan: Plan) -> Opinion:
    until = scene.traffic.until
    windows = [scene.rates(max(scene.since, until - each), until) for each in rule.windows_s]
    for each, window_s in zip(windows, rule.windows_s, strict=True):
        if len(each) * plan.period_s * 2 < window_s:  # a mean of one minute is none of five
            few = f"{len(each)} points of FoodConnect/ErrorRate within {window_s:g} s, half of them are needed"
            return Opinion("unknown", f"{rule.name}: {few}")
    means = [sum(each) / len(each) for each in windows]
    earlier = scene.rates(scene.since - plan.look_back_s, scene.since)
    before = sum(earlier) / len(earlier) if earlier else None
    counted = scene.counted(max(scene.since, until - rule.windows_s[0]), until)
    requests, weighted = _sum(counted, "requests"), ratio_of(counted)
    said = (
        f"{rule.name}: the mean of FoodConnect/ErrorRate is {means[0]:.2%} over {rule.windows_s[0]:g} s, the limit is "
        f"{rule.limit:.2%}; before the deployment {_percent(before)}; weighted by requests it is {_percent(weighted)}"
    )
    if min(means) <= rule.limit:
        return Opinion("well", said)
    if min(means) <= (before or 0.0) + SEED_MARGIN:
        return Opinion("unknown", f"{said}; {UNWELL_BEFORE}")
    pairs = zip(rule.windows_s, means, strict=True)
    proofs = tuple(Proof(until, rule.name, window, mean, requests, rule.limit, weighted) for window, mean in pairs)
    start = max(scene.since, until - rule.windows_s[0])
    late = [at for at, rate in scene.traffic.error_rate.items() if at >= start and rate / 100 > rule.limit]
    return Opinion("bad", said, proofs, min(late, default=start))


def crash_loop(scene: Scene, plan: Plan) -> Opinion | None:
    """Return a bad opinion when tasks of the release end by themselves over and over, more than did before."""
    now = max(scene.traffic.until, max((each.at for each in scene.crashes), default=0.0))
    mine = [each for each in scene.crashes if each.of_release and each.at > now - plan.crash_window_s]
    mine = [each for each in mine if each.at >= scene.since and not scene.is_excused(each.at)]
    start = scene.since - plan.crash_window_s
    before = [each for each in scene.crashes if start <= each.at < scene.since and not scene.is_excused(each.at)]
    if not plan.crashes or len(mine) < plan.crashes or len(mine) <= len(before):
        return None
    first = min(each.at for each in mine)
    said = (
        f"crash-loop: {len(mine)} tasks of the release ended by themselves within {plan.crash_window_s:g} s, "
        f"the limit is {plan.crashes - 1} ({mine[0].why}); before the deployment {len(before)} did"
    )
    limit = float(plan.crashes - 1)
    return Opinion("bad", said, (Proof(now, "crash-loop", plan.crash_window_s, len(mine), 0.0, limit),), first)


def ratio_before(scene: Scene, plan: Plan) -> float | None:
    """Return the error ratio that users had before the deployment; None: no requests then.

    That of the longest window, unless a shorter one differs from it by more than noise: trouble that has just begun is
    no evidence, and trouble that was over, as of a release before, excuses none. Whole periods only.
    """
    end, known = scene.since - plan.period_s, None
    for window_s in sorted({each for rule in plan.rules for each in rule.windows_s}, reverse=True):
        periods = scene.counted(math.nextafter(end - window_s, math.inf), math.nextafter(end, math.inf))
        requests, errors = _sum(periods, "requests"), _sum(periods, "errors")
        if requests and (known is None or differs(errors, requests, known)):
            known = errors / requests
    return known


def differs(errors: float, requests: float, ratio: float) -> bool:
    """Whether so many errors among *requests* are more, or fewer, than noise would make of *ratio*."""
    usual = min(max(ratio, BUDGET), 1 - BUDGET)  # no finite count proves a ratio of nothing, or of one
    return min(tail(errors, requests, usual), tail(requests - errors, requests, 1 - usual)) < NOISE


def ratio_of(periods: Iterable[Period]) -> float | None:
    """Return the request-weighted error ratio; None without a request."""
    listed = list(periods)
    requests = _sum(listed, "requests")
    return _sum(listed, "errors") / requests if requests else None


def tail(errors: float, requests: float, ratio: float) -> float:
    """Return how likely so many errors, or more, are among *requests* that each fail with *ratio* (binomial)."""
    count, hits = round(requests), round(errors)
    if hits <= count * ratio:
        return 1.0
    if ratio >= 1:
        return 1.0
    log_p, log_q = math.log(ratio), math.log1p(-ratio)
    total = 0.0
    for k in range(hits, count + 1):
        choose = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        term = math.exp(choose + k * log_p + (count - k) * log_q)
        total += term
        if term < total * 1e-12:
            break
    return min(1.0, total)


def _bad_since(periods: Iterable[Period], limit: float) -> float | None:
    over = [each for each in periods if each.requests and each.errors / each.requests > limit]
    return min((each.at for each in over if is_bad(each, limit)), default=min((each.at for each in over), default=None))


def is_bad(period: Period, allowed: float) -> bool:
    """Whether one period has more errors than were allowed, and than noise would explain."""
    return tail(period.errors, period.requests, allowed) < NOISE


def _sum(periods: Iterable[Period], what: str) -> float:
    return float(sum(getattr(each, what) for each in periods))


def _said(rule: Rule, ratio: float, requests: float, before: float | None) -> str:
    return (
        f"{rule.name}: {ratio:.2%} of {requests:.0f} requests failed within {rule.windows_s[0]:g} s, "
        f"the limit is {rule.limit:.2%}; before the deployment {_percent(before)}"
    )


def _percent(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{ratio:.2%}"
