"""DB parameter groups reach the running PostgreSQL: dynamic parameters at once, static ones at the next restart."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from lab.aws.events import Event, Events
from lab.aws.rds_events import EventLog
from lab.aws.rds_parameters import GIB, MAX_CONNECTIONS, evaluate
from lab.aws.registry import AwsError
from tests.lab.bench import wait_until
from tests.lab.databases import connect, create, delete, instance, newest, one, wait_status
from tests.lab.twin import Twin

GROUP = "tight"


@pytest.fixture(scope="module")
def tight(running_lab: Twin) -> Iterator[Any]:
    """An instance with a parameter group of its own for this file, Multi-AZ so that its standby must keep up."""
    lab = running_lab
    lab.rds.create_db_parameter_group(
        DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres16", Description="for a test"
    )
    yield create(lab, "tight-db", DBParameterGroupName=GROUP, MultiAZ=True)
    with pytest.raises(ClientError) as used:
        lab.rds.delete_db_parameter_group(DBParameterGroupName=GROUP)
    assert used.value.response["Error"]["Code"] == "InvalidDBParameterGroupState"
    delete(lab, "tight-db")
    lab.rds.delete_db_parameter_group(DBParameterGroupName=GROUP)


def set_parameter(lab: Twin, name: str, value: str, method: str, group: str = GROUP) -> None:
    """Set one value of a group."""
    changed: list[Any] = [{"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}]
    lab.rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=changed)


def apply_status(lab: Twin) -> str:
    """Return the ParameterApplyStatus of the instance's group."""
    return str(instance(lab, "tight-db")["DBParameterGroups"][0]["ParameterApplyStatus"])


def reboot(lab: Twin) -> None:
    """Reboot without failover, and wait until it is over and the standby protects."""
    lab.rds.reboot_db_instance(DBInstanceIdentifier="tight-db")
    wait_status(lab, "tight-db")


def test_dynamic_parameter_is_in_force_at_once(running_lab: Twin, tight: Any) -> None:
    """statement_timeout, set immediately, ends a long statement without a restart; reset, it does not."""
    lab, started = running_lab, one(tight, "select pg_postmaster_start_time()")
    set_parameter(lab, "statement_timeout", "200", "immediate")
    wait_until(lambda: one(tight, "show statement_timeout") == "200ms", 5, "it is in force")
    with pytest.raises(psycopg.errors.QueryCanceled):
        one(tight, "select pg_sleep(3)")
    assert apply_status(lab) == "in-sync"
    reset: list[Any] = [{"ParameterName": "statement_timeout", "ApplyMethod": "immediate"}]
    lab.rds.reset_db_parameter_group(DBParameterGroupName=GROUP, Parameters=reset)
    wait_until(lambda: one(tight, "show statement_timeout") == "0", 5, "it is no longer in force")
    assert one(tight, "select pg_postmaster_start_time()") == started


def test_idle_transaction_is_ended(running_lab: Twin, tight: Any) -> None:
    """idle_in_transaction_session_timeout really ends a session that holds a transaction open."""
    set_parameter(running_lab, "idle_in_transaction_session_timeout", "200", "immediate")
    asked = "show idle_in_transaction_session_timeout"
    wait_until(lambda: one(tight, asked) == "200ms", 5, "it is in force")
    with contextlib.closing(connect(tight)) as connection:
        connection.execute("begin")
        time.sleep(0.5)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            connection.execute("select 1")


