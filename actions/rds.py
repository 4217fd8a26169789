"""Faults on Amazon RDS."""

from __future__ import annotations

import time
from typing import Any

from gameday.safety.armed import Run
from gameday.safety.intent import Call, Fault, Intent, fault
from gameday.safety.targets import read_database


@fault
def reboot_with_failover(run: Run, database: str | None = None) -> Fault[dict[str, Any]]:
    """Reboot a Multi-AZ instance with failover: the primary goes down abruptly and the standby takes over.

    *database* defaults to the environment's. Returns {"database", "from": zone, "to": zone}. RDS may accept the call
    and abandon the failover, so only the proof `rds.failed_over` says that it happened.
    There is no undo: the standby is the primary now, and failing back would be a second outage.
    Own code, because chaosaws' reboot does not look first: on a Single-AZ instance it would be an outage, no failover.

    Raises Refusal: the instance is not Multi-AZ, not available, not allowed, or lacks its tag.
    """
    found = read_database(run, run.named("database", database))
    yield Intent(
        f"reboot {found.name} with failover, from {found.zone} to {found.secondary}",
        targets=(found.target,),
        hit=1,
        of=1,
        what="databases",
        calls=(
            Call("rds", "RebootDBInstance", {"DBInstanceIdentifier": found.name, "ForceFailover": True}, found.arn),
        ),
        why_no_undo="the standby is the primary afterwards, and failing back would be a second outage",
        refusals=(*found.forbidden(run.environment), *found.unrest()),
    )
    run.aws.rds.reboot_db_instance(DBInstanceIdentifier=found.name, ForceFailover=True)
    run.recorder.mark("fault", time.time(), fsync=True, action="rds.reboot_with_failover", targets=[found.name])
    return {"database": found.name, "from": found.zone, "to": found.secondary}
