"""Faults on Amazon RDS."""

from __future__ import annotations

import time
from typing import Any

from gameday.errors import Refusal
from gameday.safety import armed


def reboot_with_failover(database: str | None = None) -> dict[str, Any]:
    """Reboot a Multi-AZ instance with failover: the primary goes down abruptly and the standby takes over.

    *database* defaults to the environment's. Returns {"database", "from": zone, "to": zone}. RDS may accept the call
    and abandon the failover, so only the proof `rds.failed_over` says that it happened.
    There is no undo: the standby is the primary now, and failing back would be a second outage.
    Own code, because chaosaws' reboot does not look first: on a Single-AZ instance it would be an outage, no failover.

    Raises Refusal: the instance is not Multi-AZ, or not available.
    """
    run = armed.current()
    database = run.named("database", database)
    before = run.aws.rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]
    if not before["MultiAZ"]:
        raise Refusal(f"refused: {database} is Single-AZ, so a reboot would be an outage without a standby")
    if before["DBInstanceStatus"] != "available":
        raise Refusal(f"refused: {database} is {before['DBInstanceStatus']}, not available")
    run.aws.rds.reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True)
    run.recorder.mark("fault", time.time(), fsync=True, action="rds.reboot_with_failover", targets=[database])
    zones = before["AvailabilityZone"], before.get("SecondaryAvailabilityZone", "unknown")
    return {"database": database, "from": zones[0], "to": zones[1]}
