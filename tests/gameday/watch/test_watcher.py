"""The watcher's loop over recorded readings: when it goes back, when it must not, and when it must be heard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import ClientError

from gameday.notify import Channels, Delivery, Message, Notifier
from gameday.watch.rollback import By
from gameday.watch.story import FILE, Story, unfinished
from gameday.watch.values import Crash, Deployment, Traffic
from gameday.watch.voice import voice
from gameday.watch.watcher import Manner
from tests.gameday.watch.stage import BAD, GOOD, NEW, NOW, OLD, Stage, environment, watched, watcher


def kinds(stage: Stage) -> list[str]:
    """Return what people were told, in one word each."""
    return [kind for kind, _, _ in stage.messages]


def test_a_good_release_is_watched_quietly(tmp_path: Path) -> None:
    """Nothing is called, nobody is told, and the end comes after the deployment and the time of observation."""
    stage = Stage()
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls, stage.messages) == ("well", [], [])
    assert stage.time >= NOW + stage.deployed_after_s + 10


@pytest.mark.parametrize(
    ("by", "ended", "call"), [("auto", 60, "stop"), ("auto", 1, "update"), ("digest", 60, "update")]
)
def test_a_bad_release_is_rolled_back_and_verified(tmp_path: Path, by: By, ended: float, call: str) -> None:
    """A deployment under way is stopped, one that has ended is followed by the good digest; once, and verified."""
    stage = Stage(errors=lambda at: 0.1 if at >= NOW + 2 else 0.0, deployed_after_s=ended)
    story = watched(stage, tmp_path, Manner(by))
    assert (story.outcome, stage.calls) == ("rolled back", [call])
    assert story.rollback
    assert story.rollback.verified
    assert story.rollback.to["digest"] == GOOD["app"]
    times = [story.times[name] for name in ("deployed_at", "bad_since", "detected_at", "rollback_started_at")]
    assert times == sorted(times)  # type: ignore[type-var]
    assert stage.back_at is not None
    assert story.times["users_well_at"] == int(stage.back_at + stage.takes_s) + 1
    assert kinds(stage) == ["release bad", "rolled back"]
    assert json.loads((tmp_path / FILE).read_text())["exit"] == 1


def test_errors_that_were_there_before_are_no_evidence(tmp_path: Path) -> None:
    """The same 10 % before and after the deployment: nothing is rolled back, nothing called well, people are told."""
    stage = Stage(errors=lambda at: 0.1)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls, kinds(stage)) == ("blind", [], ["blind"])
    assert "before the deployment 10.00%; users were as unwell before" in story.why[0]


@pytest.mark.parametrize(("began_s", "outcome", "calls"), [(2, "rolled back", ["update"]), (900, "blind", [])])
def test_a_watch_that_comes_late_tells_a_bad_release_from_later_trouble(
    tmp_path: Path, began_s: float, outcome: str, calls: list[str]
) -> None:
    """A quarter of an hour after the deployment: errors since then are evidence, errors since a minute ago are none."""
    old = replace(NEW, status="SUCCESSFUL", finished_at=NOW + 5)
    stage = Stage(errors=lambda at: 0.1 if at >= NOW + began_s else 0.0, time=NOW + 960.5, watched=old)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == (outcome, calls), story.why
    assert kinds(stage)[-1] == outcome
    assert calls or "nothing shows that it began with the release" in story.why[0]


@pytest.mark.parametrize(("silent_s", "outcome"), [(3, "well"), (1e9, "blind")])
def test_an_api_that_is_silent_from_the_beginning_is_waited_for_and_told(
    tmp_path: Path, silent_s: float, outcome: str
) -> None:
    """It answers after a while: watched as ever. It never does: blind, told, with a record, and nothing is called."""
    stage = Stage(broken=lambda what, at: at < NOW + silent_s)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == (outcome, [])
    assert kinds(stage) == ([] if outcome == "well" else ["blind"])
    assert json.loads((tmp_path / FILE).read_text())["outcome"] == outcome


def test_no_data_is_blind_and_told_and_never_rolled_back(tmp_path: Path) -> None:
    """Metrics that stop with the deployment: exit 4, one loud message, no call."""
    stage = Stage(errors=lambda at: 1.0, rate=lambda at: 100.0 if at < NOW else None)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls, kinds(stage)[0]) == ("blind", [], "blind")
    assert json.loads((tmp_path / FILE).read_text())["exit"] == 4


def test_data_that_came_back_do_not_make_a_blind_watch_well(tmp_path: Path) -> None:
    """A gap longer than stated: what happened in it is unknown, and unknown dominates."""
    stage = Stage(rate=lambda at: None if NOW <= at < NOW + 8 else 100.0)
    assert watched(stage, tmp_path).outcome == "blind"


def test_too_few_requests_are_never_called_well(tmp_path: Path) -> None:
    """Two requests a second of which all fail are too few to judge, and that is said."""
    stage = Stage(errors=lambda at: 1.0, rate=lambda at: 0.2)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == ("blind", [])
    assert "are needed" in story.why[0]
    assert kinds(stage) == ["blind"]


def test_an_api_that_fails_now_and_then_changes_nothing(tmp_path: Path) -> None:
    """Of three calls one is throttled: a good release is still well, a bad one still rolled back once."""
    chance = Random(7)
    good = Stage(broken=lambda what, at: chance.random() < 0.33)
    story = watched(good, tmp_path / "good")
    assert (story.outcome, good.calls) == ("well", [])
    assert story.failed_reads > 10
    bad = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0, broken=lambda what, at: chance.random() < 0.33)
    assert watched(bad, tmp_path / "bad").outcome == "rolled back"
    assert bad.calls == ["stop"]


def test_a_slow_answer_does_not_end_a_watch_before_its_time(tmp_path: Path) -> None:
    """CloudWatch takes eight seconds: what it then says is eight seconds old, and the end waits for newer figures."""
    stage = Stage()
    real = stage.traffic

    def slow(start: float, until: float) -> Traffic:
        stage.time += 4
        return real(start, until)

    stage.traffic = slow  # type: ignore[method-assign]
    story = watched(stage, tmp_path, observe_s=1)
    assert story.outcome == "well"
    assert stage.time > NOW + stage.deployed_after_s + 8


def test_an_api_that_is_silent_is_blind(tmp_path: Path) -> None:
    """CloudWatch refuses every call: nothing is rolled back, people are told, and the end is exit 4."""
    stage = Stage(errors=lambda at: 1.0, broken=lambda what, at: what == "traffic")
    story = watched(stage, tmp_path, deploy_within_s=30)
    assert (story.outcome, stage.calls) == ("blind", [])
    assert "AWS has not answered" in stage.messages[0][2][0]
    assert story.blind_s > 4  # since AWS last answered, not only since that was told


def test_a_call_whose_answer_was_lost_is_not_made_twice(tmp_path: Path) -> None:
    """ECS heard StopServiceDeployment, or UpdateService, and nobody heard ECS: it is read back first."""
    for ended in (60.0, 1.0):
        stage = Stage(errors=lambda at: 0.2 if at >= NOW + 2 else 0.0, lost=True, deployed_after_s=ended)
        assert watched(stage, tmp_path / str(ended)).outcome == "rolled back"
        assert len(stage.calls) == 1


def test_errors_of_an_experiment_are_not_evidence_unless_it_is_a_drill(tmp_path: Path) -> None:
    """While a run holds the environment nothing is judged; a drill's watcher judges."""
    stage = Stage(errors=lambda at: 0.5 if at >= NOW else 0.0, playing=("run-1", NOW - 1))
    story = watched(stage, tmp_path / "a")
    assert (story.outcome, stage.calls) == ("blind", [])
    assert "an experiment run-1 is going on, not judged" in story.why[0]
    drill = Stage(errors=lambda at: 0.5 if at >= NOW else 0.0, playing=("run-1", NOW - 1))
    assert watched(drill, tmp_path / "b", Manner(drill=True)).outcome == "rolled back"


