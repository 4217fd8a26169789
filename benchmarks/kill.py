"""Kill a run anywhere, hundreds of times, and read back whether anything stays changed.

    python -m benchmarks.kill --kills 300 --seed 1 [--jobs 3] [--skip N] [--log FILE]

Each job has a lab of its own. Kill number i, with SIGKILL, is determined by the seed and i: one of the three
experiments, who dies (runner, watchman, load, the group of each, or runner and watchman both), and when: half of
them anywhere in the run, half while its fault goes in or out, and half of those kills of a delay meet one of 300 s,
which only an undo can end in time. Only after `both` does the benchmark run `gameday undo`: nobody else is left.
Then the system is read back through its API and by the lab's own account. Exit 1 when anything is left changed, or a
runner that was not killed ends without a verdict.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks._bench import Eyes, Lab, spread, wait_until
from benchmarks._bench_kills import (
    FILES,
    SHORT,
    STAYS,
    VICTIMS,
    Kill,
    Timing,
    kill,
    moment,
    staying,
    timing_of,
    write_files,
)
from benchmarks._bench_scene import ENDS_WITHIN_S, WELL_WITHIN_S, Came, Scene, as_json, play

ATTEMPTS = 6


class Job(threading.Thread):
    """Plays kill after kill in a lab of its own, until there are no more numbers."""

    def __init__(self, seed: int, numbers: queue.SimpleQueue[int], came: queue.SimpleQueue[Came | str]) -> None:
        super().__init__()
        self.seed = seed
        self.numbers = numbers
        self.came = came
        self.halted = threading.Event()
        self.timings: dict[str, Timing] = {}
        self.lab: Lab | None = None

    def run(self) -> None:
        """Play, then take the lab down, whatever happened."""
        try:
            while not self.halted.is_set():
                self._guarded(self.numbers.get_nowait())
        except queue.Empty:
            pass
        finally:
            self._drop()

    def _guarded(self, number: int) -> None:
        try:
            self._one(number)
        except Exception:  # noqa: BLE001  the main thread prints it, and the benchmark fails
            self.came.put(f"kill {number}: {traceback.format_exc()}")
            self._drop()

    def _drop(self) -> None:
        """Take the lab down; the next kill meets a new one."""
        if self.lab:
            self.lab.down()
            self.lab = None

    def _one(self, number: int) -> None:
        for attempt in range(ATTEMPTS):
            if self.halted.is_set():
                return
            one = kill(self.seed, number, attempt)
            came = self._play(one)
            self.came.put(came)
            if came.left:
                self._drop()
            if came.victim:
                return

    def _play(self, one: Kill) -> Came:
        lab = self.lab or self._new()
        when = moment(one, self.timings[one.experiment])
        came = play(lab, self.eyes, self.files[one.experiment], one, when, self.halted.is_set)
        if came.left or came.odd:
            kept = Path(tempfile.mkdtemp(prefix=f"gameday-kill-{self.seed}-{one.number}-"))
            shutil.copytree(lab.base, kept, symlinks=True, dirs_exist_ok=True, ignore=_useless)
            self.came.put(f"kill {one.number}, seed {self.seed}: what it left is kept in {kept}")
        for folder in came.folders:
            shutil.rmtree(folder, ignore_errors=True)
        return came

    def _new(self) -> Lab:
        """Put up a lab; the first time, measure a run of each experiment that nobody kills."""
        self.lab = lab = Lab.make(SHORT)
        lab.up()
        self.eyes, self.files = Eyes(lab.environment()), write_files(lab)
        if not wait_until(lambda: not self.eyes.unwell(), WELL_WITHIN_S):
            raise RuntimeError(f"a new lab is unwell: {self.eyes.unwell()}")
        for name in FILES:
            if name not in self.timings and name != STAYS:
                self.timings[name] = self._measure(name)
        self.timings[STAYS] = staying(self.timings["delay"])
        return lab

    def _measure(self, name: str) -> Timing:
        assert self.lab
        scene = Scene(self.lab, self.eyes, self.files[name])
        try:
            code = scene.runner.wait(ENDS_WITHIN_S)
        finally:
            scene.runner.kill()
        took = time.monotonic() - scene.began
        if not any(mark.name == "action.ended" for mark in scene.marks()):
            raise RuntimeError(f"a run that nobody killed ended with {code}: {self.lab.said()[-2000:]}")
        wait_until(lambda: not self.eyes.unwell(), WELL_WITHIN_S)
        return timing_of(took, scene.marks())


def _useless(folder: str, names: list[str]) -> list[str]:
    """Leave out of a copy the database's files, and pipes, which cannot be copied."""
    return [name for name in names if name == "postgres" or (Path(folder) / name).is_fifo()]


