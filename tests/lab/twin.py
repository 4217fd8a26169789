"""A real lab for tests: its own home, free ports, short delays; plain boto3 clients, and the truth to compare with."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from lab import control
from lab.links import Links, LinkState
from lab.settings import CLUSTER, DATABASE, REGION, SERVICE, Settings, Simulated
from lab.state import LabState
from lab.truth import read_truth
from tests.lab.bench import Answer, call, wait_until
from tests.ports import free_port_base

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ServiceTypeDef, TaskTypeDef
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_fis import FISClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBInstanceTypeDef

SHORT = Simulated(
    task_start_s=0.4,
    failover_detection_s=0.5,
    failover_dns_s=0.2,
    deregistration_s=0.4,
    sns_retry_s=0.2,
    acknowledge_s=0.2,
    chat_s=0.1,
    status_page_s=0.1,
    unhealthy_task_s=2.0,
    deployment_bake_s=0.3,
    scaling_out_s=2.0,
    scaling_in_s=3.0,
)
Event = Mapping[str, Any]


@dataclass
class Twin:
    """A running lab."""

    settings: Settings
    state: LabState
    _clients: list[Any] = field(default_factory=list)

    def client(self, service: str, config: Config | None = None) -> Any:
        """Return a new client of a service."""
        client = boto3.client(
            cast("Any", service),
            endpoint_url=self.state.endpoint,
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=config,
        )
        self._clients.append(client)
        return client

    def __post_init__(self) -> None:
        self.ecs = cast("ECSClient", self.client("ecs"))
        self.rds = cast("RDSClient", self.client("rds"))
        self.elbv2 = cast("ElasticLoadBalancingv2Client", self.client("elbv2"))
        self.fis = cast("FISClient", self.client("fis"))
        self.cloudwatch = cast("CloudWatchClient", self.client("cloudwatch"))

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()

    # -- what AWS says ---------------------------------------------------------------------------------

    def service(self, name: str = SERVICE) -> ServiceTypeDef:
        """Return a service."""
        return self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]

    def task(self, arn: str) -> TaskTypeDef:
        """Return a task."""
        return self.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]

    def task_arns(self, service: str = SERVICE) -> list[str]:
        """Return the tasks of a service that should run."""
        return self.ecs.list_tasks(cluster=CLUSTER, serviceName=service)["taskArns"]

    def database(self) -> DBInstanceTypeDef:
        """Return the database instance."""
        return self.rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]

    @property
    def target_group(self) -> str:
        """The target group's ARN."""
        return self.elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]

    def health(self) -> dict[tuple[str, int], str]:
        """Return the state of every registered target."""
        found = self.elbv2.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return {(each["Target"]["Id"], each["Target"]["Port"]): each["TargetHealth"]["State"] for each in found}

    def is_well(self) -> bool:
        """Is everything as after the start? Three healthy tasks, one deployment, a protected database."""
        service = self.service()
        return (
            service["runningCount"] == service["desiredCount"] == 3
            and len(service["deployments"]) == 1
            and service["deployments"][0]["rolloutState"] == "COMPLETED"
            and list(self.health().values()) == ["healthy"] * 3
            and self.database()["DBInstanceStatus"] == "available"
        )

    # -- what is true ----------------------------------------------------------------------------------

    def truth(self, *what: str, since: float = 0.0, **details: object) -> list[Event]:
        """Return the events of these kinds since then that carry these details."""
        events: Iterator[Event] = read_truth(self.settings.home / "truth.jsonl")
        return [
            event
            for event in events
            if (not what or event["what"] in what)
            and event["t"] >= since
            and all(event.get(name) == value for name, value in details.items())
        ]

    def wait_truth(self, what: str, *, since: float, within_s: float = 15.0, **details: object) -> Event:
        """Wait until something has happened; return its first event."""
        wait_until(lambda: self.truth(what, since=since, **details), within_s, f"{what} {details}")
        return self.truth(what, since=since, **details)[0]

    def cool_down(self) -> None:
        """Wait until a failover would not be abandoned: ten seconds after the last one."""
        last = max((event["t"] for event in self.truth("endpoint.swapped")), default=0.0)
        time.sleep(max(0.0, last + 10.5 - time.time()))

    def pid_of(self, task_arn: str) -> int:
        """Return the pid of the process behind a task."""
        return int(self.truth("task.started", task=task_arn.rpartition("/")[2])[0]["pid"])

    def pids(self) -> Mapping[str, int]:
        """Return the lab's processes now."""
        state = control.status(self.settings.home)
        assert state is not None
        return state.pids

    def links(self) -> Mapping[str, LinkState]:
        """Return the state of every TCP link by name: `endpoint`, and `db-...` and `eni-...` of each task."""
        return Links(self.settings.link_admin_port).describe()

    def get(self, path: str = "/posts?limit=1") -> Answer:
        """Make a request through the load balancer."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Make any request through the load balancer."""
        return call(("127.0.0.1", self.settings.alb_port), method, path, body, headers)


def settings_for(home: Path, **more: Any) -> Settings:
    """Return settings with free ports and short delays."""
    return Settings(**{"home": home, "port_base": free_port_base(), "simulated": SHORT, "stop_timeout_s": 1.5, **more})


@contextmanager
def lab_home() -> Iterator[Path]:
    """Yield a home; whatever lab is left in it is stopped."""
    home = Path(tempfile.mkdtemp(prefix="lab-twin-"))
    try:
        yield home
    finally:
        control.down(home)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def twin(**more: Any) -> Iterator[Twin]:
    """Yield a running lab; the keyword arguments are settings."""
    with lab_home() as home:
        settings = settings_for(home, **more)
        lab = Twin(settings, control.up(settings, lambda sentence: None))
        try:
            yield lab
        finally:
            lab.close()
