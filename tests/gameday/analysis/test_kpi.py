"""The four key figures: recounted from what was generated, and honest about how little they stand on."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from statistics import median

import pytest

from gameday.analysis.board import Board, as_json, board
from gameday.analysis.deliveries import Deployment, Outcome, Place
from gameday.analysis.history import read
from gameday.analysis.kpi import CONTAINS, FEW, MISSING, NOTHING, Kpi, kpis
from gameday.analysis.stats import Span
from gameday.config import Targets
from gameday.model import Answer, iso
from gameday.release import Release
from tests.gameday.analysis.releases import (
    DAY_S,
    FAILED,
    NOW,
    UNKNOWN,
    Watched,
    arn,
    findings,
    gate,
    some_watches,
    write,
)

WINDOW = Span(NOW - 28 * DAY_S, NOW)
PLACE = Place("staging", "c", "s")


def figures(*deployments: Deployment, window: Span = WINDOW) -> dict[str, Kpi]:
    """Return the figures by name."""
    return {kpi.name: kpi for kpi in kpis(deployments, window, Targets())}


def deployed(
    number: int, outcome: Outcome = Outcome.GOOD, lead_s: float | None = None, recovery_s: float | None = None
) -> Deployment:
    """Return a deployment of a release of its own, *number* hours before now."""
    ended = NOW - number * 3600.0 - 60
    return Deployment(
        key=str(number),
        place=PLACE,
        outcome=outcome,
        release=Release(committed_at=None if lead_s is None else iso(ended - lead_s)),
        ended_at=ended,
        bad_since=ended - 100,
        users_well_at=None if recovery_s is None else ended - 100 + recovery_s,
    )


def played(runs: Path, *watches: Watched) -> Board:
    """Write watches, read them back, and return the board of four weeks."""
    for each in watches:
        write(runs, each.ended - 200, "watch.json", f"watch-{each.number}", each.document)
    return board(read(runs), WINDOW, Targets())


@pytest.mark.parametrize("seed", range(12))
def test_figures_are_those_of_a_recount(seed: int, tmp_path: Path) -> None:
    """Counts, medians and shares of generated files agree with a count that knows only what was generated."""
    watches = some_watches(random.Random(seed))
    found = played(tmp_path, *watches)
    mine = [each for each in watches if WINDOW.start <= each.ended < WINDOW.end and not each.drill]
    if not any(not each.drill for each in watches):
        assert not any(each.services for each in found.environments)
        return
    [service] = found.environments[0].services
    by_name = {kpi.name: kpi for kpi in service.kpis}
    good = [each for each in mine if each.outcome == "well"]
    failed = [each for each in mine if each.outcome in FAILED]
    assert sum(service.outcomes.values()) == by_name["deployment_frequency"].n == len(mine)
    assert service.outcomes["unknown"] == sum(each.outcome in UNKNOWN for each in mine)
    rate = by_name["change_fail_rate"]
    assert (rate.n, rate.missing) == (len(good) + len(failed), service.outcomes["unknown"])
    if rate.n:
        assert rate.value == pytest.approx(len(failed) / rate.n)
        assert rate.interval is not None
        assert rate.interval[0] <= len(failed) / len(mine) <= rate.interval[1]
    leads = [each.ended - each.committed for each in good if each.committed]
    assert (by_name["lead_time"].n, by_name["lead_time"].missing) == (len(leads), len(good) - len(leads))
    assert by_name["lead_time"].value == (pytest.approx(median(leads), abs=1e-3) if leads else None)
    pushes = [each.ended - each.pushed for each in good if each.pushed and not each.committed]
    if pushes:
        assert by_name["lead_time_from_push"].value == pytest.approx(median(pushes), abs=1e-3)
    else:
        assert "lead_time_from_push" not in by_name
    recoveries = [each.well_at - (each.bad_since or each.ended - 180) for each in failed if each.well_at]
    assert by_name["recovery_time"].value == (pytest.approx(median(recoveries), abs=1e-3) if recoveries else None)


@pytest.mark.parametrize("seed", range(30))
def test_an_answer_stands_whatever_is_missing(seed: int) -> None:
    """A target that counts as met or missed stays so, whatever the cases that were not measured turn out to be."""
    dice = random.Random(seed)
    share, gap, pace = dice.choice((0.01, 0.2, 0.9)), dice.choice((0.02, 0.3)), dice.choice((500.0, 1500.0, 9000.0))
    told = [
        (
            dice.choices((Outcome.GOOD, Outcome.FAILED, Outcome.UNKNOWN), (1 - share, share, gap))[0],
            None if dice.random() < gap else pace * dice.uniform(0.5, 3),
            None if dice.random() < gap else pace * dice.uniform(0.5, 3),
        )
        for _ in range(dice.randrange(0, 60))
    ]
    before = figures(*(deployed(number, *each) for number, each in enumerate(told)))
    for word, value in ((Outcome.GOOD, 0.0), (Outcome.FAILED, 1e6)):
        outcomes = [(word if outcome is Outcome.UNKNOWN else outcome, lead, well) for outcome, lead, well in told]
        times = [(outcome, value if lead is None else lead, value if well is None else well)
                 for outcome, lead, well in told]  # fmt: skip
        for name, filled in (("change_fail_rate", outcomes), ("lead_time", times), ("recovery_time", times)):
            after = figures(*(deployed(number, *each) for number, each in enumerate(filled)))[name]
            assert before[name].met in (after.met, Answer.UNKNOWN), (before[name], after)


def test_nothing_measured_is_never_met() -> None:
    """Without a deployment no figure is met, and each says why."""
    found = figures()
    assert all(kpi.met is not Answer.YES for kpi in found.values())
    assert {name: found[name].why for name in ("lead_time", "change_fail_rate", "recovery_time")} == {
        "lead_time": NOTHING, "change_fail_rate": NOTHING, "recovery_time": NOTHING,
    }  # fmt: skip
    short = figures(deployed(1), window=Span(NOW - DAY_S, NOW))["deployment_frequency"]
    assert (short.met, short.why) == (Answer.UNKNOWN, "less than a week is known")
    assert (short.n, short.value, short.interval) == (1, None, None)


def test_few_cases_are_too_few() -> None:
    """Five quick deployments without a failure prove nothing yet; six prove the lead time, eighty the fail rate."""
    five, six, eighty = ([deployed(number, lead_s=600.0) for number in range(size)] for size in (5, 6, 80))
    assert (figures(*five)["lead_time"].met, figures(*five)["lead_time"].why) == (Answer.UNKNOWN, FEW)
    assert figures(*six)["lead_time"].met is Answer.YES
    assert (figures(*six)["change_fail_rate"].met, figures(*six)["change_fail_rate"].why) == (Answer.UNKNOWN, CONTAINS)
    assert figures(*eighty)["change_fail_rate"].met is Answer.YES
    assert figures(*eighty)["deployment_frequency"].met is Answer.YES


def test_one_failure_of_few_misses_nothing() -> None:
    """One failed deployment of one or two is no proof that more than 5 % fail; two of two are."""
    for good in (0, 1):
        told = [deployed(1, Outcome.FAILED), *(deployed(2 + number) for number in range(good))]
        assert figures(*told)["change_fail_rate"].met is Answer.UNKNOWN
    assert figures(deployed(1, Outcome.FAILED), deployed(2, Outcome.FAILED))["change_fail_rate"].met is Answer.NO


def test_missed_targets_are_missed() -> None:
    """Slow, rare and failing is said plainly."""
    slow = [deployed(number, lead_s=9000.0) for number in range(8)]
    failing = [deployed(100 + number, Outcome.FAILED, recovery_s=4000.0) for number in range(8)]
    assert {name: kpi.met for name, kpi in figures(*slow, *failing).items()} == {
        "deployment_frequency": Answer.NO,
        "lead_time": Answer.NO,
        "change_fail_rate": Answer.NO,
        "recovery_time": Answer.NO,
    }


def test_failure_that_nobody_saw_end_is_not_forgotten() -> None:
    """Six quick recoveries meet the target; with six failed deployments that never got well it is unknown."""
    quick = [deployed(number, Outcome.FAILED, recovery_s=60.0) for number in range(6)]
    lost = [deployed(10 + number, Outcome.FAILED) for number in range(6)]
    assert figures(*quick)["recovery_time"].met is Answer.YES
    found = figures(*quick, *lost)["recovery_time"]
    assert (found.met, found.why, found.missing) == (Answer.UNKNOWN, MISSING, 6)
    assert found.interval == (0.0, math.inf)


def test_deployment_of_which_nobody_knows_may_have_failed() -> None:
    """Eighty good deployments meet the fail rate; ten more of unknown outcome could all have failed."""
    good = [deployed(number) for number in range(80)]
    unknown = [deployed(100 + number, Outcome.UNKNOWN) for number in range(10)]
    found = figures(*good, *unknown)["change_fail_rate"]
    assert (found.met, found.why, found.n, found.missing, found.value) == (Answer.UNKNOWN, MISSING, 80, 10, 0.0)


def test_push_never_passes_for_a_commit(tmp_path: Path) -> None:
    """Deployments with the push's time alone have a row of their own, which cannot meet the target."""
    watches = [Watched(number, NOW - number * DAY_S - 1, pushed=NOW - number * DAY_S - 300) for number in range(10)]
    [service] = played(tmp_path, *watches).environments[0].services
    found = {kpi.name: kpi for kpi in service.kpis}
    assert (found["lead_time"].n, found["lead_time"].missing, found["lead_time"].met) == (0, 10, Answer.UNKNOWN)
    assert found["lead_time_from_push"].n == 10
    assert found["lead_time_from_push"].met is Answer.UNKNOWN


