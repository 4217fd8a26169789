"""What services use and how many tasks they have, as AWS/ECS and ECS/ContainerInsights metrics, each second.

CPU and memory are those of the real processes behind the tasks, as a share of what a task reserves: 1024 CPU units
are one core of this machine. RestartCount is not put, as on AWS for containers without a restart policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psutil

from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_model import Status, Task
from lab.aws.ecs_service import Service
from lab.aws.ecs_tasks import pending, running
from lab.aws.metrics import Metric, MetricStore
from lab.settings import CLUSTER

NAMESPACE, INSIGHTS = "AWS/ECS", "ECS/ContainerInsights"
LIVE = (Status.ACTIVATING, Status.RUNNING, Status.DEACTIVATING)  # as AWS counts LiveTaskCount
UNITS_PER_CORE = 1024
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Use:
    """What a running task uses and reserves: CPU units, mebibytes."""

    cpu: float
    cpu_reserved: float
    memory: float
    memory_reserved: float


@dataclass(slots=True)
class Meter:
    """Follows one process: the processor time it had used when it was looked at last."""

    process: psutil.Process
    at: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A service at one instant: its records, so that measuring needs no lock."""

    name: str
    desired: int
    deployments: int
    tasks: tuple[tuple[Task, Status, int | None], ...]  # with lastStatus and pid

    @classmethod
    def of(cls, service: Service, tasks: Iterable[Task]) -> Snapshot:
        """Take it, under the world's lock."""
        listed = tuple((task, task.last, task.process.pid if task.process else None) for task in tasks)
        return cls(service.name, service.desired, len(service.deployments), listed)


@dataclass(slots=True)
class EcsMetrics:
    """Measures the tasks' processes and writes ECS's metrics into the store. One thread calls it."""

    store: MetricStore
    meters: dict[str, Meter] = field(default_factory=dict)

    @staticmethod
    def look(ecs: Ecs) -> tuple[list[Snapshot], bool]:
        """Return every service that is not deleted, and whether Container Insights is on. Under the world's lock."""
        services = [service for service in ecs.services.values() if service.status != "INACTIVE"]
        return [Snapshot.of(each, ecs.tasks.of(each.group)) for each in services], ecs.insights != "disabled"

    def put(self, services: Iterable[Snapshot], insights: bool, now: float) -> None:
        """Put the metrics of the second that has passed."""
        listed = list(services)
        used = {service.name: self._uses(service, now) for service in listed}
        alive = {task.id for service in listed for task, status, _ in service.tasks if status is Status.RUNNING}
        self.meters = {name: meter for name, meter in self.meters.items() if name in alive}
        for service in listed:
            names = {"ClusterName": CLUSTER, "ServiceName": service.name}
            live = sum(status in LIVE for _, status, _ in service.tasks)
            self.store.put(NAMESPACE, "LiveTaskCount", names, live, at=now, unit="Count")
            self._utilization(names, used[service.name], now)
            if insights:
                self._counts(names, service, now)
                self._totals(names, used[service.name], now)
        whole = {"ClusterName": CLUSTER}
        every = [use for uses in used.values() for use in uses]
        self._utilization(whole, every, now)
        if insights:
            self._totals(whole, every, now)
            ran = sum(status is Status.RUNNING for service in listed for _, status, _ in service.tasks)
            self.store.put(INSIGHTS, "TaskCount", whole, ran, at=now, unit="Count")
            self.store.put(INSIGHTS, "ServiceCount", whole, len(listed), at=now, unit="Count")

    def _uses(self, service: Snapshot, now: float) -> list[Use]:
        found = (self._use(task, pid, now) for task, status, pid in service.tasks if status is Status.RUNNING and pid)
        return [use for use in found if use is not None]

    def _use(self, task: Task, pid: int, now: float) -> Use | None:
        """Return what a task used since it was looked at last; None the first time, or when it is gone."""
        try:
            meter = self.meters.get(task.id)
            process = meter.process if meter else psutil.Process(pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
        except psutil.Error:
            return None
        cpu_s = times.user + times.system + times.children_user + times.children_system
        self.meters[task.id] = Meter(process, now, cpu_s)
        if meter is None or now <= meter.at:
            return None
        units = max(0.0, cpu_s - meter.cpu_s) / (now - meter.at) * UNITS_PER_CORE
        body = task.definition.body
        return Use(units, float(body.get("cpu") or 256), memory / MIB, float(body.get("memory") or 512))

    def _utilization(self, names: Mapping[str, str], uses: list[Use], now: float) -> None:
        """One value a task, kept as a set: 200 tasks cost as much room as one."""
        shares = {
            "CPUUtilization": [100 * use.cpu / use.cpu_reserved for use in uses],
            "MemoryUtilization": [100 * use.memory / use.memory_reserved for use in uses],
        }
        for name, values in shares.items():
            if values:
                metric = Metric.of(NAMESPACE, name, names)
                self.store.put_set(metric, sum(values), len(values), min(values), max(values), now, "Percent")

    def _counts(self, names: Mapping[str, str], service: Snapshot, now: float) -> None:
        tasks = [task for task, _, _ in service.tasks]
        counts = {
            "RunningTaskCount": len(running(tasks)),
            "PendingTaskCount": len(pending(tasks)),
            "DesiredTaskCount": service.desired,
            "DeploymentCount": service.deployments,
            "TaskSetCount": 0,
        }
        for name, value in counts.items():
            self.store.put(INSIGHTS, name, names, value, at=now, unit="Count")

    def _totals(self, names: Mapping[str, str], uses: list[Use], now: float) -> None:
        if not uses:
            return
        totals = {
            "CpuUtilized": (sum(use.cpu for use in uses), "None"),
            "CpuReserved": (sum(use.cpu_reserved for use in uses), "None"),
            "MemoryUtilized": (sum(use.memory for use in uses), "Megabytes"),
            "MemoryReserved": (sum(use.memory_reserved for use in uses), "Megabytes"),
        }
        for name, (value, unit) in totals.items():
            self.store.put(INSIGHTS, name, names, value, at=now, unit=unit)
