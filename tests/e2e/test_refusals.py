"""Refusals before the first fault, on the real lab: exit 3, figures in the sentence, and nothing was touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Desk, Edited
from tests.e2e.rules import CLUSTER, DATABASE, SERVICE, SOON_S, TOUCHY, Ruled, Staging, with_rules
from tests.e2e.scene import wait_until

STOP, FAILOVER = "experiments/ecs/stop-one-task.yaml", "experiments/rds/reboot-with-failover.yaml"
LATENCY = "experiments/latency/backend-to-database.yaml"
ALWAYS = '{begins = "2020-01-01", ends = "2099-01-01", why = "always"}'
WHAT_IT_HITS = "what chaosaws.ec2.actions.stop_instances hits cannot be said from its arguments, so no limit"
Rules = Callable[..., Ruled]


@pytest.fixture
def ruled(desk: Desk, tmp_path: Path) -> Rules:
    """Return a function that gives a desk with changed rules."""
    folder = tmp_path / "suite"
    folder.mkdir()
    return lambda *changes: with_rules(desk, folder, *changes)


@pytest.fixture
def staging(desk: Desk) -> Iterator[Staging]:
    """The lab, found at rest and left at rest."""
    found = Staging(desk)
    wait_until(lambda: found.at_rest(3), SOON_S)
    yield found
    wait_until(lambda: found.at_rest(3), SOON_S)


def blasting(edited: Edited, arguments: dict[str, Any], blast: dict[str, Any]) -> Path:
    """Return the experiment that stops tasks, with other arguments and limits."""

    def change(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = arguments
        data["extensions"][0]["blast"] = blast

    return edited(STOP.removeprefix("experiments/"), change)


def acting(edited: Edited, **provider: Any) -> Path:
    """Return an experiment whose one action is somebody else's."""

    def change(data: dict[str, Any]) -> None:
        data["method"][0]["provider"] = provider

    return edited(STOP.removeprefix("experiments/"), change)


# -- where and when ----------------------------------------------------------------------------------------


def test_a_wrong_account(ruled: Rules) -> None:
    """Both accounts are named."""
    desk = ruled(('account = "123456789012"', 'account = "999999999999"'))
    desk.refused(STOP, "account 123456789012", "lab is 999999999999")


def test_a_wrong_region(ruled: Rules) -> None:
    """That of the shell, and that of the environment."""
    desk = ruled(('region = "eu-west-1"', 'region = "eu-central-1"'), ("lock_table =", ""))
    desk.refused(STOP, "AWS_REGION is eu-west-1, the region of lab is eu-central-1")


def test_a_target_in_another_region(ruled: Rules, edited: Edited) -> None:
    """An ARN tells it."""
    other = f"arn:aws:ecs:us-east-1:123456789012:service/{CLUSTER}/{SERVICE}"
    desk = ruled(("actions =", 'actions = ["chaosaws.ecs.actions.stop_task"]'))
    arguments = {"cluster": CLUSTER, "service": other}
    file = acting(edited, type="python", module="chaosaws.ecs.actions", func="stop_task", arguments=arguments)
    desk.refused(file, f"{other} is in us-east-1, the region of lab is eu-west-1")


def test_a_freeze_window(ruled: Rules) -> None:
    """The sentence says until when, and that none may run."""
    desk = ruled(("guards =", f"freeze = [{ALWAYS}]"))
    desk.refused(STOP, "the freeze 2020-01-01 to 2099-01-01 (always)", "2099-01-02 00:00 UTC", "the limit is 0")


def test_production_needs_its_name(ruled: Rules) -> None:
    """Neither silence nor another word will do; the environment's own name does."""
    desk = ruled(('kind = "lab"', 'kind = "lab"\nproduction = true'))
    desk.refused(STOP, "lab is production: a run needs the explicit word `--production lab`")
    desk.refused(STOP, "the explicit word", GAMEDAY_PRODUCTION="yes")
    assert desk.plan(STOP, "--production", "lab")["refusals"] == []


