"""The rules as pure functions: what fires, how soon, and what never does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gameday.analysis.stats import Span
from gameday.config import Environment, Sampling, Settings, Watch, WatchRule
from gameday.decode import decode
from gameday.engine.lint.settings import settings_problems
from gameday.errors import InputError, UsageError
from gameday.source import Source
from gameday.watch.readings import Place, horizon, queries, traffic
from gameday.watch.rules import Plan, Scene, judge, plan_of, tail
from gameday.watch.values import Crash, Period, Traffic
from tests.gameday.watch.stage import environment

STAGING = Environment("aws", "eu-west-1", name="staging")  # metrics of one minute


def scene(ratio: Callable[[float], float], minutes: int, requests: float = 1000, since: float = 0.0) -> Scene:
    """Return minutes of traffic since the deployment at 0, and an hour before."""
    periods = [Period(60.0 * n, requests, requests * ratio(60.0 * n)) for n in range(-60, minutes)]
    rates = {each.at: 100 * each.errors / each.requests for each in periods}
    return Scene(Traffic(60.0 * minutes, tuple(periods), rates), (), since)


def detected(ratio: float, preset: str, most: int = 30) -> int | None:
    """Return after how many minutes of such errors the preset fires."""
    plan = plan_of(STAGING, preset)
    for minutes in range(1, most):
        if judge(scene(lambda at: ratio if at >= 0 else 0.0, minutes), plan).state == "bad":
            return minutes
    return None


@pytest.mark.parametrize(
    ("ratio", "burn", "seed"), [(1.0, 1, 5), (0.5, 1, 5), (0.1, 1, 5), (0.06, 1, 5), (0.03, 1, None), (0.01, 5, None)]
)
def test_how_soon_each_preset_notices(ratio: float, burn: int, seed: int | None) -> None:
    """The seed's mean needs five full minutes and never sees what is below 5 %; burn rates see 1 % within five."""
    assert (detected(ratio, "burn"), detected(ratio, "seed")) == (burn, seed)


def test_noise_within_the_budget_never_fires() -> None:
    """Twenty releases that fail 0.3 % of their requests by chance, watched for 15 periods each: no false alarm."""
    chance, plan = Random(1), plan_of(environment())
    for _ in range(20):
        periods: list[Period] = []
        for at in range(-60, 15):
            failed = sum(chance.random() < 0.003 for _ in range(60))
            periods.append(Period(float(at), 60, failed))
            if at >= 0:
                seen = Scene(Traffic(at + 1.0, tuple(periods)), (), 0.0)
                assert judge(seen, plan).state != "bad"


def test_a_short_burst_that_is_over_does_not_fire() -> None:
    """One bad minute seven minutes ago is in the long windows and not in the short ones: it is over."""
    burst = scene(lambda at: 0.3 if at == 60 else 0.0, 9)
    assert judge(burst, plan_of(STAGING)).state == "well"


def test_an_unweighted_mean_is_shown_beside_the_weighted_ratio() -> None:
    """Three tasks, one with few requests and many errors: the seed's rule fires, and the record has the true ratio."""
    calm = scene(lambda at: 0.0, 5)
    periods = tuple(Period(each.at, 2050, 20.0 if each.at >= 0 else 0.0) for each in calm.traffic.periods)
    rates = {each.at: 13.3 if each.at >= 0 else 0.0 for each in periods}
    opinion = judge(replace(calm, traffic=Traffic(300.0, periods, rates)), plan_of(STAGING, "seed"))
    assert opinion.state == "bad"
    assert "weighted by requests it is 0.98%" in opinion.sentence
    assert opinion.proofs[0].as_json()["weighted_ratio"] == 0.009756


def test_what_was_as_bad_before_is_no_evidence_and_what_is_worse_is() -> None:
    """10 % before and after is not the release, nor is it called well; 10 % before and 20 % after is."""
    plan = plan_of(STAGING)
    assert judge(scene(lambda at: 0.1, 5), plan).state == "unknown"
    assert judge(scene(lambda at: 0.2 if at >= 0 else 0.1, 5), plan).state == "bad"
    assert judge(scene(lambda at: 0.1, 5), plan_of(STAGING, "seed")).state == "unknown"
    assert judge(scene(lambda at: 0.0 if at >= 0 else 0.1, 5), plan).state == "well"  # a release that mends