def test_a_newer_deployment_supersedes_the_watched_one(tmp_path: Path) -> None:
    """It is named, and nothing is touched."""
    stage = Stage(newer=None)
    one = watcher(stage, tmp_path)
    one.begin()
    stage.newer = Deployment("deployment/9", "IN_PROGRESS", NOW + 3, "revision/9", "family:9", {"app": "sha256:9"})
    assert one.look()
    assert (one.story.outcome, stage.calls) == ("superseded", [])


def test_a_rollback_of_ecs_itself_is_followed_and_verified(tmp_path: Path) -> None:
    """The circuit breaker was faster: exit 1, with its reason, and no call of the watcher's own."""
    stage = Stage(errors=lambda at: 0.0, back_at=NOW + 1)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == ("rolled back by ecs", [])
    assert story.rollback
    assert story.rollback.verified


def test_a_deployment_that_ecs_gave_up_is_evidence_and_one_that_somebody_stopped_is_not(tmp_path: Path) -> None:
    """STOPPED for want of healthy tasks: back by digest. STOPPED by a person: theirs to decide."""
    failed = Stage(watched=replace(NEW, status="STOPPED", reason="ECS deployment circuit breaker: tasks failed"))
    assert (watched(failed, tmp_path / "a").outcome, failed.calls) == ("rolled back", ["update"])
    stopped = Stage(watched=replace(NEW, status="STOPPED", reason="Service deployment stopped by user."))
    assert (watched(stopped, tmp_path / "b").outcome, stopped.calls) == ("superseded", [])


