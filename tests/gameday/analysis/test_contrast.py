"""Two sets of runs: a difference needs evidence, and too few runs are said to be too few."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.analysis.contrast import Contrast, chance_of, changes, contrasts


def run(replaced: float | None, build: str = "default") -> dict[str, Any]:
    """Return findings whose replacement ran after so many seconds."""
    layers = [] if replaced is None else [{"name": "ECS: replacement running", "after_fault_s": replaced}]
    return {"environment": {"name": "lab", "build": build}, "recovery": {"recovery_s": 0.0, "layers": layers}}


def test_chances_are_exact() -> None:
    """Four against four wholly apart: 2 of the 70 deals; three against three: 2 of 20; all alike: always."""
    assert chance_of([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / 70)
    assert chance_of([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)
    assert chance_of([1, 1, 1], [1, 1, 1, 1]) == 1.0


def test_many_runs_are_drawn_and_the_chance_is_never_zero() -> None:
    """With more deals than can be looked at: the same answer every time."""
    apart = chance_of([float(n) for n in range(15)], [float(n) for n in range(50, 65)])
    assert 0 < apart < 0.001 and apart == chance_of([float(n) for n in range(15)], [float(n) for n in range(50, 65)])
    assert chance_of([float(n) for n in range(0, 30, 2)], [float(n) for n in range(1, 31, 2)]) > 0.5


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ((2.9, 3.0, 2.4, 4.6), (9.5, 9.3, 9.7, 9.1), "differs"),
        ((2.9, 3.0, 2.4, 4.6), (2.8, 3.1, 2.5, 4.2), "no difference shown"),
        ((2.9, 3.0, 2.4), (9.5, 9.3, 9.7), "too few runs to tell"),
        ((2.9,), (9.5,), "too few runs to tell"),
    ],
)
def test_what_may_be_concluded(first: tuple[float, ...], second: tuple[float, ...], says: str) -> None:
    """By the chance, and by how many runs there are."""
    found = contrasts([run(value) for value in first], [run(value) for value in second])
    assert {each.name: each.says for each in found}["ECS: replacement running"] == says


def test_a_measure_of_one_side_is_told() -> None:
    """It has no chance, and no conclusion."""
    found = {each.name: each for each in contrasts([run(3.0)], [run(None)])}
    assert found["ECS: replacement running"].says == "not measured on one side"
    assert found["ECS: replacement running"].as_json()["second_median"] is None


def test_what_changed_beside_the_figures_is_named() -> None:
    """Another build, also when one set mixes two; the same is not named."""
    assert changes([run(3.0)], [run(3.0)]) == []
    (told,) = changes([run(3.0)], [run(9.0, "slow-start")])
    assert told == "environment build: default in the first, slow-start in the second"
    assert len(changes([run(3.0), run(3.0, "slow-start")], [run(3.0), run(3.0, "slow-start")])) == 1


def test_the_sentence_has_both_medians() -> None:
    """With the chance where it says something."""
    assert Contrast("recovery", "s", (1.0, 3.0), (9.0,), 0.3).sentence == "2.0 s and 9.0 s: too few runs to tell"
