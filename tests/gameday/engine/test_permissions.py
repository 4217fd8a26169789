"""Whom IAM is asked about, and what must be proven."""

from __future__ import annotations

import pytest

from gameday.engine.permissions import needs_of, principal_of
from gameday.safety.intent import Call, Intent, Undo


@pytest.mark.parametrize(
    ("caller", "principal"),
    [
        ("arn:aws:sts::1:assumed-role/runner/session", "arn:aws:iam::1:role/runner"),
        ("arn:aws-cn:sts::1:assumed-role/runner/i-1", "arn:aws-cn:iam::1:role/runner"),
        ("arn:aws:iam::1:user/path/anna", "arn:aws:iam::1:user/path/anna"),
        ("arn:aws:iam::1:root", ""),
        ("arn:aws:sts::1:federated-user/anna", ""),
    ],
)
def test_a_session_is_its_role(caller: str, principal: str) -> None:
    """IAM simulates users and roles, and nobody else."""
    assert principal_of(caller) == principal


def test_what_was_read_needs_no_more_proof() -> None:
    """Whatever changes something does, for every target that may be drawn, and so does the undo."""
    tasks = ("arn:1", "arn:2")
    intent = Intent(
        "x",
        calls=(Call("ecs", "StopTask", {}, "arn:1"), Call("fis", "GetExperiment", {}, "arn:e")),
        undo=(Undo("back", "by hand", (Call("elbv2", "RegisterTargets", {}, "arn:g"),)),),
        drawn_from=tasks,
        passes_role="arn:role",
    )
    assert needs_of([intent], {"fis:GetExperiment", "ecs:StopTask"}) == [
        ("ecs:StopTask", "arn:1"),
        ("ecs:StopTask", "arn:2"),
        ("elasticloadbalancing:RegisterTargets", "arn:g"),
        ("iam:PassRole", "arn:role"),
    ]
