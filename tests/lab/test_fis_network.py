"""FIS's network actions: felt by the target task, measured at its links and by requests, and nothing is left."""

from __future__ import annotations

import time

from lab.settings import CLUSTER
from tests.lab.bench import round_trip_ms, wait_until
from tests.lab.fis_lease import Lease, times_ms
from tests.lab.fis_words import SERVICE_TASKS, latency


def test_latency_is_felt_by_the_target_only_and_ends_by_itself(fis: Lease) -> None:
    """200 ms towards the database on one of three tasks; nobody asks, and after its duration it is off."""
    before = times_ms(fis.lab)
    began = time.time()
    experiment = fis.play({"slow": latency(duration="PT4S")}, {"tasks": SERVICE_TASKS})
    on = fis.lab.wait_truth("latency.on", since=began)
    (arn,) = fis.targets(experiment)
    during = times_ms(fis.lab)
    assert max(before.values()) < 150
    assert during[arn] >= 200
    assert max(ms for each, ms in during.items() if each != arn) < 150
    off = fis.lab.wait_truth("latency.off", since=began)
    assert 4 <= off["t"] - on["t"] < 4.3
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
    assert fis.lab.get("/health").ms < 150


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
    experiment = fis.play({"slow": latency(duration="PT4S")}, {"tasks": SERVICE_TASKS})
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
    assert 195 < round_trip_ms(slowed.listen) < 400
    assert max(round_trip_ms(state.listen) for state in plain) < 100
    fis.lab.fis.stop_experiment(id=experiment)
    fis.wait(experiment, "stopped")
    assert round_trip_ms(slowed.listen) < 100
    assert not [state for state in fis.lab.links().values() if state.fault.latency_ms]
