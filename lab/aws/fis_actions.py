"""What FIS's actions do here, each with its undo. They run on the experiment's own thread, without the world's lock.

Network latency is put on the target task's own egress link to the database: the others never feel it. With the
source ALL what the task answers to the load balancer is delayed as well, health checks included, as on AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock

from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Task
from lab.aws.ecs_runner import EGRESS_NETWORK, egress_link, interface_link
from lab.aws.fis_targets import Resource
from lab.aws.rds_instance import Rds
from lab.aws.registry import AwsError
from lab.faults import Fault
from lab.links import Links
from lab.settings import LabError
from lab.truth import Truth

Undo = Callable[[], None]
DATABASE_HOSTS = ("127.0.0.1", "localhost")


class ActionFailed(Exception):
    """An action could not do what it was asked."""


@dataclass(slots=True)
class Actions:
    """The hands of FIS; `slowed` says which experiment holds which link."""

    lock: RLock
    truth: Truth
    ecs: Ecs
    rds: Rds
    links: Links
    cloudwatch: CloudWatch
    slowed: dict[str, str] = field(default_factory=dict)

    def start(
        self, action_id: str, experiment: str, parameters: Mapping[str, str], resources: list[Resource]
    ) -> Undo | None:
        """Do it; return the undo if there is one. ActionFailed when it cannot be done."""
        tasks = [resource.task for resource in resources if resource.task is not None]
        match action_id:
            case "aws:ecs:stop-task":
                self._stop_tasks(experiment, tasks)
            case "aws:ecs:task-network-latency":
                return self._delay(experiment, tasks, parameters)
            case "aws:rds:reboot-db-instances":
                self._reboot(force=parameters.get("forceFailover", "false").lower() == "true")
            case "aws:cloudwatch:assert-alarm-state":
                self._assert_alarms(parameters)
        return None

    def _stop_tasks(self, experiment: str, tasks: Iterable[Task]) -> None:
        with self.lock:
            for task in tasks:
                self.ecs.tasks.stop(task, f"Task stopped by AWS FIS experiment {experiment}", "UserInitiated")

    def _reboot(self, *, force: bool) -> None:
        try:
            with self.lock:
                self.rds.reboot(force_failover=force)
        except AwsError as error:
            raise ActionFailed(error.message) from error

    def _assert_alarms(self, parameters: Mapping[str, str]) -> None:
        wanted = set(parameters["alarmStates"].split(","))
        with self.lock:
            for alarm_arn in parameters["alarmArns"].split(","):
                record = self.cloudwatch.alarms.get(alarm_arn.rpartition(":alarm:")[2])
                if record is None:
                    raise ActionFailed(f"The alarm {alarm_arn} does not exist.")
                if record.state.value not in wanted:
                    raise ActionFailed(f"The alarm {alarm_arn} is in state {record.state.value}.")

    def _delay(self, experiment: str, tasks: list[Task], parameters: Mapping[str, str]) -> Undo:
        sources = parameters.get("sources", "ALL").split(",")
        plain = Fault(
            latency_ms=float(parameters.get("delayMilliseconds", "200")),
            jitter_ms=float(parameters.get("jitterMilliseconds", "10")),
            percent=float(parameters.get("flowsPercent", "100")),
        )
        faults: dict[str, tuple[Task, Fault]] = {}
        for task in tasks:
            if covers_database(sources, self.rds.zone):
                faults[egress_link(task)] = task, replace(plain, direction="up")
            if "ALL" in sources:
                faults[interface_link(task)] = task, replace(plain, direction="down")
        self._claim(experiment, faults)
        undo = self._undo(faults)
        try:
            for link, (task, fault) in faults.items():
                self.links.set(link, fault)
                self.truth.note("latency.on", task=task.id, link=link, experiment=experiment, fault=fault.as_dict())
        except LabError as error:
            undo()
            raise ActionFailed(f"The fault could not be injected: {error}") from error
        return undo

    def _claim(self, experiment: str, faults: Iterable[str]) -> None:
        """A task takes one network fault at a time."""
        with self.lock:
            if taken := [link for link in faults if link in self.slowed]:
                raise ActionFailed(f"Experiment {self.slowed[taken[0]]} already disturbs the network of this task.")
            self.slowed.update(dict.fromkeys(faults, experiment))

    def _undo(self, faults: Mapping[str, tuple[Task, Fault]]) -> Undo:
        def undo() -> None:
            for link, (task, _) in faults.items():
                try:
                    self.links.clear(link)
                    self.truth.note("latency.off", task=task.id, link=link)
                except LabError:
                    if link in self.links.describe():
                        raise
                    self.truth.note("latency.off", task=task.id, link=link, gone=True)  # with its stopped task
                finally:
                    self.slowed.pop(link, None)

        return undo


def covers_database(sources: Iterable[str], zone: str) -> bool:
    """Does one of these FIS sources mean the database: by address, network, name, its zone, or ALL?"""
    return any(_covers(source.strip(), zone) for source in sources)


def _covers(source: str, zone: str) -> bool:
    if source in ("ALL", zone, *DATABASE_HOSTS):
        return True
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return network.overlaps(ipaddress.ip_network(EGRESS_NETWORK)) or ipaddress.ip_address("127.0.0.1") in network