def test_what_was_before_is_what_users_had_just_before() -> None:
    """An outage of two minutes is not the release's; a bad release rolled back ten minutes before excuses none."""
    plan = plan_of(STAGING)
    assert judge(scene(lambda at: 0.5 if at >= -120 else 0.0, 5), plan).state == "unknown"
    assert judge(scene(lambda at: 0.1 if at >= 0 or at < -600 else 0.0, 5), plan).state == "bad"
    steady = Random(2)
    noisy = [Period(at * 60.0, 100, sum(steady.random() < 0.02 for _ in range(100))) for at in range(-60, 15)]
    for until in range(1, 16):
        assert judge(Scene(Traffic(until * 60.0, tuple(noisy[: 60 + until])), (), 0.0), plan).state != "bad"


def test_what_an_experiment_did_is_left_out() -> None:
    """The excused minutes are not counted; with nothing left there is too little to judge, never well."""
    plan = plan_of(STAGING)
    excused = replace(scene(lambda at: 0.5 if 0 <= at < 120 else 0.0, 5), excused=(Span(0, 120),))
    assert judge(excused, plan).state == "well"
    assert judge(replace(excused, excused=(Span(0, 1e9),)), plan).state == "unknown"


@pytest.mark.parametrize(
    ("crashes", "bad"),
    [
        ([(10, True)] * 3, True),
        ([(10, True)] * 2, False),
        ([(10, False)] * 9, False),
        ([(-10, False)] * 3 + [(10, True)] * 3, False),
        ([(-10, False)] * 3 + [(10, True)] * 4, True),
    ],
)
def test_a_crash_loop_is_the_releases_own(crashes: list[tuple[float, bool]], bad: bool) -> None:
    """Three of the release's tasks, and more than died before it; others' do not count."""
    calm = scene(lambda at: 0.0, 1)
    ended = [Crash(f"task/{n}", at, "exit code 137", mine) for n, (at, mine) in enumerate(crashes)]
    assert (judge(replace(calm, crashes=ended), plan_of(STAGING)).state == "bad") is bad


def test_no_data_is_blind_for_each_signal() -> None:
    """Without RequestCount the burn rates are blind, without FoodConnect/ErrorRate the seed's rule is."""
    calm = scene(lambda at: 0.0, 10)
    old = replace(calm, traffic=replace(calm.traffic, until=3600.0))
    dead = replace(calm, traffic=replace(calm.traffic, error_rate={}))
    assert judge(old, plan_of(STAGING)).state == "blind"
    assert judge(dead, plan_of(STAGING)).state == "well"
    assert judge(dead, plan_of(STAGING, "seed")).state == "blind"


def test_a_mean_of_one_point_is_none_of_five_minutes() -> None:
    """The seed's rule: one bad point of five is too few to roll back by, and to call well; three are enough."""
    plan, bad = plan_of(STAGING, "seed"), scene(lambda at: 0.1 if at >= 0 else 0.0, 5)
    rates = bad.traffic.error_rate

    def seen(last: int) -> str:
        kept = {at: rate for at, rate in rates.items() if at >= (5 - last) * 60}
        return judge(replace(bad, traffic=replace(bad.traffic, error_rate=kept)), plan).state

    assert [seen(1), seen(3)] == ["unknown", "bad"]


def test_missing_errors_are_none_only_where_requests_were_counted() -> None:
    """A period with errors and no RequestCount is no data; the load balancer's own errors are requests too."""
    found = {"requests": {60.0: 90.0, 120.0: 50.0}, "target": {60.0: 1.0}, "own": {60.0: 10.0, 180.0: 7.0}}
    read = traffic(found, 240.0)
    assert read.periods == (Period(60.0, 100.0, 11.0), Period(120.0, 50.0, 0.0))


