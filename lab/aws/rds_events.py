"""What RDS tells about itself: AWS's numbered events, for DescribeEvents and on the bus.

The numbers, categories and words are those of "Amazon RDS event categories and event messages". DescribeEvents does
not give the number; the event on the bus carries it as `EventID`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lab.aws.events import Events
from lab.aws.names import arn, instant

Tags = Iterable[Mapping[str, str]]
SourceType = Literal["db-instance", "db-snapshot", "db-parameter-group"]
KEPT = 2_000

# number: category, message
EVENTS = {
    "0001": ("backup", "Backing up DB instance"),
    "0002": ("backup", "Finished DB instance backup"),
    "0003": ("deletion", "DB instance deleted"),
    "0004": ("availability", "DB instance shutdown"),
    "0005": ("creation", "DB instance created"),
    "0006": ("availability", "DB instance restarted"),
    "0011": ("configuration change", "Updated to use DBParameterGroup {name}"),
    "0012": ("configuration change", "Applying modification to database instance class"),
    "0013": ("failover", "Multi-AZ instance failover started."),
    "0014": ("configuration change", "Finished applying modification to DB instance class"),
    "0016": ("configuration change", "Reset master credentials"),
    "0017": ("configuration change", "Finished applying modification to allocated storage"),
    "0018": ("configuration change", "Applying modification to allocated storage"),
    "0020": (
        "recovery",
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.",
    ),
    "0021": ("recovery", "Recovery of the DB instance is complete."),
    "0024": ("configuration change", "Applying modification to convert to a Multi-AZ DB instance."),
    "0025": ("configuration change", "Finished applying modification to convert to a Multi-AZ DB instance."),
    "0028": ("configuration change", "Disabled automated backups"),
    "0029": (
        "configuration change",
        "Finished applying modification to convert to a standard (Single-AZ) DB instance.",
    ),
    "0030": ("configuration change", "Applying modification to convert to a standard (Single-AZ) DB instance."),
    "0032": ("configuration change", "Enabled automated backups"),
    "0034": (
        "failover",
        "Abandoning user requested failover since a failover recently occurred on the database instance.",
    ),
    "0035": ("failure", "Database instance put into {state}. {message}"),
    "0037": ("configuration change", "Updated parameter {name} to {value} with apply method {method}"),
    "0040": ("creation", "Creating manual snapshot"),
    "0041": ("deletion", "Deleted user snapshot"),
    "0042": ("creation", "Manual snapshot created"),
    "0043": ("restoration", "Restored from snapshot {name}"),
    "0045": ("read replica", "Replication has stopped"),
    "0046": ("read replica", "Replication for the Read Replica resumed"),
    "0049": ("failover", "Multi-AZ instance failover completed."),
    "0050": ("failover", "Multi-AZ instance activation started."),
    "0051": ("failover", "Multi-AZ instance activation completed."),
    "0052": (
        "recovery",
        "Multi-AZ instance recovery started. Recovery time will vary with the amount of data to be recovered.",
    ),
    "0053": ("recovery", "Multi-AZ instance recovery completed. Pending failover or activation."),
    "0057": ("read replica", "Replication streaming has been terminated"),
    "0065": ("failover", "Recovered from partial failover."),
    "0087": ("notification", "DB instance stopped"),
    "0088": ("notification", "DB instance started"),
    "0092": ("configuration change", "Finished updating DB parameter group"),
    "0202": ("read replica", "Read replica creation failed"),
    "0278": ("failure", "The DB instance creation failed. {message}"),
    "0361": ("recovery", "Recovery of standby DB instance has started."),
    "0362": ("recovery", "Recovery of standby DB instance has completed."),
}
CATEGORIES: dict[SourceType, tuple[str, ...]] = {
    "db-instance": (
        *("availability", "backup", "configuration change", "creation", "deletion", "failover", "failure"),
        *("low storage", "maintenance", "notification", "read replica", "recovery", "restoration"),
        *("security", "security patching"),
    ),
    "db-snapshot": ("creation", "deletion", "notification", "restoration"),
    "db-parameter-group": ("configuration change",),
}
KINDS: dict[SourceType, tuple[str, str, str]] = {  # how the ARN, the bus's detail-type and its SourceType name them
    "db-instance": ("db", "RDS DB Instance Event", "DB_INSTANCE"),
    "db-snapshot": ("snapshot", "RDS DB Snapshot Event", "SNAPSHOT"),
    "db-parameter-group": ("pg", "RDS DB Parameter Group Event", "DB_PARAM"),
}


@dataclass(frozen=True, slots=True)
class RdsEvent:
    """One line of DescribeEvents; `at` is in epoch seconds, `number` "0013"."""

    at: float
    number: str
    source_type: SourceType
    source: str
    category: str
    message: str

    @property
    def arn(self) -> str:
        """The ARN of what it is about."""
        return arn("rds", f"{KINDS[self.source_type][0]}:{self.source}")


@dataclass(slots=True)
class EventLog:
    """All events of the last while, oldest first. Safe to call from any thread."""

    bus: Events
    kept: deque[RdsEvent] = field(default_factory=lambda: deque(maxlen=KEPT))

    def put(self, number: str, source_type: SourceType, source: str, tags: Tags = (), **words: str) -> RdsEvent:
        """Keep an event and put it on the bus; `words` fill in its message."""
        category, message = EVENTS[number]
        event = RdsEvent(time.time(), number, source_type, source, category, message.format(**words))
        self.kept.append(event)
        _, detail_type, kind = KINDS[source_type]
        detail = {
            "EventCategories": [category],
            "SourceType": kind,
            "SourceArn": event.arn,
            "Date": f"{instant(event.at):%Y-%m-%dT%H:%M:%S}.{int(event.at * 1000) % 1000:03d}Z",
            "Message": event.message,
            "SourceIdentifier": source,
            "EventID": f"RDS-EVENT-{number}",
            "Tags": {tag["key"]: tag["value"] for tag in tags},
        }
        self.bus.put("aws.rds", detail_type, detail, resources=[event.arn], at=event.at)
        return event
