"""Files changed at random are told what is wrong with them, or are fine; nothing else comes of it, and soon."""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path

import pytest

from benchmarks.mutated_files import BOUND_S, examine
from benchmarks.mutations import files

SEED, FILES, EACH = 7, 240, 40
made = cache(lambda: list(files(SEED, FILES)))


@pytest.mark.parametrize("first", range(0, FILES, EACH))
def test_a_mutated_file_never_costs_a_traceback_or_a_hang(first: int, tmp_path: Path) -> None:
    """Hundreds of files through the doors of the check: problems or none; any other exception fails the test."""
    told = 0
    for number, suffix, content in made()[first : first + EACH]:
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(content)
        begun = time.process_time()  # other work does not count
        told += bool(examine(path))
        assert time.process_time() - begun < BOUND_S, f"file {number} of seed {SEED}"
    assert told > EACH / 2, "the changes are strong enough to be seen"


def test_no_module_that_a_mutated_file_names_is_imported(tmp_path: Path) -> None:
    """Among the values put in are modules with effects, which must not be there afterwards."""
    for number, suffix, content in files(SEED + 1, EACH):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(content)
        examine(path)
    assert not {"antigravity", "this", "gameday.__main__"} & set(sys.modules)


def test_the_same_seed_makes_the_same_files() -> None:
    """So a failure can be made again from its number."""
    assert list(files(SEED, 20)) == list(files(SEED, 20)) != list(files(SEED + 1, 20))
