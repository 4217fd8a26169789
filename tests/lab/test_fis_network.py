"""FIS's network actions: felt by the target task, measured at its links and by requests, and nothing is left."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.aws.fis_targets import ZONE_IDS
from lab.faults import Fault
from lab.settings import CLUSTER, SERVICE, ZONES
from tests.lab.bench import Address, call, least, round_trip_ms, wait_until
from tests.lab.fis_lease import Lease, address_of, times_ms
from tests.lab.fis_words import SERVICE_TASKS, latency, on_tasks, one_task
from tests.lab.twin import Twin


def test_latency_is_felt_by_the_target_only_and_ends_by_itself(fis: Lease) -> None:
    """200 ms towards the database on one of three tasks; nobody asks, and after its duration it is off."""
    before = times_ms(fis.lab)
    began = time.time()
    experiment = fis.play({"slow": latency(duration="PT3S")}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("latency.on", since=began)
    (arn,) = fis.targets(experiment)
    during = times_ms(fis.lab)
    assert max(before.values()) < 150
    assert during[arn] >= 200
    assert max(ms for each, ms in during.items() if each != arn) < 150
    off = fis.lab.wait_truth("latency.off", since=began)
    assert 3 <= off["t"] - on["t"] < 6
    assert max(times_ms(fis.lab).values()) < 150
    fis.wait(experiment, "completed")


def test_latency_on_all_sources_reaches_the_load_balancer(fis: Lease) -> None:
    """Sources ALL: what a task answers is delayed too, also where no database is asked."""
    targets = {"tasks": {**SERVICE_TASKS, "selectionMode": "ALL"}}
    experiment = fis.play({"slow": latency(sources="ALL")}, targets)

    def slowed() -> set[tuple[str, str]]:
        events = fis.lab.truth("latency.on", experiment=experiment)
        return {(each["task"], each["link"].partition("-")[0]) for each in events}

    wait_until(lambda: len(slowed()) == 6, 5, "both links of three tasks")
    tasks = [arn.rpartition("/")[2] for arn in fis.targets(experiment)]
    assert slowed() == {(task, link) for task in tasks for link in ("db", "eni")}
    assert fis.lab.get("/health").ms >= 200
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert least(lambda: fis.lab.get("/health").ms, 150) < 150


def test_latency_elsewhere_is_not_felt(fis: Lease) -> None:
    """Sources that do not hold the database: the experiment runs, and no link is touched."""
    began = time.time()
    experiment = fis.play({"slow": latency(sources="10.0.20.0/24,S3")}, {"tasks": SERVICE_TASKS})
    fis.wait(experiment, "running")
    assert max(times_ms(fis.lab).values()) < 150
    assert not fis.lab.truth("latency.on", since=began)


def test_two_network_faults_on_one_task_are_refused(fis: Lease) -> None:
    """A task whose network is disturbed already takes no second fault; the first stays in force."""
    arn = fis.lab.task_arns()[0]
    target = {"resourceType": "aws:ecs:task", "resourceArns": [arn], "selectionMode": "ALL"}
    first = fis.play({"slow": latency()}, {"tasks": target})
    fis.wait_slow(first)
    second = fis.play({"slow": latency()}, {"tasks": target})
    fis.wait(second, "failed")
    assert fis.status(first) == "running"
    assert times_ms(fis.lab)[arn] >= 200


def test_fault_of_a_task_that_was_stopped_is_undone_without_it(fis: Lease) -> None:
    """The slowed task is stopped meanwhile: its link is gone, the truth says so, and the experiment ends well."""
    began = time.time()
    experiment = fis.play({"slow": latency(duration="PT2S")}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(experiment)
    (arn,) = fis.targets(experiment)
    fis.lab.ecs.stop_task(cluster=CLUSTER, task=arn)
    fis.wait(experiment, "completed")
    assert [event["gone"] for event in fis.lab.truth("latency.off", since=began)] == [True]


def test_delay_can_be_measured_through_the_link(fis: Lease) -> None:
    """A question to the database through the slowed task's link takes as long as said, and no longer once stopped."""
    experiment = fis.play({"slow": latency()}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(experiment)
    links = fis.lab.links()
    [slowed] = [state for state in links.values() if state.fault.latency_ms]
    plain = [state for name, state in links.items() if name.startswith("db-") and not state.fault.latency_ms]
    assert len(plain) == 2
    assert 195 < least(lambda: round_trip_ms(slowed.listen), 400) < 400
    assert all(least(lambda where=state.listen: round_trip_ms(where), 100) < 100 for state in plain)  # type: ignore[misc]
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert least(lambda: round_trip_ms(slowed.listen), 100) < 100
    assert not [state for state in fis.lab.links().values() if state.fault.latency_ms]


def silent(address: Address, for_s: float = 0.3) -> bool:
    """Does a question to PostgreSQL by this address get no answer for so long?"""
    with socket.create_connection(address, for_s) as connection:
        connection.sendall(bytes.fromhex("0000000804d2162f"))  # SSLRequest
        try:
            return connection.recv(1) == b""
        except TimeoutError:
            return True


def faults(lab: Twin) -> dict[str, Fault]:
    """Return the faults in force, by the link's name."""
    return {name: state.fault for name, state in lab.links().items() if state.fault != Fault()}


def link_of(kind: str, arn: str) -> str:
    """Return the name of a task's link: `db` or `eni`."""
    return f"{kind}-{arn.rpartition('/')[2][:12]}"


def test_jitter_and_flows_are_those_asked_for(fis: Lease) -> None:
    """delayMilliseconds, jitterMilliseconds and flowsPercent stand on the link; FIS's defaults where none are given."""
    given = fis.play({"slow": latency(jitterMilliseconds="50", flowsPercent="40")}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(given)
    assert list(faults(fis.lab).values()) == [Fault(latency_ms=200, jitter_ms=50, percent=40, direction="up")]
    fis.lab.fis.stop_experiment(id=given)
    fis.wait(given, "stopped")
    plain = on_tasks("task-network-latency", duration="PT30S")
    defaults = fis.play({"slow": plain}, {"tasks": SERVICE_TASKS})
    fis.wait(defaults, "running")
    wait_until(lambda: len(faults(fis.lab)) == 2, 5, "both links")
    assert {(fault.latency_ms, fault.jitter_ms) for fault in faults(fis.lab).values()} == {(200, 10)}


def test_zone_is_a_third_of_the_load_balancer(fis: Lease) -> None:
    """A source that is a zone without the database delays the replies to that zone's node, a third of the flows."""
    zone = next(each for each in ZONES if each != fis.lab.database()["AvailabilityZone"])
    experiment = fis.play({"slow": latency(sources=f"{ZONE_IDS[zone]},S3")}, {"tasks": SERVICE_TASKS})
    fis.wait_slow(experiment)
    (arn,) = fis.targets(experiment)
    assert list(faults(fis.lab)) == [link_of("eni", arn)]
    assert faults(fis.lab)[link_of("eni", arn)].percent == pytest.approx(100 / 3)


def test_packet_loss_delays_by_retransmission(fis: Lease) -> None:
    """Of 40 questions to the database a third are lost and come 200 ms late or more; the others come at once."""
    loss = on_tasks("task-network-packet-loss", duration="PT30S", lossPercent="33", sources="127.0.0.1")
    experiment = fis.play({"loss": loss}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("loss.on", since=0, experiment=experiment)
    address = fis.lab.links()[str(on["link"])].listen
    with ThreadPoolExecutor(10) as pool:
        times = list(pool.map(round_trip_ms, [address] * 40))
    late = [ms for ms in times if ms >= 199]
    assert 3 <= len(late) <= 27
    assert fis.lab.links()[str(on["link"])].lost_chunks >= len(late) - 2  # a few may be late for another reason
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    lost = fis.lab.links()[str(on["link"])].lost_chunks
    for _ in range(10):
        round_trip_ms(address)
    assert fis.lab.links()[str(on["link"])].lost_chunks == lost
    assert fis.lab.truth("loss.off", experiment=experiment)


def test_black_hole_on_the_way_out_swallows_the_database(fis: Lease) -> None:
    """egress 5432: the target task gets no answer from its database, the others do; after it they all do."""
    hole = on_tasks("task-network-blackhole-port", duration="PT2S", port="5432", trafficType="egress")
    experiment = fis.play({"hole": hole}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("blackhole.on", since=0, experiment=experiment)
    links = {name: state for name, state in fis.lab.links().items() if name.startswith("db-")}
    assert silent(links[str(on["link"])].listen)
    assert not any(silent(state.listen, 10) for name, state in links.items() if name != on["link"])
    fis.wait(experiment, "completed")
    off = fis.lab.truth("blackhole.off", experiment=experiment)[0]
    assert 2 <= off["t"] - on["t"] < 5
    assert not any(silent(state.listen, 20) for state in links.values())
    assert {call(address_of(fis.lab, arn), "GET", "/posts?limit=1").status for arn in fis.lab.task_arns()} == {200}


def test_black_hole_on_the_way_in_swallows_requests(fis: Lease) -> None:
    """ingress 8080: nobody reaches the target task by its interface while its process runs; then everybody does."""
    hole = on_tasks("task-network-blackhole-port", duration="PT1S", port="8080", trafficType="ingress")
    experiment = fis.play({"hole": hole}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("blackhole.on", since=0, experiment=experiment)
    (arn,) = fis.targets(experiment)
    assert on["link"] == link_of("eni", arn)
    with socket.create_connection(address_of(fis.lab, arn), 0.3) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        assert connection.recv(12) == b"HTTP/1.1 200"
    fis.lab.wait_truth("blackhole.off", since=0, experiment=experiment)


@pytest.mark.parametrize(("port", "way", "protocol"), [("443", "egress", "tcp"), ("5432", "egress", "udp")])
def test_black_hole_elsewhere_is_not_felt(fis: Lease, port: str, way: str, protocol: str) -> None:
    """A port or protocol that no link carries: the experiment runs and no link is touched."""
    hole = on_tasks("task-network-blackhole-port", duration="PT30S", port=port, trafficType=way, protocol=protocol)
    experiment = fis.play({"hole": hole}, {"tasks": SERVICE_TASKS})
    fis.wait(experiment, "running")
    assert faults(fis.lab) == {}


def test_stop_leaves_every_link_plain(fis: Lease) -> None:
    """One experiment disturbs each task in another way; stopped, every link is plain and every fault has its end."""
    arns = fis.lab.task_arns()
    actions = {
        "slow": on_tasks("task-network-latency", "a", duration="PT30S"),
        "loss": on_tasks("task-network-packet-loss", "b", duration="PT30S"),
        "hole": on_tasks("task-network-blackhole-port", "c", duration="PT30S", port="5432", trafficType="egress"),
    }
    experiment = fis.play(actions, dict(zip("abc", map(one_task, arns), strict=True)))
    wait_until(lambda: len(faults(fis.lab)) == 5, 5, "five disturbed links")
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert faults(fis.lab) == {}
    for kind in ("latency", "loss", "blackhole"):
        begun, over = (fis.lab.truth(f"{kind}.{word}", experiment=experiment) for word in ("on", "off"))
        assert [each["link"] for each in begun] == [each["link"] for each in over]


def test_network_actions_cannot_run_in_parallel_on_a_task(fis: Lease) -> None:
    """Latency and loss at once on one task fail the experiment, and the first is undone; in a row both run."""
    arn = fis.lab.task_arns()[0]
    first = on_tasks("task-network-latency", duration="PT1S", sources="127.0.0.1")
    second = on_tasks("task-network-packet-loss", duration="PT1S", sources="S3")
    failed = fis.wait(fis.play({"a": first, "b": second}, {"tasks": one_task(arn)}), "failed")
    assert sorted(each["state"]["status"] for each in failed["actions"].values()) == ["failed", "stopped"]
    assert faults(fis.lab) == {}
    fis.wait(fis.play({"a": first, "b": {**second, "startAfter": ["a"]}}, {"tasks": one_task(arn)}), "completed")


@pytest.fixture
def bare_task(fis: Lease) -> Iterator[str]:
    """A running task whose definition allows no fault injection; it is stopped afterwards."""
    ecs = fis.lab.ecs
    given = ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]["containerDefinitions"]
    revision = ecs.register_task_definition(family="bare", containerDefinitions=given, networkMode="awsvpc")
    definition = revision["taskDefinition"]["taskDefinitionArn"]
    arn = ecs.run_task(cluster=CLUSTER, taskDefinition=definition, launchType="FARGATE")["tasks"][0]["taskArn"]
    try:
        wait_until(lambda: fis.lab.task(arn)["lastStatus"] == "RUNNING", 15, "it runs")
        yield arn
    finally:
        ecs.stop_task(cluster=CLUSTER, task=arn)


def test_prerequisites_are_those_of_aws(fis: Lease, bare_task: str) -> None:
    """Without pidMode, enableFaultInjection or ECS's endpoints an action fails, says why, and touches nothing."""
    by_ssm = latency(useEcsFaultInjectionEndpoints="false")
    kill = on_tasks("task-kill-process", processName="uvicorn")
    asked = [(latency(), bare_task, "pidMode"), (kill, bare_task, "pidMode")]
    asked.append((by_ssm, fis.lab.task_arns()[0], "useEcsFaultInjectionEndpoints"))
    for action, arn, words in asked:
        failed = fis.wait(fis.play({"fault": action}, {"tasks": one_task(arn)}), "failed")
        assert failed["state"]["error"]["code"] == "ConfigurationFailure"
        assert failed["state"]["error"]["location"] == "fault"
        assert words in failed["actions"]["fault"]["state"]["reason"]
    assert faults(fis.lab) == {}
    assert fis.lab.task(bare_task)["lastStatus"] == "RUNNING"