def test_tasks_that_die_over_and_over_are_evidence_without_traffic(tmp_path: Path) -> None:
    """Three tasks of the release that were killed for want of memory; nobody need ask for a page."""
    crashed = [Crash(f"task/{n}", NOW + 2 + n, "exit code 137", True) for n in range(3)]
    stage = Stage(rate=lambda at: 0.0 if at < NOW + 8 else 100.0, crashed=crashed)
    story = watched(stage, tmp_path)
    assert story.outcome == "rolled back"
    assert story.evidence[0]["rule"] == "crash-loop"
    assert story.times["bad_since"] == NOW + 2


def test_a_rollback_that_nobody_can_verify_is_said_to_be_none(tmp_path: Path) -> None:
    """The tasks stay on the bad image: exit 6, with the command by hand."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0, takes_s=10_000)
    story = watched(stage, tmp_path, verify_within_s=20)
    assert story.outcome == "rollback failed"
    assert "by hand: aws ecs" in story.why[1]
    assert kinds(stage)[-1] == "rollback failed"


@pytest.mark.parametrize(("digests", "why"), [(BAD, "to the bad release itself"), ({}, "names no image digest")])
def test_a_way_back_to_the_same_image_or_to_an_unknown_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: dict[str, str], why: str
) -> None:
    """ECS goes back to whatever was completed last: where that is the bad release again, nobody calls it a rollback."""
    stage = Stage(errors=lambda at: 0.1 if at >= NOW + 2 else 0.0, deployed_after_s=60)
    monkeypatch.setattr(stage, "revision", lambda arn: replace(OLD, digests=digests, task_definition="family:2"))
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == ("rollback failed", ["stop"])
    assert why in story.why[0]
    assert story.rollback
    assert not story.rollback.verified


@pytest.mark.parametrize(("by", "outcome"), [("stop", "rollback failed"), ("auto", "rolled back")])
def test_a_rollback_that_is_not_allowed_is_told_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: By, outcome: str
) -> None:
    """AccessDenied for the stop: three tries, then the other way; without one, the reason and the command by hand."""
    stage = Stage(errors=lambda at: 0.1 if at >= NOW + 2 else 0.0, deployed_after_s=60)
    tries: list[str] = []

    def denied(arn: str) -> str:
        tries.append(arn)
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StopServiceDeployment")

    monkeypatch.setattr(stage, "stop", denied)
    story = watched(stage, tmp_path, Manner(by))
    assert (story.outcome, len(tries)) == (outcome, 3)
    assert kinds(stage) == ["release bad", outcome]
    if by == "stop":
        assert "AccessDeniedException" in story.why[0]
        assert "by hand: aws ecs stop-service-deployment" in story.why[1]


def test_users_who_cannot_be_seen_are_not_well(tmp_path: Path) -> None:
    """The good image runs again and no request is counted: not verified, exit 6."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0)
    stage.rate = lambda at: 100.0 if stage.back_at is None or at < stage.back_at else None
    story = watched(stage, tmp_path, verify_within_s=20)
    assert story.outcome == "rollback failed"
    assert "users are not seen to be well" in story.why[0]


def test_noise_after_a_rollback_does_not_hide_that_users_are_well(tmp_path: Path) -> None:
    """One request in a hundred fails every other second, as before the release: that is noise, and users are well."""
    stage = Stage(deployed_after_s=60)
    stage.errors = lambda at: 0.2 if at >= NOW else 0.01 * (at % 2)
    real = stage.traffic

    def noisy(start: float, until: float) -> Traffic:
        found = real(start, until)
        hurt = [replace(each, errors=max(each.errors, each.at % 2)) for each in found.periods]
        return replace(found, periods=tuple(hurt))

    stage.traffic = noisy  # type: ignore[method-assign]
    story = watched(stage, tmp_path, verify_within_s=30)
    assert story.outcome == "rolled back"
    assert stage.back_at is not None
    assert story.times["users_well_at"] == int(stage.back_at + stage.takes_s) + 1


