"""A small real lab for these tests: the door, CloudWatch, SNS, EventBridge and its Scheduler, on loopback, and real
boto3 clients."""

from __future__ import annotations

import json
import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import lab.aws.logs
import lab.aws.xray  # noqa: F401  their handlers
from lab.aws.alarms import Alarms
from lab.aws.cloudwatch import CloudWatch
from lab.aws.door import serve
from lab.aws.event_rules import Rules
from lab.aws.events import Events
from lab.aws.logs_insights import Logs
from lab.aws.logs_metric_filters import Publisher
from lab.aws.logs_store import LogStore
from lab.aws.metrics import MetricStore
from lab.aws.scheduler import Schedules
from lab.aws.sns_delivery import Delivery
from lab.aws.sns_hub import Sns
from lab.aws.xray_store import XRay
from lab.settings import REGION, Settings
from lab.truth import Truth

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sts import STSClient

    from lab.aws.world import World


@dataclass
class Core:
    """What the door, CloudWatch, Logs, SNS and EventBridge need of a world."""

    settings: Settings
    lock: threading.RLock
    cloudwatch: CloudWatch
    truth: Truth
    events: Events
    sns: Sns
    rules: Rules
    logs: Logs
    xray: XRay
    schedules: Schedules = field(default_factory=Schedules)

    @classmethod
    def at(cls, home: Path) -> Core:
        """Make one."""
        store, truth, events = MetricStore(), Truth(home / "truth.jsonl"), Events()
        sns = Sns("", truth, store, Delivery(truth, scale=0.005))  # AWS's 20 s are 0.1 s
        rules = Rules(truth, store, {"sns": lambda target, text: sns.take_event(target["Arn"], text)})
        events.listeners.append(rules.hear)
        cloudwatch = CloudWatch(store, Alarms(store, events))
        logs = Logs(LogStore(listeners=[Publisher(store).hear]))
        made = cls(Settings(home=home), threading.RLock(), cloudwatch, truth, events, sns, rules, logs, XRay())
        weakref.finalize(made, truth.close)  # some tests make nothing but a core
        return made

    def as_world(self) -> World:
        """The door asks for a whole world; this half is all that it touches."""
        return cast("World", self)


class Api:
    """A served core and its clients."""

    def __init__(self, home: Path) -> None:
        self.core = Core.at(home)
        self.server = serve(self.core.as_world())
        self.url = self.core.sns.url = self.server.url
        self._clients: list[Any] = []

    def client(self, service: str, **config: object) -> Any:
        """Return a real client of any service."""
        client = boto3.client(
            cast("Any", service),
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(**cast("dict[str, Any]", config)) if config else None,
        )
        self._clients.append(client)
        return client

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """A client of CloudWatch."""
        return cast("CloudWatchClient", self.client("cloudwatch"))

    @property
    def sts(self) -> STSClient:
        """A client of STS."""
        return cast("STSClient", self.client("sts"))

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit log."""
        lines = (self.core.settings.home / "audit.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End the clients, then the server."""
        for client in self._clients:
            client.close()
        self.server.stop()
        self.core.sns.delivery.closing.set()
        self.core.truth.close()


def failure(call: Any, **arguments: object) -> ClientError:
    """Return the error that a client's method raises."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value