# -- what --------------------------------------------------------------------------------------------------


def test_an_action_that_is_not_listed(ruled: Rules, edited: Edited) -> None:
    """Ours, chaosaws's and a process alike: off until somebody writes it down."""
    desk = ruled(("actions =", "actions = []"))
    desk.refused(STOP, "ecs.stop_task is not among the 0 actions of [environments.lab.rules]")
    arguments = {"cluster": CLUSTER, "service": SERVICE}
    file = acting(edited, type="python", module="chaosaws.ecs.actions", func="stop_task", arguments=arguments)
    desk.refused(file, "chaosaws.ecs.actions.stop_task is not among the 0 actions")
    desk.refused(acting(edited, type="process", path="true"), "process:true is not among the 0 actions")


def test_a_service_that_is_not_listed(ruled: Rules) -> None:
    """For every fault that hits it."""
    desk = ruled(("services =", 'services = ["foodconnect-cluster/other"]'))
    for file in (STOP, LATENCY):
        desk.refused(file, f"{CLUSTER}/{SERVICE} is not among the 1 services of [environments.lab.rules]")


def test_a_database_that_is_not_listed(ruled: Rules) -> None:
    """Nor may it fail over."""
    desk = ruled(("databases =", "databases = []"))
    desk.refused(FAILOVER, f"{DATABASE} is not among the 0 databases of [environments.lab.rules]")


def test_a_target_that_is_not_there(ruled: Rules, desk: Desk) -> None:
    """Nothing is guessed."""
    ended = ruled().desk("run", STOP, "--json", "--set", "service=nobody")
    assert ended.code == 3 and "there is no service nobody in cluster foodconnect-cluster" in ended.findings["why"][0]


def test_a_service_without_its_tag(ruled: Rules, staging: Staging) -> None:
    """The tag is read from AWS, and what stands there instead is told."""
    ecs, arn = staging.client("ecs"), staging.service()["serviceArn"]
    desk = ruled()
    ecs.untag_resource(resourceArn=arn, tagKeys=["chaos"])
    try:
        desk.refused(STOP, f"{CLUSTER}/{SERVICE} lacks the tag chaos=allowed", "none of its 2 tags is chaos")
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "chaos", "value": "denied"}])
        desk.refused(LATENCY, f"{CLUSTER}/{SERVICE} lacks the tag chaos=allowed", "(chaos=denied)")
    finally:
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "chaos", "value": "allowed"}])


def test_a_database_without_its_tag(ruled: Rules, staging: Staging) -> None:
    """The same for RDS."""
    rds = staging.client("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]["DBInstanceArn"]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["chaos"])
    try:
        ruled().refused(FAILOVER, f"{DATABASE} lacks the tag chaos=allowed")
    finally:
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "chaos", "Value": "allowed"}])


# -- how much ----------------------------------------------------------------------------------------------


def test_more_tasks_than_the_limit(ruled: Rules, edited: Edited) -> None:
    """By count and by percent, both told at once."""
    file = blasting(edited, {"count": 2}, {"tasks": 1, "percent": 34})
    ruled().refused(file, "2 of 3 tasks would be hit, the limit is 1", "2 of 3 tasks are 67 %, the limit is 34 %")


def test_the_environments_limit_counts_beside_the_experiments(ruled: Rules) -> None:
    """The smaller one wins."""
    desk = ruled(("blast =", "blast = {percent = 30}"))
    desk.refused(STOP, "1 of 3 tasks are 33 %, the limit is 30 %")
    desk.refused(LATENCY, "3 of 3 tasks are 100 %, the limit is 30 %")


def test_the_last_healthy_task_of_a_service(ruled: Rules, edited: Edited) -> None:
    """Even when the blast radius would allow all of them."""
    file = blasting(edited, {"count": 3}, {"percent": 100})
    ruled().refused(file, f"3 of 3 healthy tasks of {CLUSTER}/{SERVICE} would go, the limit is 2")


