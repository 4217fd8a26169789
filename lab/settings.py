"""What a lab is made of: where it lives, its ports, its build, and the delays it only simulates.

A laptop starts a task in half a second and notices a dead database at once; AWS does not. Such delays are
named in `Simulated`, shown by `lab status`, and are never to be counted as measured.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

ACCOUNT = "123456789012"
REGION = "eu-west-1"  # awscli v1 ignores the endpoint variable for RDS in us-east-1
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
CLUSTER = "foodconnect-cluster"
SERVICE = "foodconnect-backend"
DATABASE = "foodconnect-db"
LOAD_BALANCER = "foodconnect-alb"
TARGET_GROUP = "foodconnect-backend-tg"
LOG_GROUP = f"/ecs/{SERVICE}"
ERROR_ALARM = "foodconnect-error-rate"
PORTS = 16  # in a row, for each lab
LOCK_TABLE = "gameday-locks"  # DynamoDB: one item for each environment that a run holds


Replication = Literal["synchronous", "asynchronous"]


class LabError(Exception):
    """The lab cannot do what was asked; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Delays that AWS has and a laptop has not, in seconds."""

    task_start_s: float = 2.0  # from the scheduler's decision to the start of the process
    failover_detection_s: float = 1.5  # from the loss of the primary to the promotion
    failover_dns_s: float = 0.5  # from the promotion to the swap of the endpoint
    deregistration_s: float = 1.0  # from leaving the target group to SIGTERM
    sns_retry_s: float = 1.0  # for each 20 s that SNS waits before it tries a failing endpoint again
    acknowledge_s: float = 2.0  # from the page to the acknowledgement by whoever is on call
    chat_s: float = 0.5  # from a change of the incident to the message in the chat
    status_page_s: float = 0.5  # from the message in the chat to the status page
    unhealthy_task_s: float = 10.0  # how long a task may fail its health checks before it is replaced
    deployment_bake_s: float = 25.0  # how long a deployment's alarms are watched once its tasks serve (AWS: minutes)
    scaling_out_s: float = 30.0  # how long a metric is above its target before a service grows (AWS: 3 min)
    scaling_in_s: float = 150.0  # how long it is below 90 % of it before a service shrinks (AWS: 15 min)
    standby_lag_s: float = 0.5  # of an asynchronous standby behind its primary; a synchronous one has none

    def as_dict(self) -> dict[str, float]:
        """Return {name: seconds}."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Settings:
    """One lab. The `PORTS` ports from `port_base` on are its own."""

    home: Path = field(default_factory=lambda: default_home())
    port_base: int = 27000
    build: str = "default"
    deny: tuple[str, ...] = ()  # API actions that answer AccessDenied, such as "ecs:StopTask"
    tasks: int = 3
    multi_az: bool = True
    replication: Replication = "synchronous"  # "asynchronous": a failover of foodconnect-db loses acknowledged writes
    simulated: Simulated = field(default_factory=Simulated)
    stop_timeout_s: float = 5.0  # from SIGTERM to SIGKILL

    @property
    def alb_port(self) -> int:
        """The load balancer's listener."""
        return self.port_base

    @property
    def alb_admin_port(self) -> int:
        """Envoy's admin interface."""
        return self.port_base + 1

    @property
    def database_port(self) -> int:
        """The fixed database endpoint."""
        return self.port_base + 2

    @property
    def link_admin_port(self) -> int:
        """The link process's admin interface."""
        return self.port_base + 3

    @property
    def api_port(self) -> int:
        """The AWS API."""
        return self.port_base + 4

    @property
    def postgres_ports(self) -> tuple[int, int]:
        """The two servers of the pair."""
        return self.port_base + 5, self.port_base + 6

    @property
    def people_port(self) -> int:
        """Where the stand-ins of PagerDuty, Slack and Statuspage listen."""
        return self.port_base + 7

    @property
    def spare_ports(self) -> range:
        """For database servers that are created later: replicas and other instances."""
        return range(self.port_base + 8, self.port_base + PORTS - 1)

    @property
    def standby_link_port(self) -> int:
        """What an asynchronous standby follows its primary through, late."""
        return self.port_base + PORTS - 1


def default_home() -> Path:
    """Return the folder of this user's lab.

    It lies in the temporary folder, because as root PostgreSQL runs as `nobody`, who must be able to reach it.
    """
    user = hashlib.sha256(str(Path.home()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"foodconnect-lab-{os.getuid()}-{user}"
