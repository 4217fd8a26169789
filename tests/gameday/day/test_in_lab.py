"""An alarm that is put into a day, its promise, and what the go/no-go list looks at, on a real lab."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from actions import alarms
from gameday.aws import Aws
from gameday.cli._shared import lab_variables
from gameday.config import Environment, Freeze, load_settings
from gameday.day.events import Event, Timeline
from gameday.day.injects import Injector
from gameday.day.looks import look
from gameday.day.plan import CheckItem, Inject, Item, Look, Plan, Roles
from gameday.day.state import fold
from gameday.engine.setup import facts
from gameday.notify import Notifier, channels_of
from gameday.record import write_json
from gameday.redact import Redactor
from gameday.safety import armed
from gameday.safety.lock import Holder, LocalLock
from gameday.safety.promises import Promises
from lab.seed import ALERTS
from lab.settings import CLUSTER, ERROR_ALARM
from probes import alarms as probes
from tests.lab.bench import wait_until
from tests.lab.people.caller import People
from tests.lab.twin import Twin, twin
from tests.shelf import Shelf

ROOT = Path(__file__).parents[3]
STILL = "foodconnect-practice"  # an alarm whose metric has no data: what is set by hand stays
PAGE = Inject("page", during="work", alarm=ERROR_ALARM)
STAYS = Inject("stays", during="work", alarm=STILL)
CALL = Inject("call", during="work", message="support: logins fail for some users", to=["incidents"])
GONE = Inject("gone", during="work", leaves="Kim", for_s=60, announced=True)
SECRET = Inject("secret", during="work", leaves="Kim")


@dataclass(frozen=True)
class Scene:
    """A lab as the suite sees it."""

    lab: Twin
    people: People
    environment: Environment

    def state(self, alarm: str) -> tuple[str, str]:
        """An alarm's state, and why."""
        [found] = self.lab.cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found["StateValue"], found["StateReason"]

    def look(self, name: Look, runs: Path, plan: Plan | None = None, **more: Any) -> tuple[str, str]:
        """Have the suite look."""
        environment = replace(self.environment, **more)
        item = CheckItem(look=name)
        return look(item, plan or a_plan(), environment, Aws(environment), runs, ROOT, ROOT / "plans" / "a-day.yaml")


@dataclass(frozen=True)
class Day:
    """A day that goes on."""

    folder: Path
    injector: Injector

    def events(self, kind: str) -> list[Event]:
        """What was written down."""
        self.injector.close(30)
        return [event for event in self.injector.timeline.read() if event.kind == kind]


def a_plan(**more: Any) -> Plan:
    """A pause in which everything is put in, and one experiment."""
    agenda = [Item("work", pause_s=60), Item("stop", experiment="experiments/ecs/stop-one-task.yaml")]
    injects = [PAGE, STAYS, CALL, GONE, SECRET]
    return Plan("A day", Roles("Ada", "Bo"), agenda, **{"injects": injects, "channels": ["incidents"], **more})