def test_the_last_healthy_task_of_a_zone(ruled: Rules, edited: Edited, staging: Staging) -> None:
    """With two tasks in two zones, one zone would be left."""
    file = blasting(edited, {"count": 1}, {"percent": 100})
    desk = ruled()
    staging.scale(2)
    try:
        desk.refused(file, "could lose its last healthy task in", "1 zone would be left with one, the limit is 2")
    finally:
        staging.scale(3)


def test_how_many_a_foreign_action_hits_is_counted(ruled: Rules, edited: Edited) -> None:
    """A percent that rounds to no task, and more than the limit; chaosaws itself would not say a word."""
    desk = ruled(("actions =", 'actions = ["chaosaws.ecs.actions.stop_random_tasks"]'))
    named = {"cluster": "${cluster}", "service": "${service}"}
    action = {"type": "python", "module": "chaosaws.ecs.actions", "func": "stop_random_tasks"}
    few = acting(edited, **action, arguments={**named, "task_percent": 25})
    desk.refused(few, "25 % of 3 tasks rounds down to 0")
    many = acting(edited, **action, arguments={**named, "task_count": 2})
    desk.refused(many, "2 of 3 tasks would be hit, the limit is 1")


def test_a_task_of_somebody_else(ruled: Rules, edited: Edited) -> None:
    """A task alone is looked for in the environment's service."""
    desk = ruled(("actions =", 'actions = ["chaosaws.ecs.actions.stop_task"]'))
    arguments = {"cluster": CLUSTER, "task_id": "0123456789abcdef"}
    file = acting(edited, type="python", module="chaosaws.ecs.actions", func="stop_task", arguments=arguments)
    desk.refused(file, f"0123456789abcdef is none of the 3 running tasks of {CLUSTER}/{SERVICE}")


def test_a_fis_template_is_looked_into(ruled: Rules, edited: Edited, staging: Staging) -> None:
    """What it selects counts like what we would: here every task, to be stopped."""
    fis = staging.client("fis")
    template = fis.create_experiment_template(
        clientToken="all", description="all", roleArn="arn:aws:iam::123456789012:role/x",
        stopConditions=[{"source": "none"}],
        targets={"tasks": {"resourceType": "aws:ecs:task", "selectionMode": "ALL",
                           "parameters": {"cluster": CLUSTER, "service": SERVICE}}},
        actions={"stop": {"actionId": "aws:ecs:stop-task", "targets": {"Tasks": "tasks"}}},
    )["experimentTemplate"]["id"]  # fmt: skip
    desk = ruled(("actions =", 'actions = ["chaosaws.fis.actions.start_experiment"]'))
    arguments = {"experiment_template_id": template}
    file = acting(edited, type="python", module="chaosaws.fis.actions", func="start_experiment", arguments=arguments)
    try:
        desk.refused(file, "3 of 3 tasks would be hit, the limit is 1", "3 of 3 healthy tasks", "the limit is 2")
    finally:
        fis.delete_experiment_template(id=template)


def test_a_limit_that_cannot_be_checked_refuses(ruled: Rules, edited: Edited) -> None:
    """How many tasks another deployment configuration costs, nobody can say."""
    func = "set_service_deployment_configuration"
    desk = ruled(("actions =", f'actions = ["chaosaws.ecs.actions.{func}"]'))
    arguments = {"cluster": CLUSTER, "service": SERVICE}
    file = acting(edited, type="python", module="chaosaws.ecs.actions", func=func, arguments=arguments)
    desk.refused(file, f"how many of the 3 tasks of {CLUSTER}/{SERVICE}", "is unknown, the limit is 1 tasks")


