"""`gameday kpi --on lab`: what ECS tells of its deployments, beside what a watcher left."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from gameday.aws import Aws
from gameday.config import load_settings
from gameday.model import iso
from gameday.release import find, service_deployments
from tests.e2e.conftest import Desk

CLUSTER, SERVICE = "foodconnect-cluster", "foodconnect-backend"


def test_watch_and_ecs_tell_of_the_same_deployment(desk: Desk, tmp_path: Path) -> None:
    """A blind watch of the lab's first deployment adds its commit; ECS tells how it went, and it counts once."""
    endpoint = json.loads(desk("lab", "status", "--json").out)["endpoint"]
    aws = Aws(replace(load_settings(desk.suite).environment("lab"), endpoint=endpoint))
    known = list(service_deployments(aws, CLUSTER, SERVICE))
    first = min(known, key=lambda each: each["createdAt"])
    release = find(aws, CLUSTER, SERVICE, id="release-7", committed=iso(time.time() - 86400))
    document = {
        "schema": 1, "environment": {"name": "lab", "kind": "lab"}, "cluster": CLUSTER, "service": SERVICE,
        "release": release.as_json(), "outcome": "blind",
        "began": first["createdAt"].isoformat(), "ended": first["createdAt"].isoformat(),
        "deployment": {"arn": first["serviceDeploymentArn"], "created_at": first["createdAt"].isoformat()},
    }  # fmt: skip
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "watch.json").write_text(json.dumps(document))
    told = desk("kpi", "--on", "lab", "--runs", str(tmp_path), "--json")
    assert told.code == 0, told.err
    [environment] = json.loads(told.out)["environments"]
    [service] = environment["services"]
    assert environment["kind"] == "lab"
    assert sum(service["outcomes"].values()) == len(known)
    assert service["outcomes"]["good"] >= 1
    found = {kpi["name"]: kpi for kpi in service["kpis"]}
    assert found["lead_time"]["n"] == 1
    assert found["deployment_frequency"]["why"] == "less than a week is known"
