"""The AWS CLI against the lab, pointed at it by nothing but the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.settings import CLUSTER, REGION
from tests.conformance.clients import COMMANDS
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

AWS = Path(sys.executable).with_name("aws")


def aws(lab: Twin, command: str) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI."""
    own = {"AWS_ENDPOINT_URL": lab.state.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""}
    keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [str(AWS), *command.split(), "--output", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(lab.settings.home), **own, **keys},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[:3]))
def test_command_is_answered(command: str, standing: Twin) -> None:
    """It ends well, and what it was asked for is there."""
    wait_until(standing.is_well, 30, "the lab is well")
    (host, port), *_ = standing.health()
    ended = aws(standing, command.format(group=standing.target_group, id=host, port=port))
    assert (ended.returncode, ended.stderr) == (0, "")
    if "--query" in command:
        assert json.loads(ended.stdout) not in (None, [], "")


def test_refusal_is_told_as_aws_tells_it(standing: Twin) -> None:
    """An unknown task: the CLI's own error with the code, and a failure's exit code."""
    ended = aws(standing, f"ecs stop-task --cluster {CLUSTER} --task nothing")
    assert ended.returncode in (254, 255)  # version 2, version 1
    assert "An error occurred (InvalidParameterException) when calling the StopTask operation" in ended.stderr
