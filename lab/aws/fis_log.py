"""What FIS writes to CloudWatch Logs about an experiment whose template says so: one JSON record a step, schema 1 or 2.

The stream is /aws/fis/EXPERIMENT in the group of `logConfiguration`. Delivery is as good as it can be: a group that is
not there, or a lab without CloudWatch Logs, loses the records and never the experiment. Nothing is written to S3.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lab.aws.fis_experiment import ActionRun, Experiment
from lab.aws.fis_targets import Resource
from lab.aws.names import instant
from lab.aws.own_api import OwnApi
from lab.aws.registry import AwsError
from lab.settings import ACCOUNT
from lab.truth import Truth

Details = Mapping[str, object]
SINCE_2 = ("action-error", "target-resolution-detail")


def stamp(at: float | None = None) -> str:
    """Return an instant as the records have it."""
    return f"{instant(time.time() if at is None else at):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class ExperimentLog:
    """Writes the records of one experiment; `lost` once there was nowhere to write them to."""

    api: OwnApi
    truth: Truth
    experiment: Experiment
    opened: bool = False
    lost: bool = False

    def began(self) -> None:
        """The experiment starts."""
        experiment = self.experiment
        self._write(
            "experiment-start",
            {"experiment_template_id": experiment.template.id, "experiment_start_time": stamp(experiment.created_at)},
        )

    def resolving(self, target: str) -> None:
        """A target is looked for."""
        self._write("target-resolution-start", {"target_resolution_start_time": stamp(), "target_name": target})

    def resolved(self, target: str, resources: list[Resource], error: str = "") -> None:
        """A target means these resources, or failed."""
        kind = self.experiment.template.body["targets"][target]["resourceType"]
        known: dict[str, object] = {"target_resolution_end_time": stamp(), "target_name": target}
        if self._version == 2:
            known["target_type"] = kind
        if error:
            known["error_information"] = error
        counted = {"account_id": ACCOUNT, "resolved_targets_count": len(resources)}
        self._write("target-resolution-detail", {**known, **counted, "status": "failed" if error else "completed"})
        found = [{"arn": each.arn} if self._version == 2 else each.arn for each in resources]
        self._write("target-resolution-end", {**known, "resolved_targets": found, "page": 1, "total_pages": 1})

    def action_began(self, name: str, run: ActionRun) -> None:
        """An action starts."""
        details = {**_action(name, run), "action_start_time": stamp(run.started_at)}
        details["action_targets"] = run.body.get("targets") or {}
        parameters = run.body.get("parameters")
        self._write("action-start", {**details, "parameters": parameters} if parameters else details)

    def action_ended(self, name: str, run: ActionRun) -> None:
        """An action is over."""
        state = {"action_state": {"status": run.status, "reason": run.reason}}
        if run.status == "failed":
            self._write("action-error", {**_action(name, run), "account_id": ACCOUNT, **state})
        self._write("action-end", {**_action(name, run), "action_end_time": stamp(run.ended_at), **state})

    def ended(self, status: str, reason: str) -> None:
        """The experiment is over."""
        state = {"status": status, "reason": reason}
        self._write("experiment-end", {"experiment_end_time": stamp(), "experiment_state": state})

    @property
    def _version(self) -> int:
        return int((self.experiment.template.body.get("logConfiguration") or {}).get("logSchemaVersion", 2))

    def _write(self, kind: str, details: Details) -> None:
        configured = self.experiment.template.body.get("logConfiguration") or {}
        group = (configured.get("cloudWatchLogsConfiguration") or {}).get("logGroupArn")
        if group is None or self.lost or (self._version == 1 and kind in SINCE_2):
            return
        record = {"id": self.experiment.id, "log_type": kind, "event_timestamp": stamp(), "version": str(self._version)}
        self._deliver(group.rpartition(":log-group:")[2].removesuffix(":*"), {**record, "details": details})

    def _deliver(self, group: str, record: Details) -> None:
        if not self.api.plays("logs", "PutLogEvents"):
            self.lost = True
            return
        stream = {"logGroupName": group, "logStreamName": f"/aws/fis/{self.experiment.id}"}
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(record)}
        try:
            if not self.opened:
                self.api.call("logs", "CreateLogStream", **stream)
                self.opened = True
            self.api.call("logs", "PutLogEvents", **stream, logEvents=[event])
        except AwsError as error:
            self.lost = True
            self.truth.note("fis.log.lost", experiment=self.experiment.id, group=group, error=str(error))


def _action(name: str, run: ActionRun) -> dict[str, object]:
    return {"action_name": name, "action_id": run.body["actionId"]}