def test_connection_limit_bites_after_the_reboot(running_lab: Twin, tight: Any) -> None:
    """max_connections waits for a reboot, then counts: the next client is told so, and the lab's own way in stays."""
    lab = running_lab
    set_parameter(lab, "max_connections", "16", "pending-reboot")
    assert apply_status(lab) == "pending-reboot"
    assert one(tight, "show max_connections") == str(GIB // 9531392)
    reboot(lab)
    assert (apply_status(lab), one(tight, "show max_connections")) == ("in-sync", "16")
    assert one(tight, "show synchronous_standby_names") != ""
    with contextlib.ExitStack() as held:
        got = 0
        with pytest.raises(psycopg.OperationalError, match="remaining connection slots are reserved"):
            while True:
                held.enter_context(connect(tight))
                got += 1
        assert 4 <= got <= 6  # 16, less the 10 that are the superuser's, less those of them that the lab uses
        wait_until(lambda: newest(lab, "DatabaseConnections", "tight-db") == got, 5, "they are counted")


def test_all_clients_together_exhaust_the_server(running_lab: Twin, tight: Any) -> None:
    """With the superuser's own connections taken too, PostgreSQL says "too many clients already"."""
    superuser = {**tight, "MasterUsername": "postgres"}
    with contextlib.ExitStack() as held, pytest.raises(psycopg.OperationalError, match="too many clients already"):
        for _ in range(17):
            held.enter_context(connect(superuser))


def test_failover_does_not_apply_what_waits_for_a_reboot(running_lab: Twin, tight: Any) -> None:
    """The promoted standby has the values that were in force; the reboot in place then brings a larger limit."""
    lab = running_lab
    wait_status(lab, "tight-db")
    wait_until(lambda: one(tight, "select count(*) from pg_stat_replication") == 1, 10, "it has its standby")
    set_parameter(lab, "max_connections", "40", "pending-reboot")
    lab.rds.reboot_db_instance(DBInstanceIdentifier="tight-db", ForceFailover=True)
    wait_status(lab, "tight-db")
    assert one(tight, "show max_connections") == "16"
    reboot(lab)
    assert one(tight, "show max_connections") == "40"


def test_parameters_that_no_server_starts_with(running_lab: Twin, tight: Any) -> None:
    """A shared memory that the machine does not have: incompatible-parameters; reset and rebooted it is available."""
    lab = running_lab
    set_parameter(lab, "shared_buffers", "1073741823", "pending-reboot")
    lab.rds.reboot_db_instance(DBInstanceIdentifier="tight-db")
    wait_status(lab, "tight-db", "incompatible-parameters")
    reset: list[Any] = [{"ParameterName": "shared_buffers", "ApplyMethod": "pending-reboot"}]
    lab.rds.reset_db_parameter_group(DBParameterGroupName=GROUP, Parameters=reset)
    reboot(lab)
    assert one(tight, "show shared_buffers") == "32MB"
    wait_until(lambda: one(tight, "show synchronous_standby_names") != "", 10, "it is protected again")


def test_parameters_are_those_of_the_server(running_lab: Twin) -> None:
    """DescribeDBParameters pages through PostgreSQL's own list, with sources, types and the class's formula."""
    lab = running_lab
    pages = lab.rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName="default.postgres16")
    found = {each["ParameterName"]: each for page in pages for each in page["Parameters"]}
    assert len(found) > 300
    limit = found["max_connections"]
    assert (limit["ParameterValue"], limit["ApplyType"], limit["Source"]) == (MAX_CONNECTIONS, "static", "system")
    assert found["work_mem"]["ApplyType"] == "dynamic"
    assert found["wal_level"]["IsModifiable"] is False
    own = lab.rds.describe_db_parameters(DBParameterGroupName="foodconnect-db", Source="user")["Parameters"]
    assert [(each["ParameterName"], each["ParameterValue"]) for each in own] == [("max_connections", "100")]
    with psycopg.connect(lab.state.dsn) as connection:
        assert connection.execute("show max_connections").fetchone() == ("100",)


@pytest.mark.parametrize(
    ("name", "value", "method", "code"),
    [
        ("max_connections", "200", "immediate", "InvalidParameterCombination"),
        ("max_connections", "3", "pending-reboot", "InvalidParameterValue"),
        ("statement_timeout", "soon", "immediate", "InvalidParameterValue"),
        ("no_such_parameter", "1", "immediate", "InvalidParameterValue"),
        ("wal_level", "logical", "pending-reboot", "InvalidParameterValue"),
        ("jit", "maybe", "immediate", "InvalidParameterValue"),
        ("jit", "1", "at once", "InvalidParameterValue"),
    ],
)
def test_value_that_cannot_be_is_refused(
    running_lab: Twin, tight: Any, name: str, value: str, method: str, code: str
) -> None:
    """Names, values and methods are checked before anything is changed."""
    with pytest.raises(ClientError) as refused:
        set_parameter(running_lab, name, value, method)
    assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError) as default:
        set_parameter(running_lab, name, value, method, "default.postgres16")
    assert default.value.response["Error"]["Code"] == "InvalidDBParameterGroupState"


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("100", 100),
        ("{DBInstanceClassMemory/9531392}", 450),
        (MAX_CONNECTIONS, 450),
        ("LEAST({DBInstanceClassMemory/9531392},200)", 200),
        ("GREATEST({DBInstanceClassMemory/9531392},500)", 500),
        ("SUM({DBInstanceClassMemory/9531392},{DBInstanceClassMemory*2/9531392})", 1351),
    ],
)
def test_formulas_have_their_value(formula: str, value: int) -> None:
    """A formula over 4 GiB gives what it says."""
    assert evaluate(formula, 4 * GIB) == value


@pytest.mark.parametrize("formula", ["", "many", "{DBInstanceClassMemory/}", "LEAST(1,2", "{1/0}", "LEAST(1;2)"])
def test_formula_that_is_none_is_refused(formula: str) -> None:
    """What is neither a number nor a formula is InvalidParameterValue."""
    with pytest.raises(AwsError) as refused:
        evaluate(formula, GIB)
    assert refused.value.code == "InvalidParameterValue"


def test_events_go_to_the_bus_with_their_number() -> None:
    """EventBridge gets RDS's event with EventID, categories, source and tags, as documented."""
    heard: list[Event] = []
    log = EventLog(Events(listeners=[heard.append]))
    log.put("0013", "db-instance", "some-db", [{"key": "team", "value": "shop"}])
    log.put("0037", "db-parameter-group", "tight", name="jit", value="1", method="immediate")
    first, second = (event.as_dict() for event in heard)
    assert (first["source"], first["detail-type"]) == ("aws.rds", "RDS DB Instance Event")
    assert first["resources"] == ["arn:aws:rds:eu-west-1:123456789012:db:some-db"]
    detail = first["detail"]
    assert (detail["EventID"], detail["SourceType"]) == ("RDS-EVENT-0013", "DB_INSTANCE")
    assert (detail["EventCategories"], detail["SourceIdentifier"]) == (["failover"], "some-db")
    assert detail["Message"] == "Multi-AZ instance failover started."
    assert detail["Tags"] == {"team": "shop"}
    assert second["detail-type"] == "RDS DB Parameter Group Event"
    assert second["detail"]["Message"] == "Updated parameter jit to 1 with apply method immediate"
