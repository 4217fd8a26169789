"""Chaos Toolkit's AWS extension against the lab: every function that it exports for the services the lab plays."""

from __future__ import annotations

import importlib
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lab.settings import CLUSTER, REGION, SERVICE
from tests.conformance.chaosaws_table import DEFECT, LAB, REFUSED, ROWS, SCRATCH, WORKS, Found, Row
from tests.conformance.play_fis import BODY
from tests.lab.bench import wait_until
from tests.lab.twin import Twin

SERVICES = ("ecs", "rds", "elbv2", "cloudwatch", "fis")
MODULES = [f"{service}.{half}" for service in SERVICES for half in ("actions", "probes")]


def module(name: str) -> Any:
    """Import a module of the extension, whose own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"chaosaws.{name}")


@pytest.fixture(scope="module")
def found(standing: Twin) -> Iterator[Found]:
    """The lab as the extension finds it by the environment alone, with something to break."""
    wait_until(standing.is_well, 30, "the lab is well")
    at = {"AWS_ENDPOINT_URL": standing.state.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**at, "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"}.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        standing.ecs.create_service(cluster=CLUSTER, serviceName=SCRATCH, taskDefinition=SERVICE, desiredCount=1)
        standing.rds.create_db_instance(
            DBInstanceIdentifier=SCRATCH,
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="keeper",
            MasterUserPassword="long enough",
        )
        standing.rds.get_waiter("db_instance_available").wait(
            DBInstanceIdentifier=SCRATCH, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        template = standing.fis.create_experiment_template(clientToken=uuid.uuid4().hex, **BODY)
        yield Found(
            task=standing.task_arns()[0],
            service_arn=standing.service()["serviceArn"],
            balancer=standing.elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"],
            template=template["experimentTemplate"]["id"],
        )


def call(row: Row, found: Found, lab: Twin) -> Any:
    """Call a row's function, once what came before it has settled."""
    if row.name == "rds.actions.delete_db_instance":
        wait_until(lambda: "stopped" in statuses(lab), 20, "the scratch instance is stopped")
    half, _, name = row.name.rpartition(".")
    given = row.arguments(found) if callable(row.arguments) else row.arguments
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = getattr(module(half), name)(**given)
    if row.name == "fis.actions.start_experiment":
        found.experiment = answer["experiment"]["id"]
    return answer


def statuses(lab: Twin) -> list[str]:
    """Return the status of each instance."""
    return [instance["DBInstanceStatus"] for instance in lab.rds.describe_db_instances()["DBInstances"]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_function_does_what_the_table_says(row: Row, found: Found, standing: Twin) -> None:
    """It works, is refused as in an account without such a thing, or fails by a defect of its own."""
    if row.kind == WORKS or (row.kind == DEFECT and not row.says):
        assert row.holds(call(row, found, standing))
        return
    assert row.kind in (REFUSED, LAB, DEFECT)
    assert row.why
    with pytest.raises(Exception, match=row.says):
        call(row, found, standing)


def test_no_function_is_forgotten() -> None:
    """The table has every function that the extension exports."""
    exported = {f"{name}.{function}" for name in MODULES for function in module(name).__all__}
    assert exported == {row.name for row in ROWS}