def test_what_a_foreign_action_hits_must_be_told(ruled: Rules, edited: Edited) -> None:
    """Instances by their zone are no target that can be counted, listed or not; an undo and a process may be untold."""
    listed = '["chaosaws.ec2.actions.stop_instances", "process:true"]'
    desk = ruled(("actions =", f"actions = {listed}"))
    action = {"type": "python", "module": "chaosaws.ec2.actions", "func": "stop_instances"}
    provider = {**action, "arguments": {"az": "eu-west-1a"}}
    desk.refused(acting(edited, **provider), WHAT_IT_HITS)

    def rolled(data: dict[str, Any]) -> None:
        data["method"][0]["provider"] = {"type": "process", "path": "true"}
        data["rollbacks"] = [{"type": "action", "name": "again", "provider": provider}]

    plan = desk.plan(edited(STOP.removeprefix("experiments/"), rolled))
    assert (len(plan["actions"]), len(plan["rollbacks"]), plan["refusals"]) == (1, 1, [])


def test_a_single_az_database(ruled: Rules, staging: Staging) -> None:
    """By our action and by chaosaws's: it would just be down."""
    desk = ruled()
    staging.multi_az(False)
    try:
        desk.refused(FAILOVER, f"{DATABASE} is Single-AZ: 0 standbys, at least 1 is needed")
    finally:
        staging.multi_az(True)


# -- in which state ----------------------------------------------------------------------------------------


def test_a_deployment_under_way(ruled: Rules, staging: Staging) -> None:
    """While its alarms are watched at the end, too; a freeze stands behind it, in case it ends too soon."""
    desk = ruled(("guards =", f"freeze = [{ALWAYS}]"))
    named = {"cluster": CLUSTER, "service": SERVICE, "forceNewDeployment": True}
    staging.client("ecs").update_service(**named)
    try:
        desk.refused(STOP, f"a deployment of {CLUSTER}/{SERVICE} is under way: 2 deployments, the limit is 1")
    finally:
        unwatched = {"alarms": {"alarmNames": [], "enable": False, "rollback": False}}  # no time to bake
        staging.client("ecs").update_service(**named, deploymentConfiguration=unwatched)
        wait_until(lambda: staging.at_rest(3), SOON_S)


def test_an_alarm_that_fires_already(ruled: Rules, staging: Staging, edited: Edited) -> None:
    """Of the environment and of the experiment, metric or composite; one that is not there watches nothing."""
    cloudwatch = staging.client("cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName="always", AlarmRule="TRUE")
    try:
        wait_until(lambda: state(cloudwatch, "always") == "ALARM", SOON_S)
        desk = ruled(("guards =", 'alarms = ["always"]'))
        desk.refused(STOP, "alarm always is firing already (ALARM); it must be OK before a fault")

        def guarded(data: dict[str, Any]) -> None:
            data["extensions"][0]["guards"] = [{"alarm": "always"}, {"alarm": "nowhere"}]

        file = edited(STOP.removeprefix("experiments/"), guarded)
        desk.refused(file, "alarm always is firing", "alarm nowhere is not there")
    finally:
        cloudwatch.delete_alarms(AlarmNames=["always"])


def state(cloudwatch: Any, name: str) -> str:
    """Return a composite alarm's state."""
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return str(found[0]["StateValue"]) if found else ""


def test_an_engaged_safety_lever(ruled: Rules, staging: Staging) -> None:
    """Somebody in the account has said stop, and why."""
    fis = staging.client("fis")
    fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "incident 42"})
    try:
        ruled().refused(STOP, "the account's FIS safety lever is engaged (incident 42)")
    finally:
        fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "over"})


def test_what_cannot_be_read_refuses(ruled: Rules) -> None:
    """A guard that cannot decide says no: here a cluster that AWS does not know."""
    ended = ruled().desk("run", STOP, "--json", "--set", "cluster=nowhere")
    assert ended.code == 3 and "cannot be read" in ended.findings["why"][0]


def test_every_reason_is_told_at_once(ruled: Rules) -> None:
    """Whoever mends one must not find the next only then."""
    desk = ruled(
        ("actions =", "actions = []"), ("services =", "services = []"), ("tag =", 'tag = "chaos=never"'),
        ("blast =", "blast = {percent = 10}"), ("guards =", f'alarms = ["nowhere"]\nfreeze = [{ALWAYS}]'),
    )  # fmt: skip
    desk.refused(
        STOP, "the freeze", "alarm nowhere is not there", "not among the 0 actions", "not among the 0 services",
        "lacks the tag chaos=never", "the limit is 10 %",
    )  # fmt: skip


