"""What became of a bad release: did its tasks run and serve, and was it rolled back, when, by whom, or why not.

Everything is told by image digest, as ECS's own record has it, and never by the number of a task definition.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from gameday.model import Evidence, Json, Mark, from_iso
from gameday.record import Record
from gameday.safety import images
from gameday.safety.armed import Run
from gameday.safety.images import Deployment, ImageName, short
from gameday.safety.process import Mortal

SERVED = "release.served"  # mark: the load balancer found a task of the release healthy; later nobody could tell


def snapshot(run: Run) -> dict[str, Json]:
    """Return how many tasks the service wants, before anything is touched."""
    return {"desired": _service(run)["desiredCount"]}


def bad_tasks_ran(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: tasks ran the release's image, by their digest, and the load balancer found one of them healthy.

    A release whose tasks never become healthy and that is over has run too: users just never met it.
    """
    fault = _fault(run)
    if fault is None:
        return Evidence(False, ("no release has been brought out",), over=False)
    bad, container = str(fault.details["digest"]), str(fault.details["container"])
    service = run.named("service", None)
    cluster = run.named("cluster", None)
    tasks = [*images.tasks_of(run.aws, cluster, service), *images.tasks_of(run.aws, cluster, service, stopped=True)]
    ran = [task for task in tasks if images.digest_in(task, container) == bad and _started(task) >= since]
    if not ran:
        return Evidence(False, (f"no task has run {short(bad)}",), over=False)
    began = min(_started(task) for task in ran)
    served_at = _served(run, ran)
    sentences = [f"{len(ran)} tasks ran {short(bad)} in place of {short(str(fault.details['was']))}"]
    instants = {"ECS: first task of the release runs": began}
    if served_at is not None:
        sentences.append("the load balancer found tasks of it healthy and sent requests to them")
        instants["load balancer: a task of the release is healthy"] = served_at
        return Evidence(True, tuple(sentences), instants)
    sentences.append("the load balancer has found none of its tasks healthy")
    over = not any(one.under_way for one in _deployments(run, fault))
    return Evidence(over or None, tuple(sentences), instants, over=over)


