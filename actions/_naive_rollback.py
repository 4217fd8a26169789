"""The rollback script that many pipelines begin with, to be tested like any other automation.

    python -m actions._naive_rollback '{"cluster", "service", "region", "kind", "endpoint", "period_s"}'

When FoodConnect/ErrorRate has been above 5 % on average for five periods, the service goes back to its previous task
definition. Its weaknesses are real ones: a mean over tasks is not weighted by requests, no data counts as well, and a
task definition that names its image by a tag brings back whatever that tag means today. It says what it does as JSON
lines {"at", "what", ...}: `watching`, `detected`, `rollback`, `ended`.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from gameday.aws import Aws
from gameday.config import Environment
from gameday.model import iso

PERCENT = 5.0
PERIODS = 5
LONGEST_S = 3600.0


def main(text: str) -> int:
    """Watch one service until it was rolled back, an hour at most."""
    facts = json.loads(text)
    aws = Aws(Environment(facts["kind"], facts["region"], endpoint=facts["endpoint"]))
    period_s, deadline = int(facts["period_s"]), time.monotonic() + LONGEST_S
    _say("watching", service=facts["service"])
    while (rate := _error_rate(aws, facts["service"], period_s)) is None or rate <= PERCENT:
        if time.monotonic() > deadline:
            _say("ended", why="nothing was wrong within an hour")
            return 0
        time.sleep(period_s)
    _say("detected", percent=round(rate, 2), periods=PERIODS)
    previous = _previous(aws, facts["cluster"], facts["service"])
    _say("rollback", task_definition=previous)
    aws.ecs.update_service(cluster=facts["cluster"], service=facts["service"], taskDefinition=previous)
    aws.ecs.get_waiter("services_stable").wait(
        cluster=facts["cluster"], services=[facts["service"]], WaiterConfig={"Delay": max(1, period_s // 4)}
    )
    _say("ended", why="the service is stable")
    return 0


def _error_rate(aws: Aws, service: str, period_s: int) -> float | None:
    """Return the mean of the last five periods in percent; None with fewer."""
    now = datetime.now(UTC)
    found = aws.cloudwatch.get_metric_statistics(
        Namespace="FoodConnect",
        MetricName="ErrorRate",
        Dimensions=[{"Name": "Service", "Value": service}],
        StartTime=now - timedelta(seconds=period_s * (PERIODS + 2)),
        EndTime=now,
        Period=period_s,
        Statistics=["Average"],
    )["Datapoints"]
    newest = sorted(found, key=lambda point: point["Timestamp"])[-PERIODS:]
    return sum(point["Average"] for point in newest) / PERIODS if len(newest) == PERIODS else None


def _previous(aws: Aws, cluster: str, service: str) -> str:
    """Return the newest active revision of the family beside the one that runs."""
    now = aws.ecs.describe_services(cluster=cluster, services=[service])["services"][0]["taskDefinition"]
    family = now.rpartition("/")[2].partition(":")[0]
    arns = aws.ecs.list_task_definitions(familyPrefix=family, status="ACTIVE", sort="DESC")["taskDefinitionArns"]
    return next(arn for arn in arns if arn != now)


def _say(what: str, **details: Any) -> None:
    print(json.dumps({"at": iso(time.time()), "what": what, **details}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