def test_rollbacks_are_held_against_the_rules_too(ruled: Rules, edited: Edited) -> None:
    """Whatever they are called, they may change only what is allowed; what only keeps our promises needs no listing."""

    def rolled(data: dict[str, Any]) -> None:
        named = {"cluster": CLUSTER, "service": SERVICE, "desired_count": 3}
        provider = {"type": "python", "module": "chaosaws.ecs.actions", "func": "update_desired_count"}
        data["rollbacks"] = [{"type": "action", "name": "scale", "provider": {**provider, "arguments": named}}]

    desk = ruled()
    desk.refused(edited(STOP.removeprefix("experiments/"), rolled), "chaosaws.ecs.actions.update_desired_count is not")
    assert desk.plan(LATENCY)["rollbacks"][0]["action"] == "latency.stop"


def test_plain_chaos_run_is_refused_too(ruled: Rules, tmp_path: Path) -> None:
    """The gate stands in the control: `chaos` exits 1, and its journal says why."""
    desk = ruled(("guards =", f"freeze = [{ALWAYS}]"))
    assert "the freeze 2020-01-01 to 2099-01-01 (always)" in desk.chaos_refused(STOP, tmp_path)


@pytest.mark.parametrize("part", ["hypothesis", "tolerance", "method"])
def test_a_probe_that_acts_is_an_action(ruled: Rules, edited: Edited, tmp_path: Path, part: str) -> None:
    """Wherever it stands: `gameday run` does not take the file, and plain `chaos run` is refused by the gate."""
    named = {"cluster": CLUSTER, "service": SERVICE}
    provider = {"type": "python", "module": "chaosaws.ecs.actions", "func": "stop_task", "arguments": named}
    probe: dict[str, Any] = {"type": "probe", "name": "looks harmless", "provider": provider}

    def change(data: dict[str, Any]) -> None:
        probes = data["steady-state-hypothesis"]["probes"]
        if part == "tolerance":
            probes[1]["tolerance"] = probe
        elif part == "hypothesis":
            probes.append({**probe, "tolerance": True})
        else:
            data["method"].append(probe)

    file, desk = edited(STOP.removeprefix("experiments/"), change), ruled()
    before = desk.changes()
    ended = desk.desk.run(file)
    assert ended.code == 2 and "a probe must not act; make it `type: action` in the method" in ended.err
    assert [call for call in desk.changes()[len(before) :] if call[0] in TOUCHY] == []
    assert "chaosaws.ecs.actions.stop_task is not among" in desk.chaos_refused(file, tmp_path)


def test_a_fault_looks_again_itself(ruled: Rules, staging: Staging) -> None:
    """What was allowed at the gate and is not any more when the action runs is refused then."""
    desk, arn = ruled(), staging.service()["serviceArn"]
    before = desk.changes()
    process = desk.desk.start("run", STOP, "--json")
    wait_until(
        lambda: any("baseline" in path.read_text() for path in desk.desk.suite.glob("runs/*/marks.jsonl")), SOON_S
    )
    staging.client("ecs").untag_resource(resourceArn=arn, tagKeys=["chaos"])
    try:
        ended = Desk.finish(process)
    finally:
        staging.client("ecs").tag_resource(resourceArn=arn, tags=[{"key": "chaos", "value": "allowed"}])
    assert ended.code == 4 and ended.findings["verdict"] == "invalid", ended.err
    assert any("lacks the tag chaos=allowed" in sentence for sentence in ended.findings["proofs"]["fault"]["evidence"])
    ours = [("ecs", "UntagResource"), ("ecs", "TagResource")]
    assert [call for call in desk.changes()[len(before) :] if call[0] == "ecs" and call not in ours] == []
