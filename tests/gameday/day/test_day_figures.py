"""The key figures of a day: nothing measured is never met, and what was missed is never hidden in a median."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gameday.day.clock import Step
from gameday.day.plan import Budget
from gameday.day.report.clocks import Hit
from gameday.day.report.kpis import Figure, figures
from gameday.day.report.told import Told, read
from gameday.model import Json
from tests.gameday.day.recorded import DAY, PLAN, RUNS, hit, told_of

PAGED = Step("page", 1.0, 40.0, 120.0, True)
LATE = Step("page", 1.0, 200.0, 120.0, False, "paged late")
NEVER = Step("page", None, None, 120.0, False, "the page never came: the alarm did not fire")
UNKNOWN = Step("page", None, None, 120.0, None, "PagerDuty could not be read")


def by_name(told: Told, *hits: Hit) -> dict[str, Figure]:
    """Return a day's figures by name."""
    return {figure.name: figure for figure in figures(told, hits)}


def test_nothing_measured_is_never_met(tmp_path: Path) -> None:
    """A day without experiments and clocks has no figure that is met, and each says why."""
    found = by_name(told_of(tmp_path))
    assert {figure.met for figure in found.values()} == {None}
    assert all(figure.value is None and figure.why for figure in found.values())


@pytest.mark.parametrize(
    ("steps", "met", "n", "value"),
    [
        ((PAGED,), True, 1, 40.0),
        ((PAGED, LATE), False, 2, 120.0),
        ((PAGED, NEVER), False, 1, 40.0),
        ((PAGED, UNKNOWN), None, 1, 40.0),
        ((UNKNOWN,), None, 0, None),
    ],
)
def test_people_are_in_time_only_when_each_is(
    tmp_path: Path, steps: tuple[Step, ...], met: bool | None, n: int, value: float | None
) -> None:
    """One page that was late or never came misses the figure; one that is not known leaves it unknown."""
    found = by_name(told_of(tmp_path), *(hit(step) for step in steps))["time_to_page"]
    assert (found.met, found.n, found.missing, found.value) == (met, n, len(steps) - n, value)


def test_a_figure_says_why_it_is_missing(tmp_path: Path) -> None:
    """The reason of the clock stands with the figure."""
    told = told_of(tmp_path)
    assert "the alarm did not fire" in by_name(told, hit(NEVER))["time_to_page"].why
    assert "could not be read" in by_name(told, hit(UNKNOWN))["time_to_page"].why


def test_users_figures_are_of_the_whole_day() -> None:
    """Requests and failures are those of all experiments; availability misses 99.9 % as soon as more failed."""
    told = read(RUNS / DAY)
    requests, errors = sum(each.requests for each in told.played), sum(each.errors for each in told.played)
    found = by_name(told)
    assert (found["failed_requests"].value, found["failed_requests"].n) == (errors, requests)
    assert found["availability"].value == pytest.approx(1 - errors / requests)
    assert found["availability"].met is (errors / requests <= 0.001)


def test_a_budget_is_kept_or_missed_or_there_is_none() -> None:
    """The limit itself is still within the budget."""
    told = read(RUNS / DAY)
    errors = sum(each.errors for each in told.played)

    def met(budget: Budget) -> bool | None:
        plan = replace(told.plan, budget=budget)
        return by_name(replace(told, plan=plan))["failed_requests"].met

    assert met(Budget(failed_requests=errors)) is True
    assert met(Budget(failed_requests=errors - 1)) is False
    assert met(Budget()) is None


def test_recovery_is_a_mean_beside_each_ones_limit() -> None:
    """Every experiment whose fault is proven counts, with its own limit; the target is half an hour."""
    found = by_name(read(RUNS / DAY))["time_to_recover"]
    known = [part.value for part in found.parts if part.value is not None]
    assert found.value == pytest.approx(sum(known) / len(known))
    assert (found.n, found.met, found.target) == (3, True, 1800.0)
    assert all(part.target for part in found.parts)


def test_users_who_were_never_well_miss_the_recovery() -> None:
    """A run whose users were not well at its end is no unknown, it is a miss."""
    told = read(RUNS / DAY)
    ill: dict[str, Json] = {**told.played[0].findings, "recovery": {"recovered": False, "recovery_s": None}}
    never = replace(told.played[0], findings=ill)
    found = by_name(replace(told, played=(never, *told.played[1:])))["time_to_recover"]
    assert (found.met, found.value, found.n, found.missing) == (False, None, 2, 1)


def test_a_failover_has_its_recovery_point(tmp_path: Path) -> None:
    """RTO and RPO are there on a day that played a failover, and only then."""
    found = by_name(read(RUNS / DAY))
    assert found["rto"].n == 1
    assert found["rpo"].value == 0
    assert found["rpo"].met is True
    assert not {"rto", "rpo"} & set(by_name(told_of(tmp_path, plan=PLAN)))
