"""What FIS's actions do here, each with its undo. They run on the experiment's own thread, without the world's lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecs_cluster import Ecs
from lab.aws.fis_faults import ActionFailed, Asked, Undo, check_prerequisites
from lab.aws.fis_io import stress_io
from lab.aws.fis_network import Network
from lab.aws.fis_process import kill_process, stress_cpu
from lab.aws.fis_targets import InvalidTarget
from lab.aws.own_api import OwnApi
from lab.aws.registry import AwsError
from lab.truth import Truth

Starter = Callable[[Asked], Undo | None]


@dataclass(slots=True)
class Actions:
    """The hands of FIS."""

    lock: RLock
    truth: Truth
    ecs: Ecs
    api: OwnApi
    cloudwatch: CloudWatch
    network: Network
    home: Path

    def start(self, asked: Asked) -> Undo | None:
        """Do it; return the undo if there is one. ActionFailed or InvalidTarget when it cannot be done."""
        starters: dict[str, Starter] = {
            "aws:cloudwatch:assert-alarm-state": self._assert_alarms,
            "aws:ecs:drain-container-instances": self._drain,
            "aws:ecs:stop-task": self._stop_tasks,
            "aws:ecs:task-cpu-stress": lambda asked: stress_cpu(asked, self.truth),
            "aws:ecs:task-io-stress": lambda asked: stress_io(asked, self.truth, self.home),
            "aws:ecs:task-kill-process": lambda asked: kill_process(asked, self.truth),
            "aws:ecs:task-network-blackhole-port": self.network.blackhole_port,
            "aws:ecs:task-network-latency": self.network.latency,
            "aws:ecs:task-network-packet-loss": self.network.packet_loss,
            "aws:fis:wait": lambda asked: None,
            "aws:rds:reboot-db-instances": self._reboot,
        }
        check_prerequisites(asked)
        return starters[asked.action_id](asked)

    def _stop_tasks(self, asked: Asked) -> None:
        with self.lock:
            for task in asked.tasks:
                self.ecs.tasks.stop(task, f"Task stopped by AWS FIS experiment {asked.experiment}", "UserInitiated")

    def _reboot(self, asked: Asked) -> None:
        for resource in asked.resources:
            name, failover = resource.arn.rpartition(":")[2], asked.flag("forceFailover")
            self.truth.note("reboot.asked", instance=name, failover=failover, experiment=asked.experiment)
            try:
                self.api.call("rds", "RebootDBInstance", DBInstanceIdentifier=name, ForceFailover=failover)
            except AwsError as error:
                raise ActionFailed(error.message) from error

    def _drain(self, asked: Asked) -> None:
        """Fargate has no container instances."""
        arn = asked.resources[0].arn
        raise InvalidTarget(f"The cluster {arn} has no container instances to drain: its tasks run on AWS Fargate.")

    def _assert_alarms(self, asked: Asked) -> None:
        wanted = set(asked.parameters["alarmStates"].split(","))
        with self.lock:
            for alarm_arn in asked.parameters["alarmArns"].split(","):
                record = self.cloudwatch.alarms.get(alarm_arn.rpartition(":alarm:")[2])
                if record is None:
                    raise ActionFailed(f"The alarm {alarm_arn} does not exist.")
                if record.state.value not in wanted:
                    raise ActionFailed(f"The alarm {alarm_arn} is in state {record.state.value}.")