def practice_alarm(lab: Twin, action: str = ALERTS) -> None:
    """Make the alarm whose metric has no data, and which does *action*."""
    lab.cloudwatch.put_metric_alarm(
        AlarmName=STILL, Namespace="Practice", MetricName="Nothing", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[action],
        TreatMissingData="ignore", Tags=[{"Key": "chaos", "Value": "allowed"}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def scene(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The shared lab, with one more alarm, and the variables that `gameday lab env` would set."""
    lab = shelf.take(twin)
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.lower().endswith("_proxy")]:
            patch.delenv(name)
        for name, value in lab_variables(lab.state, ROOT).items():
            patch.setenv(name, value)
        patch.setenv("GAMEDAY_STATE", str(tmp_path_factory.mktemp("state")))
        practice_alarm(lab)
        here = load_settings(ROOT).environment("lab")
        yield Scene(lab, People(lab.settings), replace(here, endpoint=lab.state.endpoint, url=lab.state.url))
        lab.cloudwatch.delete_alarms(AlarmNames=[STILL])


@pytest.fixture
def day(scene: Scene, tmp_path: Path) -> Day:
    """A day of its own, opened as `gameday play` does; every alarm is OK."""
    wait_until(scene.lab.is_well, 30, "the lab is well")
    wait_until(lambda: scene.state(ERROR_ALARM)[0] == "OK", 30, "the alarm is OK")
    scene.lab.cloudwatch.set_alarm_state(AlarmName=STILL, StateValue="OK", StateReason="as it was")
    return opened(scene, tmp_path / "2026-12-01T10-00-00Z-day-a-day", scene.environment)


def opened(scene: Scene, folder: Path, environment: Environment) -> Day:
    """Open a day's folder."""
    folder.mkdir(mode=0o700, parents=True)
    write_json(folder / "plan.json", {"schema": 1, "day": folder.name, "environment": facts(environment)})
    voice = Notifier(channels_of(environment, ROOT), folder.name, "gameday halt", within_s=60.0)
    timeline = Timeline(folder)
    return Day(folder, Injector(a_plan(), environment, Aws(environment), timeline, voice, Redactor()))


def test_an_alarm_set_off_pages_somebody_and_is_put_back(scene: Scene, day: Day) -> None:
    """Its reason says that it is practice, and whose; the page comes by SNS and PagerDuty, as a real one would."""
    day.injector.fire(PAGE)
    [fired] = day.events("inject.fired")
    wait_until(lambda: scene.people.journal("pagerduty.triggered", since=fired.at), 30, "somebody is paged")
    reason = f"[GAME DAY] {day.folder.name}: set by hand, nothing is broken; Ada answers for it"
    history = scene.lab.cloudwatch.describe_alarm_history(AlarmName=ERROR_ALARM, HistoryItemType="StateUpdate")
    assert any(reason in item["HistoryData"] for item in history["AlarmHistoryItems"])
    day.injector.end(PAGE)
    day.injector.end(PAGE)
    [over] = day.events("inject.over")
    assert over.data["complete"] is True and over.text.startswith(f"the alarm {ERROR_ALARM} is OK, ")
    assert day.injector.left() == []


def test_an_alarm_that_would_stay_is_left_to_gameday_undo_when_the_day_is_killed(scene: Scene, day: Day) -> None:
    """Its metric has no data, so nobody else puts it back; a second time on top of it is refused."""
    day.injector.fire(STAYS)
    assert scene.state(STILL)[0] == "ALARM" and len(day.injector.left()) == 1
    day.injector.fire(replace(STAYS, name="again"))
    [failed] = day.events("inject.failed")
    assert "is in ALARM already" in failed.text and "again" in fold(day.injector.timeline.read()).failed
    undo = [sys.executable, "-m", "gameday", "undo", "--runs", str(day.folder.parent)]
    home = {"GAMEDAY_LAB_HOME": str(scene.lab.settings.home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(undo, cwd=ROOT, env={**os.environ, **home}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert scene.state(STILL) == ("OK", "[GAME DAY] over: as before") and not day.injector.left()
    day.injector.end(STAYS)
    assert scene.state(STILL)[0] == "OK" and day.events("inject.over")[0].data["complete"] is True


def test_the_proofs_of_an_alarm_that_fired_and_told_somebody(scene: Scene, day: Day) -> None:
    """Held for a while and put back, as an experiment does; the proofs are CloudWatch's own history of it."""
    run = day.injector.alarming.run()
    since = time.time() + probes.SKEW_S  # so that the alarm of the test before is not seen, however soon that was
    assert (probes.fired(run, {}, since).proven, probes.told(run, {}, since).proven) == (False, False)
    armed.arm(run)
    try:
        done = alarms.set_state(alarm=STILL, hold_s=0.3)
    finally:
        armed.disarm()
    assert (done["was"], scene.state(STILL)[0], day.injector.left()) == ("OK", "OK", [])
    wait_until(lambda: bool(probes.told(run, {}, since).proven), 30, "its action is performed")
    fired, told = probes.fired(run, {}, since), probes.told(run, {}, since)
    assert fired.proven and done["reason"] in fired.sentences[0]
    assert told.instants["CloudWatch: alarm told"] >= fired.instants["CloudWatch: alarm fired"] >= since - 1
    assert ALERTS in told.sentences[0]


def test_what_an_alarm_finds_out_itself_is_left_alone(scene: Scene, day: Day) -> None:
    """A real alarm that comes meanwhile is not talked away by the undo."""
    day.injector.fire(STAYS)
    scene.lab.cloudwatch.set_alarm_state(AlarmName=STILL, StateValue="ALARM", StateReason="Threshold Crossed")
    day.injector.end(STAYS)
    assert scene.state(STILL) == ("ALARM", "Threshold Crossed")
    assert "by its own evaluation" in day.events("inject.over")[0].text


@pytest.mark.parametrize(("rules", "why"), [
    ({"actions": []}, "alarms.set_state is not among the 0 actions"),
    ({"tag": "chaos=never"}, f"{ERROR_ALARM} lacks the tag chaos=never"),
    ({"alarms": [ERROR_ALARM]}, "it would end them"),
    ({"freeze": [Freeze("2020-01-01", "2099-01-01")]}, "the freeze 2020-01-01"),
])  # fmt: skip
def test_an_alarm_that_the_rules_forbid_is_not_set_off(
    scene: Scene, tmp_path: Path, rules: dict[str, Any], why: str
) -> None:
    """The gate of every run judges it; the refusal stands in the timeline, and nothing was promised."""
    environment = replace(scene.environment, rules=replace(scene.environment.rules, **rules))
    day = opened(scene, tmp_path / "day", environment)
    day.injector.fire(PAGE)
    [failed] = day.events("inject.failed")
    assert why in failed.text
    assert day.events("inject.fired") == [] and Promises(day.folder / "promises.jsonl").made() == []


def test_an_alarm_that_does_more_than_tell_somebody_is_not_set_off(scene: Scene, day: Day) -> None:
    """An action that scales, stops or runs something would do so in earnest."""
    stops, runs = "arn:aws:automate:eu-west-1:ec2:stop", "arn:aws:lambda:eu-west-1:123456789012:function:heal"
    practice_alarm(scene.lab, stops)
    scene.lab.cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule=f"ALARM({STILL})", AlarmActions=[runs])
    day.injector.fire(STAYS)
    scene.lab.cloudwatch.delete_alarms(AlarmNames=["above"])
    practice_alarm(scene.lab)
    why = day.events("inject.failed")[0].text
    assert f"{STILL} does more than tell somebody: {stops}" in why
    assert f"above does more than tell somebody: {runs}" in why


def test_messages_and_absences_are_known_for_practice(scene: Scene, day: Day) -> None:
    """[GAME DAY] stands before the words of a caller, too; who leaves unannounced is told by the coordinator alone."""
    for inject in (CALL, GONE, SECRET):
        day.injector.fire(inject)
    told = day.events("told")
    assert {event.data["inject"] for event in told} == {"call", "gone"}
    day.injector.fire(replace(CALL, name="nowhere", to=["nobody-made-it"]))
    lost: Any = day.events("told")[-1].data["deliveries"]
    assert [(one["channel"], one["ok"]) for one in lost] == [("nobody-made-it", False)]
    texts = [one["text"] for one in scene.people.journal("slack.message", since=told[0].at - 5)]
    assert any(text.startswith("[GAME DAY] support: logins fail") for text in texts)
    assert any(text.startswith("[GAME DAY] Kim leaves for 60 s") for text in texts)
    assert fold(day.injector.timeline.read()).away == {"Kim"}
    assert day.events("inject.fired")[2].text == (
        "Kim leaves until the end of the day, and others take over; tell Kim, and nobody else")  # fmt: skip
    day.injector.end(GONE)
    assert "Kim" not in fold(day.injector.timeline.read()).away


def test_a_lab_that_is_well_is_a_go(scene: Scene, tmp_path: Path) -> None:
    """Every look that the lab has something to see for says yes, and what it saw."""
    wait_until(lambda: scene.look("steady", tmp_path)[0] == "yes", 30, "the service and its metrics are well")
    scene.lab.cloudwatch.set_alarm_state(AlarmName=STILL, StateValue="OK", StateReason="as it was")
    wait_until(lambda: scene.state(ERROR_ALARM)[0] == "OK", 30, "the alarm is OK")
    names: list[Look] = ["alarms", "guards", "nothing-runs", "channels"]
    found = {name: scene.look(name, tmp_path) for name in names}
    assert {name: answer for name, (answer, _) in found.items()} == dict.fromkeys(names, "yes"), found


def test_what_is_wrong_is_a_no_and_what_cannot_be_seen_is_unknown(scene: Scene, tmp_path: Path) -> None:
    """Each look with its reason; a crash and an empty list are never a yes."""
    scene.lab.cloudwatch.disable_alarm_actions(AlarmNames=[STILL])
    answer, why = scene.look("alarms", tmp_path)
    scene.lab.cloudwatch.enable_alarm_actions(AlarmNames=[STILL])
    assert (answer, why) == ("no", f"the actions of {STILL} are disabled")
    missing = a_plan(injects=[replace(PAGE, alarm="nobody-made-it")])
    assert scene.look("alarms", tmp_path, missing) == (
        "unknown", "it could not be looked at: Refusal: there is no alarm nobody-made-it")  # fmt: skip
    assert scene.look("alarms", tmp_path, a_plan(injects=[]), names={})[0] == "unknown"
    assert scene.look("channels", tmp_path, channels={}) == (
        "no", "there is no channel incidents in [environments.lab.channels]")  # fmt: skip
    assert scene.look("steady", tmp_path, endpoint="http://127.0.0.1:9")[0] == "unknown"
    lock = LocalLock(scene.environment)
    lock.take()
    lock.write(Holder.here("2026-12-01T09-00-00Z-another", tmp_path))
    assert "run 2026-12-01T09-00-00Z-another of" in scene.look("nothing-runs", tmp_path)[1]
    lock.write_over()
    lock.release()

    def unsteady() -> bool:  # a look on a full machine may come after the replacement
        scene.lab.ecs.stop_task(cluster=CLUSTER, task=scene.lab.task_arns()[0])
        return scene.look("steady", tmp_path)[0] == "no"

    wait_until(unsteady, 30, "a task is missing")
    wait_until(scene.lab.is_well, 60, "the task is replaced")


def test_nothing_is_put_into_a_day_that_ends(scene: Scene, day: Day) -> None:
    """One that waited for its turn when the coordinator aborted changes nothing: nobody would put it back."""
    day.injector.timeline.add("day.aborting", "enough")
    day.injector.fire(PAGE)
    [failed] = day.events("inject.failed")
    assert failed.text == "the day is aborting: nothing is put in any more"
    assert day.events("inject.fired") == [] and day.injector.left() == []
