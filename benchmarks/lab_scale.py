"""How big a lab this machine carries: tasks and rates, with the memory and CPU of both.

    python -m benchmarks.lab_scale [--tasks 3 50 200] [--rates 100 200 400 800] [--seconds 8]

For each number of tasks a lab is started; it is measured at rest, then with the suite's own load (the journey
load/feed.py) at rising rates, until a request fails or the load cannot keep its schedule. Then twenty tasks are killed
at once and the time is taken until all are healthy again. CPU is in percent of one core; the load runs on the same
machine and is not in it. Exit 1 when a lab does not come up or does not come back.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from benchmarks._bench import ROOT, free_port
from gameday.engine.load_process import LoadProcess
from gameday.model import LoadPlan
from lab import control, usage
from lab.settings import Settings
from lab.state import LabState

KILLED = 20
BACK_S = 60.0
SETTLE_S = 5.0
LATE_MS = 250.0  # a load that sends so late measures itself


@dataclass(frozen=True, slots=True)
class Rate:
    """What came of one rate; latencies are from the due time."""

    rate: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    late_ms: float
    cpu_percent: float
    memory_mb: float

    @property
    def clean(self) -> bool:
        """Did every request succeed, and was each sent when it was due?"""
        return self.failed == 0 and self.late_ms < LATE_MS


@contextmanager
def lab(tasks: int) -> Iterator[tuple[LabState, float]]:
    """Yield a lab and how long its start took, in seconds."""
    with tempfile.TemporaryDirectory(prefix="lab-scale-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        began = time.monotonic()
        try:
            yield control.up(Settings(home=home, port_base=free_port(), tasks=tasks), print_step), since(began)
        finally:
            control.down(home)


def print_step(sentence: str) -> None:
    """Say what the lab does."""
    print(f"    {sentence}", file=sys.stderr, flush=True)


def since(began: float) -> float:
    """Return seconds."""
    return time.monotonic() - began


def load(state: LabState, rate: float, seconds: float) -> Rate:
    """Put one rate on a lab."""
    with tempfile.TemporaryDirectory(prefix="lab-scale-load-") as folder:
        plan = LoadPlan(journey="load/feed.py", rate=rate)
        process = LoadProcess.start(plan, state.url, Path(folder), "lab-scale", 1, ROOT)
        try:
            process.wait_started()
            with ThreadPoolExecutor(1) as pool:
                measured = pool.submit(lambda: usage.by_kind(usage.measure(pids(state), seconds - 2)))
                time.sleep(seconds)
                total = measured.result()[-1]
            process.stop()
        finally:
            if process.alive:
                process.kill()
        return judge(Path(folder), rate, total)


def judge(folder: Path, rate: float, total: usage.Usage) -> Rate:
    """Read what the load wrote down."""
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    pulses = [json.loads(line) for line in (folder / "load.jsonl").read_text().splitlines()]
    took = sorted((done - due) * 1e3 for due, _, done, *_ in rows if done)
    failed = sum(not 200 <= status < 400 for *_, status, _, _ in rows)
    late_ms = max((pulse["lag_ms"] for pulse in pulses), default=0.0)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    return Rate(rate, len(rows), failed, p50, p99, late_ms, total.cpu_percent, total.memory_mb)


def pids(state: LabState) -> dict[str, int]:
    """Return the lab's processes now."""
    now = control.status(Path(state.home))
    return dict(now.pids) if now else {}


def replace(state: LabState) -> tuple[int, float]:
    """Kill up to twenty tasks at once; return how many, and the seconds until all targets are healthy again."""
    tasks = [pid for name, pid in pids(state).items() if name.startswith("task-")]
    doomed = tasks[: min(KILLED, len(tasks) - 1)]
    client = boto3.client(
        "elbv2", endpoint_url=state.endpoint, region_name=state.region, aws_access_key_id="x", aws_secret_access_key="x"
    )
    group = client.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    began = time.monotonic()
    for pid in doomed:
        os.kill(pid, signal.SIGKILL)
    seen_less = False
    while since(began) < BACK_S:
        targets = client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        healthy = sum(target["TargetHealth"]["State"] == "healthy" for target in targets)
        seen_less = seen_less or healthy < state.tasks
        if seen_less and healthy == state.tasks:
            return len(doomed), since(began)
        time.sleep(0.05)
    raise SystemExit(f"{healthy} of {state.tasks} targets are healthy {BACK_S:.0f} s after {len(doomed)} were killed")


def one(tasks: int, rates: list[float], seconds: float) -> None:
    """Measure one lab and print its lines."""
    with lab(tasks) as (state, start_s):
        time.sleep(SETTLE_S)
        rest = usage.by_kind(usage.measure(pids(state), 5))
        print(f"\n{tasks} tasks{f' ({state.light})' if state.light else ''}: healthy after {start_s:.1f} s")
        print("    at rest: " + ", ".join(f"{u.name} {u.memory_mb:.0f} MB {u.cpu_percent:.1f} %" for u in rest))
        print(f"    {'rate':>6} {'requests':>9} {'failed':>7} {'p50 ms':>8} {'p99 ms':>8} {'late ms':>8} {'CPU %':>7}")
        highest = 0.0
        for rate in rates:
            found = load(state, rate, seconds)
            print(
                f"    {rate:>6g} {found.requests:>9} {found.failed:>7} {found.p50_ms:>8.1f} {found.p99_ms:>8.1f} "
                f"{found.late_ms:>8.1f} {found.cpu_percent:>7.1f}",
                flush=True,
            )
            if not found.clean:
                break
            highest = rate
        killed, back_s = replace(state)
        print(f"    highest clean rate {highest:g}/s; {killed} tasks killed at once: all healthy after {back_s:.1f} s")


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, nargs="+", default=[3, 50, 200])
    parser.add_argument("--rates", type=float, nargs="+", default=[100, 200, 400, 800, 1200])
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each rate lasts")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before")
    for tasks in given.tasks:
        one(tasks, given.rates, given.seconds)


if __name__ == "__main__":
    main()
