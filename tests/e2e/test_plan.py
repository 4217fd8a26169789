"""`gameday plan` on the real lab: it says what a run would do, proves what it says, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Desk, Edited, LabDesk
from tests.e2e.rules import CLUSTER, DATABASE, SERVICE, SOON_S, Ruled, Staging, with_rules
from tests.e2e.scene import wait_until

STOP, FAILOVER = "experiments/ecs/stop-one-task.yaml", "experiments/rds/reboot-with-failover.yaml"
LATENCY = "experiments/latency/backend-to-database.yaml"
ACCOUNT = "arn:aws:ecs:eu-west-1:123456789012"


@pytest.fixture
def ruled(desk: Desk, tmp_path: Path) -> Ruled:
    """A desk with rules as they are, and no runs yet."""
    folder = tmp_path / "suite"
    folder.mkdir()
    staging = Staging(desk)
    wait_until(lambda: staging.at_rest(3), SOON_S)
    return with_rules(desk, folder)


def mutating(calls: list[dict[str, Any]]) -> list[str]:
    """Return the names of the calls that change something."""
    return [call["call"] for call in calls if call["mutating"]]


def answers(plan: dict[str, Any]) -> dict[str, str]:
    """Return {action: answer} of the permissions."""
    return {one["action"]: one["answer"] for one in plan["permissions"]}


def test_a_plan_of_stopping_a_task(ruled: Ruled) -> None:
    """Targets resolved, blast radius with its limit, the call as it would be sent, permissions proven."""
    plan = ruled.plan(STOP)
    assert plan["would_run"] is True and plan["refusals"] == []
    (action,) = plan["actions"]
    assert action["targets"] == [
        {"kind": "ecs.service", "name": f"{CLUSTER}/{SERVICE}", "arn": f"{ACCOUNT}:service/{CLUSTER}/{SERVICE}"}
    ]
    assert len(action["drawn_from"]) == 3 and all(arn.startswith(f"{ACCOUNT}:task/") for arn in action["drawn_from"])
    blast = {"hit": 1, "of": 3, "what": "tasks", "percent": 33.3, "limit": 1, "limit_percent": 34}
    assert action["blast"] == blast
    (call,) = action["calls"]
    assert (call["call"], call["valid"], call["times"]) == ("ecs:StopTask", True, 1)
    assert call["params"]["task"] == "(drawn by the run's seed from 3)"  # a run draws its own
    assert action["undo"] == [] and "scheduler replaces" in action["why_no_undo"]
    assert answers(plan)["ecs:StopTask"] == "allowed" and answers(plan)["ecs:DescribeTasks"] == "allowed"
    assert len([one for one in plan["permissions"] if one["action"] == "ecs:StopTask"]) == 3  # whichever is drawn
    assert plan["environment"]["account"] == "123456789012" and ":assumed-role/" in plan["caller"]
    assert plan["load"] == {"journey": "load/feed.py", "rate": 60.0}
    assert plan["takes_s"]["at_least"] < plan["takes_s"]["at_most"]


def test_a_plan_of_a_failover(ruled: Ruled) -> None:
    """The parameters are those that will be sent."""
    (action,) = ruled.plan(FAILOVER)["actions"]
    (call,) = action["calls"]
    assert call["params"] == {"DBInstanceIdentifier": DATABASE, "ForceFailover": True}
    assert action["blast"]["what"] == "databases" and "second outage" in action["why_no_undo"]


def test_every_call_of_a_run_was_in_its_plan(ruled: Ruled) -> None:
    """What the lab has seen of a real run, fault and undo, is what the plan said, in its order."""
    plan = ruled.plan(LATENCY)
    (action,) = plan["actions"]
    assert all(call["valid"] for call in action["calls"] + action["undo_calls"])
    assert "FIS ends it" in action["ends_by_itself"] and action["lasts_s"] == 4
    assert answers(plan)["iam:PassRole"] == "allowed"
    before = ruled.changes()
    ended = ruled.desk.run(LATENCY)
    assert ended.code == 0, ended.findings["why"]
    seen = [f"{service}:{operation}" for service, operation in ruled.changes()[len(before) :] if service == "fis"]
    assert seen == ["fis:CreateExperimentTemplate", "fis:StartExperiment", "fis:DeleteExperimentTemplate"]
    assert mutating(action["calls"]) == seen[:2]
    assert mutating(action["undo_calls"]) == [seen[2], "fis:StopExperiment"]  # nothing was left to stop


def test_a_plan_for_people(ruled: Ruled) -> None:
    """Every part of it is on the page, the undo by hand as well."""
    ended = ruled.told(LATENCY)
    assert ended.code == 0, ended.err
    for words in (
        "account 123456789012", f"ecs.service {CLUSTER}/{SERVICE}", "3 of 3 tasks (100.0 %), the limit is 100 %",
        "fis:CreateExperimentTemplate {", "(id of the new template)", "by hand  for id in $(aws fis list-experiments",
        "safety lever is disengaged", "60 requests a second", "FIS ends it after 4 s",
        "it would run; nothing was changed",
    ):  # fmt: skip
        assert words in ended.out, words


def test_a_plan_that_would_be_refused_says_every_reason(ruled: Ruled, edited: Edited) -> None:
    """Exit 3, and the targets are shown all the same."""

    def greedy(data: dict[str, Any]) -> None:
        data["method"][0]["provider"]["arguments"] = {"count": 3}

    file = edited("ecs/stop-one-task.yaml", greedy)
    plan = ruled.plan(file, code=3)
    assert plan["would_run"] is False and len(plan["actions"][0]["targets"]) == 1
    why = "; ".join(plan["refusals"])
    assert "3 of 3 tasks would be hit, the limit is 1" in why and "3 of 3 healthy tasks" in why
    told = ruled.told(file)
    assert told.code == 3 and "it would be refused, for 3 reasons" in told.out


def test_a_release_is_planned_with_every_call_and_its_undo(ruled: Ruled) -> None:
    """All tasks are hit, each call is valid, and IAM is asked for the roles that tasks get."""
    plan = ruled.plan("experiments/ecs/bad-deployment.yaml")
    deploy, automation = plan["actions"]
    assert (deploy["action"], automation["action"]) == ("release.deploy", "automation.start")
    assert (deploy["blast"]["hit"], deploy["blast"]["of"]) == (3, 3)
    calls = [*deploy["calls"], *deploy["undo_calls"]]
    assert all(call["valid"] for call in calls), calls
    assert [call["call"] for call in deploy["calls"]] == ["ecs:RegisterTaskDefinition", "ecs:UpdateService"]
    assert {"ecs:StopServiceDeployment", "ecs:DeregisterTaskDefinition"} <= {call["call"] for call in calls}
    assert answers(plan)["iam:PassRole"] == "allowed"
    assert "aws ecs update-service" in deploy["undo"][0]["by_hand"]


def test_bad_input_is_no_plan(ruled: Ruled, edited: Edited) -> None:
    """Exit 2, before anything is asked."""

    def misspell(data: dict[str, Any]) -> None:
        data["extensions"][0]["blats"] = {}

    ended = ruled.told(edited("ecs/stop-one-task.yaml", misspell))
    assert ended.code == 2 and "unknown key 'blats'; did you mean 'blast'?" in ended.err
    assert ruled.told("nowhere.yaml").code == 2
    assert ruled.told(STOP, "--set", "colour=red").code == 2


def test_names_may_be_given(ruled: Ruled) -> None:
    """`--set` reaches the targets, and the rules see it."""
    plan = ruled.plan(STOP, "--set", "service=nobody", code=3)
    assert any("there is no service nobody" in reason for reason in plan["refusals"])


def test_anyones_experiment_can_be_planned(ruled: Ruled, tmp_path: Path) -> None:
    """Targets are found by chaosaws's argument names; which calls it makes is honestly unknown."""
    action = {
        "type": "action", "name": "stop", "provider": {
            "type": "python", "module": "chaosaws.ecs.actions", "func": "stop_random_tasks",
            "arguments": {"cluster": "${cluster}", "service": "${service}", "task_count": 1},
        },
    }  # fmt: skip
    file = tmp_path / "theirs.yaml"
    theirs = {"title": "t", "description": "d", "method": [action], "rollbacks": []}
    file.write_text(yaml.safe_dump(theirs, sort_keys=False))
    plan = ruled.plan(file, code=3)
    assert any("chaosaws.ecs.actions.stop_random_tasks is not among" in reason for reason in plan["refusals"])
    (found,) = plan["actions"]
    assert found["targets"][0]["name"] == f"{CLUSTER}/{SERVICE}" and found["blast"]["hit"] == 1
    assert found["calls_known"] is False and found["calls"] == []


def test_a_denied_permission_is_found_before_the_run(lab_desk: LabDesk) -> None:
    """Exit 3, though no rule is against it."""
    ended = lab_desk("--deny", "ecs:StopTask")("plan", STOP, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 3 and plan["refusals"] == [] and plan["would_run"] is False
    assert answers(plan)["ecs:StopTask"] == "denied"


def test_a_simulation_that_is_not_allowed_proves_nothing(lab_desk: LabDesk) -> None:
    """Then the answer is "not proven", never "allowed"; what was read is proven all the same."""
    ended = lab_desk("--deny", "iam:SimulatePrincipalPolicy")("plan", STOP, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 0 and answers(plan)["ecs:StopTask"] == "not proven"
    assert answers(plan)["ecs:ListTasks"] == "allowed"


def test_a_read_that_is_denied_refuses(lab_desk: LabDesk) -> None:
    """What the gate cannot read, it does not allow."""
    ended = lab_desk("--deny", "ecs:DescribeTasks")("plan", STOP, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 3 and any("cannot be read" in reason for reason in plan["refusals"])
