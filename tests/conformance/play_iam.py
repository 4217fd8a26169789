"""Who the caller is, and what it may do."""

from __future__ import annotations

from lab.settings import ACCOUNT
from tests.conformance.seen import Seen, refused


def play(seen: Seen) -> None:
    """Call the operations of STS and IAM that the lab answers itself."""
    caller, iam = seen.client("sts").get_caller_identity()["Arn"], seen.client("iam")
    role = f"arn:aws:iam::{ACCOUNT}:role/{caller.split('/')[1]}"
    found = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["ecs:StopTask"])
    assert found["EvaluationResults"][0]["EvalDecision"] == "allowed"
    with refused("InvalidInput"):
        iam.simulate_principal_policy(PolicySourceArn=caller, ActionNames=["ecs:StopTask"])