def test_without_a_release_before_there_is_no_way_back(tmp_path: Path) -> None:
    """The first release that ends bad: nothing is deployed by guess."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0, deployed_after_s=0, good=None)
    story = watched(stage, tmp_path)
    assert (story.outcome, stage.calls) == ("rollback failed", [])


def test_a_watcher_that_crashes_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the middle of a rollback: people are told, the bug is raised, and the watch can be gone on with."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0, deployed_after_s=60)
    monkeypatch.setattr(stage, "running_digests", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        watched(stage, tmp_path)
    assert kinds(stage) == ["release bad", "blind"]
    assert "crashed in the middle of a rollback" in stage.messages[-1][2][0]
    assert json.loads((tmp_path / FILE).read_text())["outcome"] == "going on"


def test_a_dry_run_that_gets_no_answer_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would go back to is not known; that there is evidence is."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0)

    def silent(bad: Deployment) -> None:
        raise ConnectionError("Rate exceeded")

    monkeypatch.setattr(stage, "last_good", silent)
    story = watched(stage, tmp_path, Manner(dry_run=True))
    assert (story.outcome, stage.calls) == ("would roll back", [])
    assert "what AWS does not say now: Rate exceeded" in story.why[0]


@pytest.mark.parametrize("drill", [True, False])
def test_a_drill_pages_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drill: bool) -> None:
    """A blind watcher wakes people, unless it is blind for practice; and only what nobody may sleep through does."""
    sent: list[Message] = []

    def send(self: Notifier, message: Message) -> list[Delivery]:
        sent.append(message)
        return []

    monkeypatch.setattr(Notifier, "send", send)
    story = watcher(Stage(), tmp_path).story
    story.drill = drill
    tell = voice(Channels(story.environment), story)
    for kind in ("release bad", "blind", "rollback failed", "rolled back"):
        tell(kind, "title", ["line"])
    pages = ["" if drill else "trigger"] * 2
    assert [each.incident for each in sent] == ["", *pages, ""]
    assert {each.game_day for each in sent} == {drill}


def test_a_dry_run_says_what_it_would_do(tmp_path: Path) -> None:
    """The evidence and the digest to go back to, and no call."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0)
    story = watched(stage, tmp_path, Manner(dry_run=True))
    assert (story.outcome, stage.calls) == ("would roll back", [])
    assert GOOD["app"] in story.why[0]


def test_a_watch_that_was_killed_in_its_rollback_goes_on_with_it(tmp_path: Path) -> None:
    """The next one finds the record, follows what was begun, and calls nothing a second time."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0)
    folder = tmp_path / "2026-11-25T10-00-00Z-watch-service"
    one = watcher(stage, folder)
    real, waits = stage.sleep, iter(range(100))

    def killed(seconds: float) -> None:
        if stage.calls and next(waits) == 1:
            raise MemoryError  # as good as SIGKILL: nobody handles it
        real(seconds)

    stage.sleep = killed  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        one.watch()
    stage.sleep = real  # type: ignore[method-assign]
    found = unfinished(tmp_path, environment(), "cluster", "service")
    assert found
    again = watcher(stage, found[0])
    again.story.go_on_from(found[1])
    again.watch()
    assert (again.story.outcome, stage.calls, again.story.resumed) == ("rolled back", ["stop"], 1)
    assert unfinished(tmp_path, environment(), "cluster", "service") is None


def test_a_signal_ends_a_watch_between_two_looks(tmp_path: Path) -> None:
    """Exit 130, and nothing was changed."""
    one = watcher(Stage(), tmp_path)
    one.stop.asked = 1
    one.watch()
    assert one.story.outcome == "interrupted"
    assert json.loads((tmp_path / FILE).read_text())["exit"] == 130


@pytest.mark.parametrize(("times", "outcome"), [(1, "rolled back"), (2, "going on")])
def test_a_signal_does_not_leave_a_rollback_half_done(tmp_path: Path, times: int, outcome: str) -> None:
    """Once: it is finished first. Twice: it is left, and the record is one that can be gone on with."""
    stage = Stage(errors=lambda at: 0.2 if at >= NOW else 0.0)
    one = watcher(stage, tmp_path / "2026-11-25T10-00-00Z-watch-service")
    real = stage.sleep

    def sleep(seconds: float) -> None:
        one.stop.asked = times if stage.calls else 0
        real(seconds)

    stage.sleep = sleep  # type: ignore[method-assign]
    one.watch()
    assert (one.story.outcome, stage.calls) == (outcome, ["stop"])
    assert bool(unfinished(tmp_path, environment(), "cluster", "service")) is (outcome == "going on")


def test_a_channel_that_fails_does_not_stop_a_rollback(tmp_path: Path) -> None:
    """The record says that nobody was told."""

    def broken(kind: str, title: str, lines: list[str]) -> list[Story]:
        raise OSError("no route to host")

    one = watcher(Stage(errors=lambda at: 0.2 if at >= NOW else 0.0), tmp_path)
    one.tell = broken  # type: ignore[assignment]
    one.watch()
    assert one.story.outcome == "rolled back"
    assert not any(each["ok"] for each in one.story.notified)
