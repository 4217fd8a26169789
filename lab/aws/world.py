"""The world behind the AWS API: every part of one lab, typed, and the lock that its records are read and written under.

Handlers run under `lock`; whatever takes time (a promotion, a start) runs without it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecr_images import Registry
from lab.aws.ecs_cluster import Ecs
from lab.aws.event_rules import Rules
from lab.aws.events import Events
from lab.aws.fis_lab import Fis
from lab.aws.logs_insights import Logs
from lab.aws.rds_databases import Databases
from lab.aws.rds_instance import Rds
from lab.aws.scaling_targets import Scaling
from lab.aws.scheduler import Schedules
from lab.aws.sns_hub import Sns
from lab.aws.target_groups import TargetGroups
from lab.aws.xray_store import XRay
from lab.balancer import Balancer
from lab.links import Links
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import Settings
from lab.truth import Truth


@dataclass(slots=True)
class World:
    """One lab, complete."""

    settings: Settings
    lock: threading.RLock
    truth: Truth
    children: Children
    pair: Pair
    links: Links
    balancer: Balancer
    cloudwatch: CloudWatch
    elbv2: TargetGroups
    ecs: Ecs
    rds: Rds
    fis: Fis
    events: Events
    sns: Sns
    rules: Rules
    logs: Logs
    xray: XRay
    ecr: Registry
    scaling: Scaling
    databases: Databases
    schedules: Schedules = field(default_factory=Schedules)
    closing: threading.Event = field(default_factory=threading.Event)
