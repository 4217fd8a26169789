"""Anyone's chaosaws experiment, without our block, played by `gameday run`: the environment's rules apply to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Desk
from tests.e2e.rules import CLUSTER, SERVICE, Staging, with_rules
from tests.e2e.scene import wait_until

FILE = f"""
title: The feed lives with one more task
description: Somebody else's experiment.
configuration: {{tasks: "3"}}
method:
  - type: action
    name: one-more-task
    provider:
      type: python
      module: chaosaws.ecs.actions
      func: update_desired_count
      arguments: {{cluster: {CLUSTER}, service: {SERVICE}, desired_count: 4}}
    pauses: {{after: 60}}
rollbacks:
  - type: action
    name: tasks-as-before
    provider:
      type: python
      module: chaosaws.ecs.actions
      func: update_desired_count
      arguments: {{cluster: {CLUSTER}, service: {SERVICE}, desired_count: 3}}
"""
RULE = ("actions =", 'actions = ["chaosaws.ecs.actions.update_desired_count"]')


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The experiment's file."""
    path = tmp_path / "theirs.yaml"
    path.write_text(FILE)
    return path


def test_what_is_not_listed_is_refused(desk: Desk, theirs: Path) -> None:
    """An action that nobody allowed does not run, whoever wrote the file."""
    ended = desk.run(theirs)
    assert (ended.code, ended.findings["verdict"]) == (3, "refused")
    assert "chaosaws.ecs.actions.update_desired_count is not among the" in ended.findings["why"][0]


def test_its_rollbacks_are_played_when_the_run_is_killed(desk: Desk, theirs: Path, tmp_path: Path) -> None:
    """They were written down before the method: the watchman plays them."""
    folder = tmp_path / "suite"
    folder.mkdir()
    ruled = with_rules(desk, folder, RULE)
    staging = Staging(desk)
    process = ruled.desk.start("run", str(theirs), "--json")
    wait_until(lambda: staging.service()["desiredCount"] == 4, 20)
    process.kill()
    process.communicate()
    wait_until(lambda: staging.service()["desiredCount"] == 3, 5)
    wait_until(lambda: staging.at_rest(3), 20)
    rows = ruled.desk("runs", "--json")
    assert '"verdict": "interrupted"' in rows.out and '"kept": 1' in rows.out


def test_a_rollback_that_fails_leaves_the_undo_incomplete(desk: Desk, theirs: Path, tmp_path: Path) -> None:
    """Chaos Toolkit calls a command that exits with 3 succeeded; we exit with 6 and say what is left."""
    data = yaml.safe_load(FILE)
    data["method"][0]["provider"]["arguments"]["desired_count"] = 3
    data["method"][0]["pauses"] = {"after": 0}
    data["rollbacks"] = [
        {"type": "action", "name": "bad", "provider": {"type": "process", "path": "sh", "arguments": ["-c", "exit 3"]}}
    ]
    theirs.write_text(yaml.safe_dump(data))
    folder = tmp_path / "suite"
    folder.mkdir()
    rule = 'actions = ["chaosaws.ecs.actions.update_desired_count", "process:sh"]'
    ruled = with_rules(desk, folder, ("actions =", rule))
    ended = ruled.desk.run(theirs)
    assert ended.code == 6, ended.err
    assert ended.findings["verdict"] != "held"
    (left,) = ended.findings["promises"]["open"]
    assert "the declared rollback bad" in left["what"] and "exit 3" in left["restore_with"]
    again = ruled.desk("undo", ended.findings["run"])
    assert again.code == 6 and "its command ended with 3" in again.err
    assert ruled.desk("undo", "--restored").code == 2  # of which run?
    by_hand = ruled.desk("undo", ended.findings["run"], "--restored")
    assert by_hand.code == 0 and "by hand, not read back: the declared rollback bad" in by_hand.out
    assert ruled.desk("undo").code == 0
