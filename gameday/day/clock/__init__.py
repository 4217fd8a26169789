"""The people's clock: from the instant of a fault, when somebody was paged, acknowledged, understood, mitigated, told.

A pure function of the plan, the day's events and the findings of its runs. What is not known is never met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gameday.day.clock.hits import Findings, Hit, hits
from gameday.day.clock.hits import going_on as going_on
from gameday.day.clock.order import causal as causal
from gameday.day.clock.steps import (
    EARLY_S,
    Sight,
    acknowledge,
    alarm,
    communicate,
    diagnose,
    mitigate,
    nothing_hit,
    page,
    resolve,
)
from gameday.day.clock.values import Clock as Clock
from gameday.day.clock.values import Step as Step
from gameday.day.clock.values import StepName as StepName
from gameday.day.events import Event
from gameday.day.plan import Plan


def clocks(plan: Plan, events: Sequence[Event], runs: Mapping[str, Findings], now: float | None = None) -> list[Clock]:
    """Return a clock for each item and inject that expects a page, and each inject of an alarm, in order of the hits.

    *runs* are findings by the name of the item or of the inject (`going_on` of one that is not over); *now* (default:
    the last event) is up to when the services were watched. What has not begun has no clock.
    """
    ordered = causal(events)
    until = now if now is not None else max((event.at for event in ordered), default=0.0)
    found = hits(plan, ordered, runs)
    return [_clock(plan, hit, found, ordered, until) for hit in found]


def _clock(plan: Plan, hit: Hit, every: Sequence[Hit], events: Sequence[Event], until: float) -> Clock:
    if hit.at is None:
        return Clock(hit.item, None, nothing_hit(hit, plan.bands), hit.inject, hit.alarm)
    later = [one for one in every if one.at is not None and one.at > hit.at]
    paging = [one.at for one in later if one.at and (not hit.alarm or one.alarm in (hit.alarm, ""))]
    talking = [one.at for one in later if one.at and one.item != hit.item]
    ends = (min(paging, default=float("inf")) - EARLY_S, min(talking, default=float("inf")))
    sight = Sight(hit, hit.at, events, plan.bands, *ends, until)
    paged, mitigated = page(sight), mitigate(sight)
    ended = resolve(sight, paged)
    told, silence = communicate(sight, ended.at if ended.at is not None else mitigated.at)
    steps = (alarm(sight), paged, acknowledge(sight, paged), diagnose(sight), mitigated, told, ended)
    return Clock(hit.item, hit.at, steps, hit.inject, hit.alarm, silence)