def test_release_that_is_deployed_again_is_delivered_once(tmp_path: Path) -> None:
    """The lead time is that of the first time, also when that lies before the window."""
    watches = [
        Watched(1, NOW - 40 * DAY_S, committed=NOW - 40 * DAY_S - 600, name="v1", digest="sha256:a"),
        Watched(2, NOW - 2 * DAY_S, committed=NOW - 40 * DAY_S - 600, name="v1", digest="sha256:a"),
        Watched(3, NOW - DAY_S, committed=NOW - DAY_S - 900, digest="sha256:b"),
    ]
    [service] = played(tmp_path, *watches).environments[0].services
    found = {kpi.name: kpi for kpi in service.kpis}
    assert (found["deployment_frequency"].n, found["lead_time"].n) == (2, 1)
    assert found["lead_time"].value == pytest.approx(900)


def test_drills_stay_apart(tmp_path: Path) -> None:
    """A drill's recovery, seen by a watcher or by an experiment, is in no key figure, and is shown with its n."""
    for number in range(3):
        at = NOW - number * DAY_S - 3600
        drill = Watched(number, at, "rolled back", bad_since=at - 50, well_at=at + 30, drill=True)
        write(tmp_path, at - 300, "watch.json", f"watch-{number}", drill.document)
    plan = {"block": {"fault": {"proof": ["release.deployed"]}}}
    at = NOW - 9 * DAY_S
    bad = findings("held", 42.0, "a bad release", phases={"recovery": {"to": iso(at + 900)}})
    write(tmp_path, at, "findings.json", "bad-deployment", bad, plan=plan)
    unmarked = Watched(9, at + 400, "rolled back")  # its watcher was not told that it is a drill
    write(tmp_path, at + 200, "watch.json", "watch-9", unmarked.document)
    write(tmp_path, NOW - 5 * DAY_S, "findings.json", "ecs", findings("broke", 7.0), plan={"block": None})
    [environment] = board(read(tmp_path), WINDOW, Targets()).environments
    assert environment.services == ()
    watched, drilled = environment.drills
    assert (watched.outcomes, watched.recovery.n, watched.recovery.median) == ({"rolled back": 4}, 3, 80.0)
    assert watched.detection is not None
    assert watched.detection.median == 20.0
    assert (drilled.what, drilled.recovery.n, drilled.recovery.median) == ("a bad release", 1, 42.0)
    assert [(each.what, each.recovery.median) for each in environment.trials] == [("stop one task", 7.0)]