def test_errors_of_a_shared_load_balancer_are_nobodys() -> None:
    """Where other target groups stand behind it, its own 5xx are not asked for."""
    alone = Place("app/x/1", "targetgroup/y/2", "service")
    assert [each["Id"] for each in queries(alone, 60)] == ["requests", "target", "rate", "own"]
    assert [each["Id"] for each in queries(replace(alone, shared=True), 60)] == ["requests", "target", "rate"]


def test_what_may_still_arrive_is_not_judged() -> None:
    """Three minutes late and whole minutes: the newest period ends three to four minutes ago."""
    assert horizon(1000.0, Sampling(period_s=60, late_s=180)) == 780.0


def test_presets_scale_with_the_period_and_own_rules_do_not() -> None:
    """Five minutes are five seconds where metrics come every second."""
    assert [each.windows_s for each in plan_of(environment()).rules] == [(5, 1), (60, 5)]
    own = plan_of(environment(rules=[WatchRule("mine", [2, 8], 0.2)]))
    assert (own.preset, own.rules[0].windows_s) == ("own", (8, 2))


@pytest.mark.parametrize(("windows", "limit"), [([], 0.1), ([0.5], 0.1), ([5], 0.0), ([5], 5.0)])
def test_rules_that_cannot_be_meant_are_refused(windows: list[float], limit: float) -> None:
    """No window, one below a period, and a limit that is no share."""
    with pytest.raises(UsageError, match=r"environments\.lab\.watch\.rules\[0\]"):
        plan_of(environment(rules=[WatchRule("mine", windows, limit)]))


@pytest.mark.parametrize("observe_s", [float("nan"), float("inf"), -1.0])
def test_a_time_that_never_ends_or_is_none_is_refused(observe_s: float) -> None:
    """From the command, the Lambda's variables and gameday.toml alike."""
    with pytest.raises(UsageError, match="write seconds"):
        plan_of(STAGING, observe_s=observe_s)
    with pytest.raises(UsageError, match=r"watch\.observe_s is"):
        plan_of(replace(STAGING, watch=Watch(observe_s=observe_s)))


def test_check_says_where_a_rule_is_wrong(tmp_path: Path) -> None:
    """All of them at once, each with its line."""
    file = tmp_path / "gameday.toml"
    head = '[environments.x]\nkind = "lab"\nregion = "eu-west-1"\n[environments.x.watch]\ncrashes = -1\nrules = [\n'
    file.write_text(head + '{name = "a", windows_s = [300], limit = 5},\n{name = "b", windows_s = [], limit = 0.1}]\n')
    told = [str(each).partition("gameday.toml:")[2] for each in settings_problems(file, tmp_path)]
    assert [each.partition(":")[0] for each in told] == ["5", "7", "8"]
    assert "write a share of requests between 0 and 1" in told[1]


def test_an_unknown_key_of_the_watch_block_is_named(tmp_path: Path) -> None:
    """With its line, and what was probably meant."""
    file = tmp_path / "gameday.toml"
    file.write_text('[environments.x]\nkind = "lab"\nregion = "r"\n[environments.x.watch]\nprset = "burn"\n')
    with pytest.raises(InputError, match=r"gameday\.toml:5:1: unknown key 'prset'; did you mean 'preset'"):
        decode(Settings, Source.toml(file))


def test_the_tail_of_the_binomial_is_right() -> None:
    """Against figures that are known: six heads of ten, no error at all, and certainty."""
    assert tail(6, 10, 0.5) == pytest.approx(0.376953125)
    assert tail(0, 100, 0.01) == 1.0
    assert tail(100, 100, 0.5) == pytest.approx(0.5**100)


def test_a_plan_is_a_value() -> None:
    """Nothing is 0 that must be something."""
    plan: Plan = plan_of(STAGING)
    assert (plan.observe_s, plan.blind_after_s, plan.look_back_s, plan.crash_window_s) == (900, 360, 3600, 300)
