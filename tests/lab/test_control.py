"""A lab comes up whole or not at all, tells what it is, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from lab import checks, control
from lab.__main__ import parse
from lab.settings import DATABASE, PORTS, LabError, Settings, Simulated
from tests.lab.bench import exists, wait_until
from tests.lab.twin import Twin, lab_home, settings_for, twin

GONE_S = 5.0  # the longest that children may outlive their daemon


def quiet(sentence: str) -> None:
    """Take no notice of progress."""


def family(state: control.LabState) -> set[int]:
    """Return the pids of a lab with all their descendants."""
    found = set(state.pids.values())
    for pid in state.pids.values():
        found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return found


def serves(lab: Twin) -> bool:
    """Is a request through the load balancer answered well?"""
    try:
        return lab.get().status == 200
    except OSError:
        return False


def none_left(pids: set[int]) -> bool:
    """Have all of them ended?"""
    return not any(map(exists, pids))


def test_lab_comes_up_tells_what_it_is_and_goes() -> None:
    """Up: progress in sentences, three healthy tasks, every address works. Down: no process, only logs stay."""
    with lab_home() as home:
        sentences: list[str] = []
        settings = settings_for(home)
        state = control.up(settings, sentences.append)
        assert any("PostgreSQL" in sentence for sentence in sentences)
        lab = Twin(settings, state)
        try:
            assert lab.is_well()
            assert lab.get().status == 200
        finally:
            lab.close()
        assert control.status(home) == state
        shown = state.as_dict()
        assert shown["simulated"] == settings.simulated.as_dict()
        assert {"daemon", "envoy", "link", "keeper", "people", "postgres-az_a", "postgres-az_b"} <= set(state.pids)
        pids = family(state)
        assert control.down(home)
        assert none_left(pids)
        assert control.status(home) is None
        left = {path.name for path in home.iterdir()}
        assert left == {"truth.jsonl", "audit.jsonl", "people.jsonl", "logs", "daemon.lock"}
        assert not control.down(home)


def test_second_lab_in_the_same_home_is_refused(lab: Twin) -> None:
    """A home has one lab: a second `up` says how to stop the first, which goes on."""
    with pytest.raises(LabError, match="already running"):
        control.up(lab.settings, quiet)
    assert lab.get().status == 200


def test_two_labs_live_side_by_side(lab: Twin) -> None:
    """Another home and other ports: both labs are well, and none of their tasks share an address."""
    with twin() as other:
        assert other.is_well()
        assert not set(other.health()) & set(lab.health())
    assert lab.get().status == 200


@pytest.mark.parametrize("offset", range(0, PORTS, 5))
def test_port_in_use_is_named(offset: int) -> None:
    """A taken port, first, middle or last: the error names it, its process and --port-base; nothing stays."""
    with lab_home() as home:
        settings = settings_for(home)
        taken = socket.create_server(("127.0.0.1", settings.port_base + offset))
        with taken, pytest.raises(LabError) as refused:
            control.up(settings, quiet)
        message = str(refused.value)
        assert str(settings.port_base + offset) in message
        assert str(os.getpid()) in message
        assert "--port-base" in message
        assert control.status(home) is None


def test_unknown_build_is_refused_with_the_known_ones() -> None:
    """A build that does not exist is refused before anything starts."""
    with lab_home() as home, pytest.raises(LabError, match="default"):
        control.up(settings_for(home, build="defualt"), quiet)


def test_home_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    """A file where the home should be: a sentence, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="--home"):
        control.up(settings_for(tmp_path / "file" / "home"), quiet)


def test_children_end_with_a_killed_daemon() -> None:
    """SIGKILL of the daemon: every child is gone within five seconds, down clears the folder, a new lab comes up."""
    with lab_home() as home:
        settings = settings_for(home)
        state = control.up(settings, quiet)
        pids = family(state)
        assert len(pids) > 10
        os.kill(state.pids["daemon"], signal.SIGKILL)
        assert wait_until(lambda: none_left(pids), GONE_S, "all children ended") < GONE_S
        assert control.status(home) is None
        assert (home / "postgres").exists()
        assert control.down(home) is False
        assert not (home / "postgres").exists(), "down removes what nobody could"
        assert control.up(settings, quiet).pids["daemon"] not in pids


@pytest.mark.parametrize("after_s", [0.1, 0.6, 1.2])
def test_interrupted_start_leaves_nothing(after_s: float) -> None:
    """SIGTERM while the lab starts: the daemon ends, and nothing of its family is left."""
    with lab_home() as home:
        command = [sys.executable, "-m", "lab", *control.arguments(settings_for(home))]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
            time.sleep(after_s)
            pids = {child.pid for child in psutil.Process(daemon.pid).children(recursive=True)} | {daemon.pid}
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(10)
        assert wait_until(lambda: none_left(pids), GONE_S, "all ended") < GONE_S
        assert control.status(home) is None
        assert not [each for each in psutil.process_iter(["cmdline"]) if str(home) in (each.info["cmdline"] or [])]