def test_gates_that_failed_stopped_a_release(tmp_path: Path) -> None:
    """A failed gate stops its release once, however often it is asked; one that was inconclusive caught nothing."""
    words = [(1, "passed"), (2, "failed"), (2, "failed"), (3, "failed"), (3, "passed"), (4, "inconclusive")]
    for index, (number, outcome) in enumerate(words):
        ended = NOW - DAY_S + index * 3600
        more = {"release": {"id": f"{number}", "committed_at": iso(ended - 1800)}} if number < 3 else {}
        write(tmp_path, ended, "gate.json", f"gate-{index}", gate(number, ended, outcome, **more))
    going_on = {**gate(5, NOW - DAY_S, "interrupted"), "ended": None}
    write(tmp_path, NOW, "gate.json", "gate-going-on", going_on)
    found = board(read(tmp_path), WINDOW, Targets())
    assert found.skipped == ()
    [environment] = found.environments
    gates = environment.gates
    assert gates is not None
    assert (gates.outcomes, gates.stopped, gates.passed_later) == ({"failed": 3, "passed": 2, "inconclusive": 1}, 2, 1)
    assert (gates.took.median, gates.from_commit.n, gates.from_commit.median) == (600.0, 3, 1800.0)
    assert gates.from_push.missing == 6


