"""Each weak twin shows its weakness where the default build does not: one look at both of them, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.backend import weak
from lab.builds import BUILDS, with_build
from lab.settings import ERROR_ALARM, LabError, Settings
from tests.lab.tasks import Plane, running_plane
from tests.lab.twin import Twin, twin
from tests.lab.weak_backends import BACKENDS, count_statements, observed
from tests.lab.weak_labs import BESIDE, OWN_LABS


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    """One database for the backends of this file."""
    with running_plane() as plane:
        count_statements(plane)
        yield plane


def test_every_build_has_its_observation() -> None:
    """Each build but the default is looked at, and nothing else is."""
    assert sorted([*BACKENDS, *BESIDE, *OWN_LABS]) == sorted(set(BUILDS) - {"default"})


@pytest.mark.parametrize("name", sorted(set(BUILDS) - {"default"}))
def test_build_changes_one_kind_of_thing(name: str) -> None:
    """A twin has one switch: it changes the tasks, the lab, the seeded resources or the address, and no two of them."""
    assert "; " not in BUILDS[name].switch
    assert BUILDS[name].switch != BUILDS["default"].switch == "nothing"


@pytest.mark.parametrize("name", BACKENDS)
def test_backend_shows_its_weakness_and_the_default_does_not(plane: Plane, name: str) -> None:
    """The same look at one backend of each: weak for the twin, well for the default build."""
    with ThreadPoolExecutor(2) as pool:
        weak_one = pool.submit(observed, plane, BUILDS[name], BACKENDS[name])
        default = pool.submit(observed, plane, BUILDS["default"], BACKENDS[name])
        assert (weak_one.result(), default.result()) == (True, False)


@pytest.mark.parametrize("name", BESIDE)
def test_seeds_show_their_weakness_and_the_default_ones_do_not(lab: Twin, name: str) -> None:
    """The same look at what each build seeds, in one lab: weak for the twin, well for the default build."""
    assert BESIDE[name](lab, BUILDS[name])
    assert not BESIDE[name](lab, BUILDS["default"])


@pytest.mark.parametrize("name", OWN_LABS)
def test_lab_shows_its_weakness_and_the_default_does_not(lab: Twin, name: str) -> None:
    """The same look at a lab of each build: weak for the twin, well for the default build."""
    with twin(build=name) as other:
        assert OWN_LABS[name](other)
    assert not OWN_LABS[name](lab)


@pytest.mark.parametrize("name", ["one-zone", "dead-alarm", "rollback-to-tag"])
def test_lab_begins_with_what_its_build_seeds(name: str) -> None:
    """Started with the build, a lab has its members in the service, the alarm or the task definition."""
    with twin(build=name, tasks=1) as other:
        service, own = other.service(), BUILDS[name].seeds
        definition = other.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        [alarm] = other.cloudwatch.describe_alarms(AlarmNames=[ERROR_ALARM])["MetricAlarms"]
        for seeded, found in (
            (own.service, service),
            (own.container, definition["containerDefinitions"][0]),
            (own.alarm, alarm),
        ):
            assert {member: found.get(member) for member in seeded} == seeded
        assert other.get().status == 200


def test_settings_of_a_build_are_laid_over_the_usual_ones() -> None:
    """A build's own settings win over defaults, and what was asked for otherwise is refused in a sentence."""
    assert with_build(Settings(build="single-task")).tasks == 1
    assert with_build(Settings(build="single-az", tasks=5)) == Settings(build="single-az", tasks=5, multi_az=False)
    assert with_build(Settings(build="default", tasks=5)).tasks == 5
    with pytest.raises(LabError, match=r"the build 'single-task' stands for tasks = 1, but tasks = 5 was asked for"):
        with_build(Settings(build="single-task", tasks=5))
    with pytest.raises(LabError, match="tasks = 3 was asked for"):
        BUILDS["single-task"].check({"tasks": 3})


def test_noise_stays_below_the_limits_of_every_experiment() -> None:
    """Its failures are at most a third of the 1 % that experiments allow, its delays at most half of their 0.8 s."""
    assert weak.BROKEN + weak.REFUSED <= 0.01 / 3
    assert max(weak.delay_s() for _ in range(1000)) <= 0.4