def rolled_back(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Repair: every running task is on the image that ran before, as many as then, and nothing is moving.

    Says who did it and when: noticed, begun, done. While it has not happened it says what stands in the way.
    """
    fault = _fault(run)
    if fault is None:
        return Evidence(False, ("no release has been brought out",), over=False)
    look = _look(run, fault)
    desired = cast("int", before["desired"])
    if look.bad == look.other == 0 and look.good >= desired and not look.moving and look.release is not None:
        return _done(run, fault, look)
    total = look.bad + look.good + look.other
    reasons = [f"{look.bad} of {total} running tasks run the release's image {short(look.digest)}"]
    if look.other:
        was = short(str(fault.details["was"]))
        reasons = [f"{look.other} of {total} running tasks run an image that is neither it nor {was}", *reasons]
    came_back = [one for one in look.later if one.digest == look.digest]
    reasons = [*(_same_image(fault, one, look) for one in came_back[:1]), *reasons] if came_back else reasons
    if not look.later and look.automation.kind == "ecs" and look.release:
        reasons = [*_why_ecs_did_nothing(run, fault, look.release), *reasons]
    elif not look.later:
        reasons = [*look.automation.why_not(), *reasons]
    return Evidence(False, tuple(reasons), _noticed(run, fault, look), over=_is_final(look))


# -- what is there ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Automation:
    """Who is to roll back, what it has said of when it noticed, and whether it has ended."""

    kind: str = "ecs"
    detected_at: float | None = None
    ended: bool = False
    last_words: str = ""

    def why_not(self) -> Iterator[str]:
        """Yield why there is no rollback of its own: it has not noticed, or has ended without one."""
        how = "has noticed it" if self.detected_at is not None else "has not noticed it"
        if self.ended:
            yield f"{self.kind} {how}, and has ended without a rollback: {self.last_words or 'it said nothing'}"
        elif self.detected_at is None:
            yield f"{self.kind} {how}"


@dataclass(frozen=True, slots=True)
class Look:
    """One look: the release's own deployment, those after it (newest first), the running tasks by their image."""

    digest: str
    release: Deployment | None
    later: tuple[Deployment, ...]
    bad: int
    good: int
    other: int  # on neither
    automation: Automation

    @property
    def moving(self) -> bool:
        """Whether a deployment is under way."""
        return any(one.under_way for one in (*self.later, *([self.release] if self.release else [])))


def _look(run: Run, fault: Mark) -> Look:
    digest, container = str(fault.details["digest"]), str(fault.details["container"])
    found = _deployments(run, fault)
    release = found[-1] if found else None
    tasks = images.tasks_of(run.aws, run.named("cluster", None), run.named("service", None))
    seen = [images.digest_in(task, container) for task in tasks if task["lastStatus"] == "RUNNING"]
    bad, good = seen.count(digest), seen.count(str(fault.details["was"]))
    other = len([one for one in seen if one]) - bad - good
    return Look(digest, release, tuple(found[:-1]), bad, good, other, _automation(run))


def _deployments(run: Run, fault: Mark) -> list[Deployment]:
    """Return the service's deployments from the release on, newest first; the last one is the release's."""
    every = images.deployments_of(
        run.aws, run.named("cluster", None), run.named("service", None), str(fault.details["container"])
    )
    made = str(fault.details["task_definition"])
    index = next((n for n, one in enumerate(every) if one.task_definition == made), None)
    return [] if index is None else every[: index + 1]


def _automation(run: Run) -> Automation:
    """Return what the automation has written so far; a process that is gone has ended, whatever it wrote."""
    started = next((mark for mark in reversed(_marks(run)) if mark.name == "automation.started"), None)
    kind = str(started.details["kind"]) if started else "ecs"
    if started is None or kind == "ecs":
        return Automation()
    path = run.recorder.folder / "automation.jsonl"
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    born = started.details.get("born")
    gone = bool(born) and not Mortal(int(cast("int", started.details["pid"])), str(born)).alive
    told = _watch(run, started.at) if kind == "watch" else _script(kind, lines)
    last = told.last_words or (lines[-1].strip() if lines else "")
    return replace(told, ended=told.ended or gone, last_words=last)


def _script(kind: str, lines: Sequence[str]) -> Automation:
    """Return what the script has said; a line that is not whole yet is passed over."""
    said: list[Any] = []
    for line in lines:
        with suppress(ValueError):
            said.append(json.loads(line))
    told = {str(one["what"]): from_iso(str(one["at"])) for one in said if isinstance(one, dict) and "what" in one}
    return Automation(kind, told.get("detected"), "ended" in told)


def _watch(run: Run, since: float) -> Automation:
    """Return what the newest `gameday watch` of this service beside the run has written down."""
    service = run.named("service", None)
    for path in sorted(run.recorder.folder.resolve().parent.glob(f"*-watch-{service}*/watch.json"), reverse=True):
        with suppress(ValueError, OSError, KeyError):
            told = json.loads(path.read_text())
            if told["drill"] and told["service"] == service and from_iso(told["began"]) >= since - 5.0:
                noticed = (told.get("times") or {}).get("detected_at")
                last = "; ".join([str(told["outcome"]), *told["why"][:1]]) if told.get("ended") else ""
                return Automation("watch", from_iso(noticed) if noticed else None, bool(last), last)
    return Automation("watch")


def _served(run: Run, tasks: Sequence[Mapping[str, Any]]) -> float | None:
    """Return when the load balancer was first seen to find one of *tasks* healthy."""
    known = next((mark for mark in _marks(run) if mark.name == SERVED), None)
    if known is not None:
        return known.at
    name = run.named("target_group", None)
    group = run.aws.elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
    states = run.aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    healthy = {state["Target"]["Id"] for state in states if state["TargetHealth"]["State"] == "healthy"}
    if not any(images.address_of(task) in healthy for task in tasks):
        return None
    return run.recorder.mark(SERVED, fsync=True).at


# -- rolled back, or why not ------------------------------------------------------------------------------


def _done(run: Run, fault: Mark, look: Look) -> Evidence:
    assert look.release is not None
    told, later = look.release.told, look.later[0] if look.later else None
    back = told.get("rollback")
    if back:
        who = f"ECS: {str(back['reason']).rstrip('.')}"
        began, ended = back["startedAt"], told.get("finishedAt", back["startedAt"])
    elif later is not None:
        who = f"a deployment of {later.task_definition.rpartition('/')[2]} ({look.automation.kind})"
        began, ended = later.told["createdAt"], later.told.get("finishedAt", later.told["createdAt"])
    else:
        why = f"ECS ended the release as {look.release.status} and did not go back: {told.get('statusReason', '')}"
        return Evidence(False, (why, "the service still names the release's task definition"))
    sentences = [f"rolled back by {who}", f"{look.good} tasks run, none of them {short(look.digest)}"]
    if tag := fault.details.get("moved_tag"):
        sentences.append(f"the tag {tag} still means the release's image: its next deployment brings it back")
    instants = _noticed(run, fault, look)
    instants |= {"rollback began": began.timestamp(), "rolled back": max(began.timestamp(), ended.timestamp())}
    return Evidence(True, tuple(sentences), instants)


def _noticed(run: Run, fault: Mark, look: Look) -> dict[str, float]:
    """Return when the release was noticed: by an alarm of the deployment, by the automation."""
    found = {}
    if look.automation.detected_at is not None:
        found[f"{look.automation.kind}: noticed"] = look.automation.detected_at
    for name in _alarms(look.release):
        if (at := _rang(run, name, fault.at)) is not None:
            found[f"alarm {name}: ALARM"] = at
    return found


def _same_image(fault: Mark, later: Deployment, look: Look) -> str:
    back = later.task_definition.rpartition("/")[2]
    return (
        f"{look.automation.kind} went back to {back}, and that is the bad image again: it names it by the tag "
        f"{ImageName.of(str(fault.details['image'])).tag or '?'}, which means {short(later.digest)} since the release"
    )


def _is_final(look: Look) -> bool:
    """Whether nobody will roll it back any more."""
    if look.moving or look.release is None:
        return False
    return look.automation.kind == "ecs" or look.automation.ended


def _why_ecs_did_nothing(run: Run, fault: Mark, release: Deployment) -> Iterator[str]:
    """Yield what the deployment's alarms saw: dead, too slow, or simply not in ALARM."""
    names = _alarms(release)
    if not names:
        yield "ECS watches no alarm of this deployment, and the circuit breaker sees only tasks that do not start"
        return
    if (release.told.get("alarms") or {}).get("status") == "DISABLED":
        yield f"ECS did not watch {', '.join(names)} for this deployment: it was in ALARM when the deployment began"
        return
    answer = run.aws.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    known = {str(alarm["AlarmName"]): cast("dict[str, Any]", alarm) for alarm in answer}
    for name in names:
        yield _why_silent(run, fault, release, name, known.get(name))


def _why_silent(run: Run, fault: Mark, release: Deployment, name: str, alarm: Mapping[str, Any] | None) -> str:
    if alarm is None:
        return f"alarm {name}, which ECS watches, is not there"
    until = release.told.get("finishedAt")
    watched_s = (until.timestamp() if until else datetime.now(UTC).timestamp()) - fault.at
    needs_s = float(alarm.get("Period", 60)) * float(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])
    values = _values(run, alarm, fault.at) if "MetricName" in alarm else None
    metric = f"{alarm.get('Namespace')}/{alarm.get('MetricName')}"
    if values == []:
        treated = alarm.get("TreatMissingData", "missing")
        return f"alarm {name} is dead: its metric {metric} has no data since the release (taken as {treated})"
    if needs_s > watched_s:
        return f"alarm {name} is too slow: it needs {needs_s:g} s of errors, and ECS watched it for {watched_s:.0f} s"
    how = f"alarm {name} is {alarm['StateValue']} and did not stop it in {watched_s:.0f} s"
    if not values:
        return how
    rings = f"{alarm['ComparisonOperator']} {alarm.get('Threshold', 0):g}"
    return f"{how}: {metric} was between {min(values):.3g} and {max(values):.3g}, and it rings at {rings}"


