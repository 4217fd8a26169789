"""DB instances for the tests of RDS: made over the API, reached as their master user, ended again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.lab.bench import wait_until
from tests.lab.twin import Twin

Connection = psycopg.Connection[tuple[object, ...]]


def instance(lab: Twin, name: str) -> Any:
    """Return an instance as DescribeDBInstances shows it."""
    return lab.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def names(lab: Twin) -> set[str]:
    """Return the identifiers of all instances."""
    return {each["DBInstanceIdentifier"] for each in lab.rds.describe_db_instances()["DBInstances"]}


def wait_status(lab: Twin, name: str, status: str = "available") -> None:
    """Wait until an instance has a status."""
    wait_until(lambda: instance(lab, name)["DBInstanceStatus"] == status, 30, f"{name} is {status}")


def create(lab: Twin, name: str, **more: Any) -> Any:
    """Create a small instance whose master user and database are `shop`; return it once it is available."""
    given = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "DBName": "shop"}
    password = {"MasterUsername": "shop", "MasterUserPassword": "not a secret"}
    lab.rds.create_db_instance(**{"DBInstanceIdentifier": name, **given, **password, **more})
    wait_status(lab, name)
    return instance(lab, name)


def delete(lab: Twin, name: str) -> None:
    """Delete an instance without a last snapshot, and wait until it is gone."""
    lab.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_until(lambda: name not in names(lab), 30, f"{name} is gone")


@contextmanager
def created(lab: Twin, name: str, **more: Any) -> Iterator[Any]:
    """Yield a new instance, and delete it."""
    yield create(lab, name, **more)
    delete(lab, name)


def connect(shown: Any, **more: Any) -> Connection:
    """Return an autocommit connection through an instance's endpoint, as its master user."""
    port, user, database = shown["Endpoint"]["Port"], shown["MasterUsername"], shown["DBName"]
    return psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=database, autocommit=True, **more)


def one(shown: Any, statement: str) -> object:
    """Return the one value of a statement's one row."""
    with connect(shown) as connection:
        (value,) = connection.execute(statement.encode()).fetchone() or (None,)
        return value


def points(lab: Twin, metric: str, name: str, seconds: int = 60) -> list[tuple[float, float]]:
    """Return (epoch seconds, value) of each second of the last while that has one, oldest first."""
    now = datetime.now(UTC)
    found = lab.cloudwatch.get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName=metric,
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": name}],
        StartTime=now - timedelta(seconds=seconds),
        EndTime=now + timedelta(seconds=1),
        Period=1,
        Statistics=["Average"],
    )["Datapoints"]
    return sorted((each["Timestamp"].timestamp(), each["Average"]) for each in found)


def newest(lab: Twin, metric: str, name: str) -> float | None:
    """Return the value of the last five seconds that is the newest, None without one."""
    found = points(lab, metric, name, 5)
    return found[-1][1] if found else None
