"""Each deployment once, by the worst word of those who saw it; drills and ways back apart from changes."""

from __future__ import annotations

import itertools

import pytest

from gameday.analysis.deliveries import OF_ECS, OF_WATCH, Deployment, Outcome, Place, counted, first_deployed, of_ecs
from gameday.analysis.stats import Span
from gameday.release import Release

PLACE = Place("staging", "c", "s")


def seen(key: str, outcome: Outcome, by: str = "watch", at: float = 1000.0, **more: object) -> Deployment:
    """Return a deployment that began at *at* and took 100 s."""
    return Deployment(key, PLACE, outcome, seen_by=(by,), created_at=at, ended_at=at + 100, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("watch", "ecs", "outcome"),
    [
        ("well", "SUCCESSFUL", Outcome.GOOD),
        ("well", "ROLLBACK_SUCCESSFUL", Outcome.FAILED),
        ("rolled back", "SUCCESSFUL", Outcome.FAILED),
        ("rolled back by ecs", "ROLLBACK_SUCCESSFUL", Outcome.FAILED),
        ("rollback failed", "ROLLBACK_FAILED", Outcome.FAILED),
        ("would roll back", "SUCCESSFUL", Outcome.FAILED),
        ("blind", "SUCCESSFUL", Outcome.GOOD),
        ("superseded", "STOPPED", Outcome.UNKNOWN),
        ("interrupted", "ROLLBACK_SUCCESSFUL", Outcome.FAILED),
        ("going on", "SUCCESSFUL", Outcome.GOOD),
        ("going on", "IN_PROGRESS", Outcome.GOING_ON),
    ],
)
def test_two_who_saw_it_make_one(watch: str, ecs: str, outcome: Outcome) -> None:
    """One deployment, the worse word, and what only one of them knows is kept, whoever comes first."""
    by_watch = seen("a", OF_WATCH[watch], bad_since=1010.0, release=Release(id="x"))
    by_ecs = seen("a", of_ecs(ecs), "ecs", release=Release(digest="sha256:1", pushed_at="2026-12-01T10:00:00Z"))
    for order in itertools.permutations((by_watch, by_ecs)):
        [one] = counted(order)
        assert (one.outcome, one.seen_by, one.bad_since) == (outcome, ("ecs", "watch"), 1010.0)
        assert one.release == Release(id="x", digest="sha256:1", pushed_at="2026-12-01T10:00:00Z")


def test_stopped_one_failed_only_if_ecs_found_it_bad() -> None:
    """A circuit breaker or an alarm without rollback stops a bad deployment; a newer one or a person says nothing."""
    breaker = "ECS deployment circuit breaker: tasks failed to start"
    assert of_ecs("STOPPED", breaker) is Outcome.FAILED
    assert of_ecs("STOPPED", "Service deployment ARN has alarm(s) in ALARM") is Outcome.FAILED
    assert of_ecs("STOPPED", "Superseded by service deployment x.") is Outcome.UNKNOWN
    assert of_ecs("SUCCESSFUL", breaker) is Outcome.GOOD


def test_every_word_of_ecs_is_known() -> None:
    """The states of botocore's model are those that have ended, and those that go on."""
    from botocore.session import Session

    states = set(Session().get_service_model("ecs").shape_for("ServiceDeploymentStatus").enum)  # type: ignore[attr-defined]
    going_on = {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
    assert states == going_on | set(OF_ECS)


def test_way_back_is_no_deployment_of_its_own() -> None:
    """What ECS shows between the begin and the end of a rollback by digest is left out, and nothing else."""
    bad = seen("bad", Outcome.FAILED, taken_back=Span(1200.0, 1300.0))
    back = seen("back", Outcome.GOOD, "ecs", 1210.0)
    fix = seen("fix", Outcome.GOOD, "ecs", 1400.0)
    watched = seen("watched", Outcome.GOOD, "watch", 1250.0)
    assert {each.key for each in counted([bad, back, fix, watched])} == {"bad", "fix", "watched"}
    named = seen("named", Outcome.FAILED, taken_back_by="late")
    assert {each.key for each in counted([named, seen("late", Outcome.GOOD, at=9000.0)])} == {"named"}


def test_deployment_within_a_drill_is_one() -> None:
    """What is deployed while a bad release is drilled there belongs to the drill; elsewhere it is a change."""
    deployments = [seen("a", Outcome.FAILED, "ecs", 1000.0), seen("b", Outcome.GOOD, "ecs", 5000.0)]
    marked = counted(deployments, [("staging", Span(900.0, 1200.0)), ("production", Span(4000.0, 6000.0))])
    assert {each.key: each.drill for each in marked} == {"a": True, "b": False}


def test_times_that_run_backwards_are_unknown() -> None:
    """Users who were well before it was bad give no recovery time, and no time is taken for nought."""
    assert seen("a", Outcome.FAILED, bad_since=1050.0, users_well_at=1040.0).recovery_s is None
    assert seen("a", Outcome.FAILED, bad_since=1050.0).recovery_s is None
    assert seen("a", Outcome.FAILED, deployed_at=1000.0, users_well_at=1040.0).recovery_s == 40.0
    assert seen("a", Outcome.FAILED, bad_since=1010.0, deployed_at=1000.0, detected_at=1030.0).detection_s == 20.0


def test_release_is_its_image_and_its_name() -> None:
    """An image is delivered once, also when only its second deployment tells the commit; another name is another."""
    one, two = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    told = [
        seen("seed", Outcome.GOOD, at=1000.0, release=Release(digest="a")),
        seen("named", Outcome.GOOD, at=2000.0, release=Release("x", "a", committed_at=one)),
        seen("config", Outcome.GOOD, at=3000.0, release=Release("y", "a", committed_at=two)),
        seen("again", Outcome.GOOD, at=4000.0, release=Release(digest="a")),
        seen("bad", Outcome.FAILED, at=5000.0, release=Release("z", "b")),
        seen("alone", Outcome.GOOD, at=6000.0),
    ]
    found = {each.key: each.release.committed_at for each in first_deployed(reversed(told))}
    assert found == {"seed": one, "config": two, "alone": None}