def _alarms(release: Deployment | None) -> list[str]:
    """Return the alarms that ECS watches for a deployment; none when that is off."""
    alarms = (release.told.get("deploymentConfiguration") or {}).get("alarms") or {} if release else {}
    return list(alarms.get("alarmNames", [])) if alarms.get("enable") else []


def _values(run: Run, alarm: Mapping[str, Any], since: float) -> list[float]:
    """Return what an alarm's metric was in each of its periods after *since*."""
    period = max(int(alarm["Period"]), 1)
    stat = alarm.get("Statistic")
    asked: dict[str, Any] = {"Statistics": [stat]} if stat else {"ExtendedStatistics": [alarm["ExtendedStatistic"]]}
    points = run.aws.cloudwatch.get_metric_statistics(
        Namespace=alarm["Namespace"],
        MetricName=alarm["MetricName"],
        Dimensions=alarm.get("Dimensions", []),
        StartTime=datetime.fromtimestamp(since // period * period, UTC),
        EndTime=datetime.now(UTC),
        Period=period,
        **asked,
    )["Datapoints"]
    told = cast("list[dict[str, Any]]", points)
    return [point[stat] if stat else point["ExtendedStatistics"][alarm["ExtendedStatistic"]] for point in told]


def _rang(run: Run, alarm: str, since: float) -> float | None:
    """Return when an alarm first went into ALARM after *since*, by its history."""
    items = run.aws.cloudwatch.describe_alarm_history(
        AlarmName=alarm, HistoryItemType="StateUpdate", StartDate=datetime.fromtimestamp(since, UTC),
        ScanBy="TimestampAscending",
    )["AlarmHistoryItems"]  # fmt: skip
    for item in items:
        with suppress(ValueError, KeyError):
            if json.loads(item["HistoryData"])["newState"]["stateValue"] == "ALARM":
                return item["Timestamp"].timestamp()
    return None


def _fault(run: Run) -> Mark | None:
    marks = _marks(run)
    return next((m for m in reversed(marks) if m.name == "fault" and m.details.get("action") == "release.deploy"), None)


def _marks(run: Run) -> list[Mark]:
    return Record(run.recorder.folder).marks()


def _started(task: Mapping[str, Any]) -> float:
    started = task.get("startedAt")
    return float(started.timestamp()) if started else 0.0


def _service(run: Run) -> dict[str, Any]:
    answer = run.aws.ecs.describe_services(cluster=run.named("cluster", None), services=[run.named("service", None)])
    return cast("dict[str, Any]", answer["services"][0])


PROOFS = (bad_tasks_ran, rolled_back)