def line(came: Came, seed: int) -> str:
    """Return one kill in words."""
    one = came.kill
    place = "in or near the fault" if one.near else "anywhere"
    if not came.victim:
        return f"kill {one.number}: {one.experiment}: the run had ended with {came.code} before; drawn again"
    instead = f" (for {one.victim}, which was not there)" if came.victim != one.victim else ""
    undone = f", undone after {came.undone_s:.2f} s" if came.undone_s is not None else ""
    said = f"kill {one.number}: {one.experiment}, {came.victim}{instead} at {came.at_s:.2f} s, {place}{undone}"
    if came.left:
        said += f"\n  RESIDUAL, seed {seed}, attempt {one.attempt}: " + "\n    ".join(came.left)
    if came.odd:
        said += f"\n  ODD, seed {seed}, attempt {one.attempt}: {came.odd}"
    return said


def table(all_of_them: Sequence[Came]) -> str:
    """Return the table of everything that was killed."""
    killed = [came for came in all_of_them if came.victim]
    counts = Counter((came.victim, came.kill.experiment) for came in killed)
    rows = [f"{'killed':<18}" + "".join(f"{name:>18}" for name in FILES) + f"{'all':>8}"]
    for victim in VICTIMS:
        each = [counts[victim, name] for name in FILES]
        rows.append(f"{victim:<18}" + "".join(f"{count:>18}" for count in each) + f"{sum(each):>8}")
    totals = [sum(counts[victim, name] for victim in VICTIMS) for name in FILES]
    rows += [f"{'all':<18}" + "".join(f"{count:>18}" for count in totals) + f"{len(killed):>8}", ""]
    rows.append(f"{'kill to last delay gone, s':<40}{'n':>5} {'p50':>8} {'p95':>8} {'max':>8}")
    undone = [came for came in killed if came.undone_s is not None and came.kill.experiment == STAYS]
    for title, some in _groups(undone):
        rows.append(f"{title:<40}{len(some):>5} {spread(some)}")
    near, instead = sum(came.kill.near for came in killed), sum(came.victim != came.kill.victim for came in killed)
    rows += [
        "",
        f"in or near the fault {near}, runner instead of one that was not there {instead}, "
        f"too late and drawn again {len(all_of_them) - len(killed)}",
        f"locks that `gameday undo` freed before their lease ended: {sum(came.freed for came in all_of_them)}",
        f"the runner's own ends: {dict(Counter(came.code for came in killed if came.code != -9))}",
        f"runners that ended without a verdict: {sum(bool(came.odd) for came in all_of_them)}",
        f"kills {len(killed)}, with residual changes {sum(bool(came.left) for came in all_of_them)}",
    ]
    return "\n".join(rows)


def _groups(undone: Sequence[Came]) -> list[tuple[str, list[float]]]:
    alone = [came for came in undone if came.victim != "both"]
    by_hand = [came for came in undone if came.victim == "both"]
    named = {"delay that stays, by the suite itself": alone, "of both, by `gameday undo`": by_hand}
    return [(title, [came.undone_s for came in some if came.undone_s is not None]) for title, some in named.items()]


def collect(
    jobs: Sequence[Job], came: queue.SimpleQueue[Came | str], found: list[Came | str], seed: int, log: Path | None
) -> None:
    """Print each kill as it comes and add it to *found*, until all jobs have ended."""
    while any(job.is_alive() for job in jobs) or not came.empty():
        try:
            one = came.get(timeout=0.5)
        except queue.Empty:
            continue
        found.append(one)
        print(one if isinstance(one, str) else line(one, seed), flush=True)
        if log and isinstance(one, Came):
            with log.open("a") as file:
                file.write(as_json(one) + "\n")


def main() -> int:
    """Kill, read back, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, choices=range(1, 9), metavar="N")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="begin with kill N: goes on with a split run")
    parser.add_argument("--log", type=Path, help="append each kill to this file, as a line of JSON")
    asked = parser.parse_args()
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(asked.skip, asked.skip + asked.kills):
        numbers.put(number)
    came: queue.SimpleQueue[Came | str] = queue.SimpleQueue()
    began = time.monotonic()
    found: list[Came | str] = []
    jobs = [Job(asked.seed, numbers, came) for _ in range(asked.jobs)]
    for job in jobs:
        job.start()
    try:
        collect(jobs, came, found, asked.seed, asked.log)
    except KeyboardInterrupt:
        print("ending: each job reads its last kill back and takes its lab down", file=sys.stderr)
    finally:
        for job in jobs:
            job.halted.set()
        for job in jobs:
            job.join()
        collect(jobs, came, found, asked.seed, asked.log)
    kills = [one for one in found if isinstance(one, Came)]
    print(f"\nseed {asked.seed}, from kill {asked.skip}, {asked.jobs} jobs, {time.monotonic() - began:.0f} s\n")
    print(table(kills))
    done = {one.kill.number for one in kills if one.victim}
    missed = asked.kills - len(done)
    if missed:
        print(f"not killed: {missed} of {asked.kills}")
    failed = any(one.left or one.odd for one in kills) or any(
        "Traceback" in one for one in found if isinstance(one, str)
    )
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
