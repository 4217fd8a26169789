"""What is true of an RDS instance, and the proof that it failed over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from gameday.model import Evidence, Json, iso
from gameday.safety.armed import Run

STARTED = "Multi-AZ instance failover started"
COMPLETED = ("Multi-AZ instance failover completed", "Multi-AZ failover to standby complete")
ABANDONED = "Abandoning user requested failover"


def snapshot(run: Run) -> dict[str, Json]:
    """Return zones and status, before anything is touched."""
    found = _instance(run)
    return {
        "zone": found["AvailabilityZone"],
        "secondary": found.get("SecondaryAvailabilityZone", ""),
        "status": found["DBInstanceStatus"],
    }


def failed_over(run: Run, before: dict[str, Json], since: float) -> Evidence:
    """Proof: the zones have swapped, and RDS's own events say started and completed, after the call.

    Accepted is not happened: RDS abandons a failover soon after another one, and says so only in an event.
    """
    found = _instance(run)
    zone, status = found["AvailabilityZone"], found["DBInstanceStatus"]
    events = _events(run, since)
    sentences = [f"RDS event at {iso(at)}: {message}" for at, message in events]
    if any(ABANDONED in message for _, message in events):
        return Evidence(False, tuple(sentences))
    swapped = zone == before["secondary"] and zone != before["zone"]
    if swapped:
        sentences.insert(0, f"availability zone went from {before['zone']} to {zone}")
    started = [at for at, message in events if STARTED in message]
    completed = [at for at, message in events if any(text in message for text in COMPLETED)]
    instants = {"RDS: failover started": started[0]} if started else {}
    instants |= {"RDS: failover completed": completed[-1]} if completed else {}
    proven = swapped and bool(completed)
    return Evidence(proven, tuple(sentences) or ("no failover event yet",), instants, over=status == "available")


def _instance(run: Run) -> dict[str, Any]:
    name = run.named("database", None)
    return cast("dict[str, Any]", run.aws.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])


def _events(run: Run, since: float) -> list[tuple[float, str]]:
    """Return (time, message) of the instance's events from the second of *since* on, oldest first."""
    answer = run.aws.rds.describe_events(
        SourceIdentifier=run.named("database", None),
        SourceType="db-instance",
        StartTime=datetime.fromtimestamp(int(since), UTC),
    )
    found = [(event["Date"].timestamp(), event["Message"]) for event in answer["Events"]]
    return sorted((at, message) for at, message in found if at >= int(since))


PROOFS = (failed_over,)