def test_watcher_s_way_back_is_read_from_its_file(tmp_path: Path) -> None:
    """The deployment that a rollback names, and what was begun while it went on, are not deployments of their own."""
    bad = NOW - DAY_S
    rollback = {"how": "by digest", "deployment": arn(2), "verified": True}
    times = {"rollback_started_at": iso(bad + 10), "rolled_back_at": iso(bad + 90), "deployed_at": iso(bad - 100)}
    found = played(
        tmp_path,
        Watched(1, bad, "rolled back", more={"rollback": rollback, "times": times}),
        Watched(2, bad + 80),
        Watched(3, bad + 4000),
    )
    [service] = found.environments[0].services
    assert (service.outcomes["failed"], service.outcomes["good"]) == (1, 1)


def test_environments_are_never_added_up(tmp_path: Path) -> None:
    """The lab's deployments and those of staging are shown one beside the other, or one alone."""
    here, there = Watched(1, NOW - 10), Watched(2, NOW - 20, environment="production")
    both = played(tmp_path, here, there)
    assert [each.name for each in both.environments] == ["production", "staging"]
    assert [each.services[0].outcomes["good"] for each in both.environments] == [1, 1]
    assert [each.name for each in board(read(tmp_path), WINDOW, Targets(), "staging").environments] == ["staging"]


def test_bad_files_are_named_and_hide_nothing(tmp_path: Path) -> None:
    """A torn, a foreign and a newer file are left out by name; the good one beside them is counted."""
    good = Watched(1, NOW - 100)
    bad: dict[str, object] = {
        "newer": {**good.document, "schema": 2},
        "none": {**good.document, "schema": None},
        "list": [1],
        "word": {**good.document, "outcome": "fine"},
        "time": {**good.document, "times": {"bad_since": "yesterday"}},
        "zone": {**good.document, "deployment": {"arn": "x", "finished_at": "2026-12-01T10:00:00"}},
        "release": {**good.document, "release": {"committed_at": "soon"}},
        "nowhere": {**good.document, "environment": None},
        "shape": {**good.document, "times": "x"},
    }
    for name, document in bad.items():
        write(tmp_path, NOW - 300, "watch.json", name, document)
    (write(tmp_path, NOW, "watch.json", "torn", {}) / "watch.json").write_text('{"schema": 1, "wat')
    (write(tmp_path, NOW, "gate.json", "binary", {}) / "gate.json").write_bytes(b"\xff\x00")
    write(tmp_path, NOW, "findings.json", "nan", findings("held", math.nan))
    found = played(tmp_path, good)
    assert len(found.skipped) == len(bad) + 3
    assert any("has schema 2, this version reads 1; update gameday" in line for line in found.skipped)
    assert any("outcome is 'fine', which is none of: well" in line for line in found.skipped)
    assert sum(found.environments[0].services[0].outcomes.values()) == 1


def test_json_is_strict_and_whole(tmp_path: Path) -> None:
    """What `--json` prints has no NaN or infinity, and `met` as true, false or null."""
    watches = some_watches(random.Random(4))
    found = as_json(played(tmp_path, *watches))
    again = json.loads(json.dumps(found, allow_nan=False))
    [environment] = again["environments"]
    assert environment["name"] == "staging"
    assert {kpi["met"] for kpi in environment["services"][0]["kpis"]} <= {True, False, None}
    assert set(environment) == {"name", "kind", "services", "gates", "drills", "experiments"}
