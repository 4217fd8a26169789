"""`gameday check --resolve` on a real lab: whether the names in the pages lead somewhere, and what it tells if not."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path

import boto3

from gameday import runbooks
from gameday.aws import LAB_KEYS
from gameday.runbooks.drift import INDEX
from tests.e2e.conftest import ROOT, Desk

PAGES = [page for page in runbooks.pages(ROOT) if page.name != INDEX]


def be_used(desk: Desk) -> None:
    """Ask the service something until it has told its metrics: a service that nobody uses has none."""
    state = json.loads(desk("lab", "status", "--json").out)
    cloudwatch = boto3.client("cloudwatch", "eu-west-1", endpoint_url=state["endpoint"], **LAB_KEYS)  # type: ignore[call-overload]
    deadline = time.monotonic() + 60
    while not cloudwatch.list_metrics(Namespace="FoodConnect", MetricName="ErrorRate")["Metrics"]:
        assert time.monotonic() < deadline, "no ErrorRate after a minute"
        urllib.request.urlopen(f"{state['url']}/posts?limit=1", timeout=10).close()
        time.sleep(0.3)


def test_all_names_of_all_pages_resolve(desk: Desk) -> None:
    """Every reading command of every page is answered by the lab, also those that follow `NAME=$(aws ...)`."""
    be_used(desk)
    ended = desk("check", "--resolve", *[str(page) for page in PAGES])
    assert ended.err == "" and ended.code == 0
    counts = [int(count) for count in re.findall(r"(\d+) commands? resolve", ended.out)]
    assert len(counts) == len(PAGES) and sum(counts) >= 60
    assert f"{len(PAGES)} files are fine" in ended.out


def test_names_that_are_gone_are_told_where_they_stand(desk: Desk, tmp_path: Path) -> None:
    """A cluster, service, alarm, database, metric, target group of another name: each with its line; exit 2."""
    gone = [
        "aws ecs describe-services --cluster foodconnect-clusters --services foodconnect-backend",
        "aws ecs describe-services --cluster foodconnect-cluster --services foodconnect-backnd",
        "aws cloudwatch describe-alarms --alarm-names foodconnect-error-rat",
        "aws rds describe-db-instances --db-instance-identifier foodconnect-dbs",
        "aws cloudwatch list-metrics --namespace FoodConnect --metric-name Errors",
        "T=$(aws elbv2 describe-target-groups --names foodconnect-tg --query TargetGroups[0].TargetGroupArn)",
    ]
    path = tmp_path / "page.md"
    good = "aws ecs list-tasks --cluster foodconnect-cluster --service-name foodconnect-backend"
    path.write_text("\n".join(["# A page", "## Steps", "### 1. Do", "```bash", *gone, good, "```", ""]))
    ended = desk("check", "--resolve", str(path))
    assert ended.code == 2 and "5 problems in 1 file" in ended.err and "Traceback" not in ended.err
    assert [int(line) for line in re.findall(rf"{path}:(\d+):", ended.err)] == [5, 6, 7, 8, 10, 9]


def test_nothing_asked_is_not_well(desk: Desk, tmp_path: Path) -> None:
    """A page of which no command can be asked ends with exit 4, and never with `fine`."""
    path = tmp_path / "page.md"
    path.write_text("# A page\n## Steps\n### 1. Do\n```bash\naws ecs delete-service --service s\n```\n")
    ended = desk("check", "--resolve", str(path))
    assert ended.code == 4 and "no command could be asked" in ended.err and "fine" not in ended.out
