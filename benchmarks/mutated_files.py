"""Thousands of broken files through `gameday check`: a list of problems each time, no traceback, no hang.

    python -m benchmarks.mutated_files [--files 10000] [--seed 1]

The file of a failure can be made again from its number and the seed (`benchmarks.mutations.mutated`). Exit 1 when
there was a traceback, or when one file took longer than the bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutations import SUITE, files
from gameday.cli.check import problems_in
from gameday.engine.check import check
from gameday.errors import UsageError

BOUND_S = 5.0  # for one file; a hang would be far longer


@dataclass
class Counts:
    """What came of the files so far."""

    files: int = 0
    fine: int = 0
    problems: int = 0
    tracebacks: int = 0
    slowest_s: float = 0.0
    slowest: int = 0


def examine(path: Path) -> int:
    """Return how many problems a file has, by both doors; whatever else than a list of problems escapes is a bug."""
    try:
        found = len(problems_in(path, SUITE))
    except UsageError:
        found = 1
    if path.suffix not in (".toml", ".md"):
        with suppress(UsageError):  # it may be a plan by now
            check(path, SUITE)
    return found


def main() -> int:
    """Examine the files and print what came of it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts, began = Counts(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for number, suffix, content in files(asked.seed, asked.files):
            path = Path(folder) / f"{number}{suffix}"
            path.write_bytes(content)
            _count(counts, number, path)
            path.unlink()
    print(
        f"files {counts.files}, with problems {counts.files - counts.fine}, fine {counts.fine}, "
        f"problems {counts.problems}, tracebacks {counts.tracebacks}, "
        f"slowest {counts.slowest_s:.3f} s (file {counts.slowest}), "
        f"seed {asked.seed}, {time.monotonic() - began:.0f} s in all"
    )
    return 1 if counts.tracebacks or counts.slowest_s > BOUND_S else 0


def _count(counts: Counts, number: int, path: Path) -> None:
    begun = time.monotonic()
    try:
        found = examine(path)
        counts.problems += found
        counts.fine += not found
    except Exception:  # noqa: BLE001  what is looked for: it is counted and printed
        counts.tracebacks += 1
        print(f"file {number}:\n{traceback.format_exc()}", file=sys.stderr)
    took = time.monotonic() - begun
    counts.files += 1
    if took > counts.slowest_s:
        counts.slowest_s, counts.slowest = took, number


if __name__ == "__main__":
    sys.exit(main())