def test_abandoned_up_leaves_nothing() -> None:
    """Whoever waits for the lab is interrupted (an exception in the progress callback): the lab is taken down."""
    with lab_home() as home:

        def interrupt(sentence: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            control.up(settings_for(home), interrupt)
        assert control.status(home) is None
        assert not [
            each for each in psutil.process_iter(["cmdline"]) if str(home) in " ".join(each.info["cmdline"] or [])
        ]


def test_denied_action_is_refused_and_others_are_not() -> None:
    """`deny` reaches the API: RebootDBInstance is AccessDenied, describing works, and the database stays as it is."""
    with twin(deny=("rds:RebootDBInstance",), tasks=1) as lab:
        with pytest.raises(ClientError) as refused:
            lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
        assert lab.database()["DBInstanceStatus"] == "available"
        simulated = lab.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/foodconnect-gameday-runner",
            ActionNames=["rds:RebootDBInstance", "rds:DescribeDBInstances"],
        )
        decisions = [result["EvalDecision"] for result in simulated["EvaluationResults"]]
        assert decisions == ["explicitDeny", "allowed"]
        assert control.status(lab.settings.home) == lab.state
        assert lab.state.deny == ("rds:RebootDBInstance",)


def test_staging_has_its_lock_table_and_its_runner(lab: Twin) -> None:
    """The lab's own seeding is in no audit; its first caller finds the lock table, the role, and itself."""
    table = lab.client("dynamodb")
    key = {"environment": {"S": "lab"}}
    assert table.describe_table(TableName="gameday-locks")["Table"]["TableStatus"] == "ACTIVE"
    assert "Item" not in table.get_item(TableName="gameday-locks", Key=key)
    session = lab.client("sts").get_caller_identity()["Arn"]
    role = lab.client("iam").get_role(RoleName=session.split("/")[1])["Role"]["Arn"]
    answer = lab.client("iam").simulate_principal_policy(PolicySourceArn=role, ActionNames=["ecs:StopTask"])
    assert [result["EvalDecision"] for result in answer["EvaluationResults"]] == ["allowed"]
    lines = [json.loads(line) for line in (lab.settings.home / "audit.jsonl").read_text().splitlines()]
    assert not [line for line in lines if line["operation"] in ("CreateTable", "CreateRole")]


def test_single_server_cannot_fail_over_but_recovers() -> None:
    """Without Multi-AZ a forced failover is refused as on AWS; a killed server is started again in place."""
    with twin(multi_az=False, tasks=1) as lab:
        instance = lab.database()
        assert not instance["MultiAZ"]
        assert "SecondaryAvailabilityZone" not in instance
        with pytest.raises(ClientError) as refused:
            lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"
        began = time.time()
        os.kill(lab.pids()["postgres-az_a"], signal.SIGKILL)
        lab.wait_truth("primary.restarted", since=began)
        wait_until(lambda: serves(lab), 10, "served again")


def test_state_follows_the_processes(lab: Twin) -> None:
    """A replaced task's pid leaves the lab's state, and its successor's comes in."""
    before = lab.pids()
    name = next(name for name in before if name.startswith("task-"))
    os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: name not in lab.pids(), 5, "the old pid is out")
    wait_until(lambda: sum(each.startswith("task-") for each in lab.pids()) == 3, 10, "the new pid is in")


@pytest.mark.parametrize("part", ["envoy", "link", "keeper", "people"])
def test_killed_part_comes_back(lab: Twin, part: str) -> None:
    """The load balancer, the link process, the keeper and the people are started anew when somebody ends them."""
    before = lab.pids()[part]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: lab.pids().get(part, before) != before, 10, f"another {part}")
    wait_until(lambda: serves(lab), 10, "served again")
    wait_until(lab.is_well, 20, "well again")


def test_arguments_give_the_settings_back() -> None:
    """The command line that `up` writes is read by `python -m lab` as the same settings."""
    delays = Simulated(task_start_s=0.25, failover_detection_s=3, failover_dns_s=0, deregistration_s=7.5)
    settings = Settings(
        home=Path("/somewhere"),
        port_base=23456,
        build="no-retry",
        deny=("ecs:StopTask", "rds:*"),
        tasks=5,
        multi_az=False,
        replication="asynchronous",
        simulated=delays,
        stop_timeout_s=2.5,
    )
    assert parse(control.arguments(settings)) == settings


def test_calls_do_not_wait_for_a_failover(lab: Twin) -> None:
    """While the database fails over the API is read, again and again: no call waits for the failover's end."""
    lab.cool_down()
    reads: list[tuple[float, float]] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            asked = time.time()
            lab.service()
            reads.append((asked, time.time()))

    began = time.time()
    reader = threading.Thread(target=read)
    reader.start()
    try:
        lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
        lab.wait_truth("standby.rejoined", since=began)
    finally:
        over.set()
        reader.join()
    killed, back = (lab.truth(what, since=began)[0]["t"] for what in ("primary.killed", "primary.writable"))
    assert sum(killed < asked and answered < back for asked, answered in reads) >= 2


def test_too_little_room_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room: the sentence says how much there is, how much is needed, and what to change."""
    monkeypatch.setattr(checks, "ROOM_MB", 10**12)
    with pytest.raises(LabError, match=r"MB left, the lab needs 1000000000000; .* --home"):
        checks.check_room(tmp_path)
