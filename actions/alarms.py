"""A CloudWatch alarm put into ALARM by hand: the way from an alarm to people is tried, and nothing is broken.

CloudWatch goes back to the alarm's own state at its next evaluation; a composite alarm, or one whose metric has no
data, may stay. So the state of before is promised; whatever the alarm has found out itself meanwhile is left alone.
"""

from __future__ import annotations

import time
from typing import Any, Literal

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import UndoIncomplete
from gameday.safety import armed
from gameday.safety.armed import Run
from gameday.safety.intent import Call, Fault, Intent, Undo, fault
from gameday.safety.targets import Alarm, read_alarm

PRACTICE = "[GAME DAY]"  # every reason begins with it: whoever is paged knows it for practice
LONGEST_REASON = 1023  # of SetAlarmState
READ_BACK_S, PAUSE_S = 10.0, 0.2


@fault
def set_state(
    run: Run, alarm: str | None = None, hold_s: float | None = None, owner: str = ""
) -> Fault[dict[str, Any]]:
    """Put *alarm* into ALARM, as `cloudwatch:SetAlarmState` does: its actions are performed, and nothing is broken.

    *alarm* defaults to the environment's, *hold_s* to its `fault_s`: so long it waits until it puts the state back,
    unless the alarm has gone back by itself; 0 waits for nothing and leaves that to the undo. *owner* is whom the
    reason names; it defaults to the environment's. Returns {"alarm", "was", "reason"}.

    Raises Refusal: an alarm that is in ALARM already, that guards runs, whose actions do more than tell somebody,
    that watches a deployment under way, or that lacks the tag.
    """
    found = read_alarm(run, run.named("alarm", alarm))
    seconds = run.environment.phases.fault_s if hold_s is None else hold_s
    reason = _reason(run, owner or run.environment.owner)
    yield _intent(run, found, seconds, reason)
    promise = run.promises.make(
        "actions.alarms:restore", f"the alarm {found.name} is {found.state} again", _by_hand(found), target=found.arn,
        alarm=found.name, was=found.state, reason=reason, region=run.environment.region,
        endpoint=run.environment.endpoint, kind=run.environment.kind,
    )  # fmt: skip
    at = time.time()
    run.aws.cloudwatch.set_alarm_state(AlarmName=found.name, StateValue="ALARM", StateReason=reason)
    result = {"alarm": found.name, "was": found.state, "reason": reason}
    run.recorder.mark("fault", at, fsync=True, action="alarms.set_state", targets=[found.name], **result)
    if seconds:
        time.sleep(seconds)
        said = run.promises.keep(promise)
        run.recorder.mark("fault.ended", why=said)
    return result


def put_back() -> None:
    """Keep the promises of this run: the alarm is what it was. For the `rollbacks` of an experiment; harmless twice."""
    armed.current().promises.settle_or_raise()


def restore(alarm: str, was: str, reason: str, region: str, endpoint: str, kind: Literal["lab", "aws"]) -> str:
    """Put *alarm* back into the state that it *was* in, if it still stands where *reason* put it.

    Idempotent: what the alarm has found out itself since is left alone. Returns what was read back, in a sentence.
    Raises UndoIncomplete: it still stands there.
    """
    from botocore.exceptions import EndpointConnectionError

    aws = Aws(Environment(kind, region, endpoint=endpoint))
    try:
        return _restored(aws, alarm, was, reason)
    except EndpointConnectionError:
        if kind != "lab":
            raise
        return "the lab is down, and the state of its alarms is gone with it"


def _restored(aws: Aws, alarm: str, was: str, reason: str) -> str:
    deadline = time.monotonic() + READ_BACK_S
    back = f"{PRACTICE} over: as before"
    while (seen := _state(aws, alarm)) == ("ALARM", reason):
        if time.monotonic() > deadline:
            raise UndoIncomplete(f"the alarm {alarm} is still in ALARM by hand")
        state: Any = was
        aws.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=back)
        time.sleep(PAUSE_S)
    if seen is None:
        return f"the alarm {alarm} is gone, and its state with it"
    by = "put back" if seen == (was, back) else "by its own evaluation"
    return f"the alarm {alarm} is {seen[0]}, {by}"


def _state(aws: Aws, alarm: str) -> tuple[str, str] | None:
    """Return state and reason; None: there is no such alarm."""
    kinds: Any = ["MetricAlarm", "CompositeAlarm"]
    answer: Any = aws.cloudwatch.describe_alarms(AlarmNames=[alarm], AlarmTypes=kinds)
    for one in (*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])):
        return str(one["StateValue"]), str(one.get("StateReason", ""))
    return None


def _reason(run: Run, owner: str) -> str:
    who = f"; {owner} answers for it" if owner else ""
    return f"{PRACTICE} {run.id}: set by hand, nothing is broken{who}"[:LONGEST_REASON]


def _intent(run: Run, found: Alarm, seconds: float, reason: str) -> Intent:
    read = Call("cloudwatch", "DescribeAlarms", {"AlarmNames": [found.name]}, found.arn)
    back = {"AlarmName": found.name, "StateValue": found.state, "StateReason": f"{PRACTICE} over: as before"}
    call = Call("cloudwatch", "SetAlarmState", {**back, "StateValue": "ALARM", "StateReason": reason}, found.arn)
    does = ", ".join(action.rpartition(":")[2] for action in found.actions) or "nobody"
    told = f"it tells {does}" if found.enabled else "its actions are disabled"
    held = f" for {seconds:g} s" if seconds else ""
    return Intent(
        f"put the alarm {found.name} into ALARM{held}: {told}, nothing is broken",
        targets=(found.target,),
        hit=1,
        of=1,
        what="alarms",
        calls=(call,),
        undo=(
            Undo(
                f"put {found.name} back into {found.state}",
                _by_hand(found),
                (read, Call("cloudwatch", "SetAlarmState", back, found.arn)),
            ),
        ),
        ends_by_itself="CloudWatch's next evaluation, unless the alarm is composite or has no data",
        lasts_s=seconds,
        refusals=(*found.objections(run.environment), *_deploying(run, found)),
    )


def _deploying(run: Run, found: Alarm) -> list[str]:
    """Return why not, while the service is deployed under the eyes of this alarm: ECS would roll it back in earnest."""
    cluster, service = run.environment.names.get("cluster"), run.environment.names.get("service")
    told: Any = run.aws.ecs.describe_services(cluster=cluster, services=[service]) if cluster and service else {}
    for one in told.get("services", []):
        alarms = (one.get("deploymentConfiguration") or {}).get("alarms") or {}
        under_way = [each for each in one["deployments"] if each.get("rolloutState") == "IN_PROGRESS"]
        if under_way and alarms.get("enable") and found.name in alarms.get("alarmNames", []):
            return [f"{found.name} watches the deployment of {service} that is under way: ECS would roll it back"]
    return []


def _by_hand(found: Alarm) -> str:
    state = f"--alarm-name '{found.name}' --state-value {found.state}"
    return f"aws cloudwatch set-alarm-state {state} --state-reason 'the game day is over'"
