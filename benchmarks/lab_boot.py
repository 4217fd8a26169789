"""How long a lab takes from an empty folder to steady state, and that nothing of it stays behind.

    python -m benchmarks.lab_boot [--cycles 20]

Each cycle starts a lab in a folder of its own, stops it, and looks for what it left: processes that carry its mark or
its folder in their command line, listening ports of its range, and new files beside its folder. Exit code 1 if anything
was found, or if a start took more than 8 s.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks._bench import free_port
from lab import control
from lab.settings import PORTS, Settings

GOAL_S = 8.0


def left_processes(home: Path) -> list[str]:
    """Return the command lines of processes that have the lab's folder in them."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(home) in word for word in words):
            found.append(f"process {process.pid}: {' '.join(words)[:120]}")
    return found


def left_children(pids: set[int], before: set[int]) -> list[str]:
    """Return which of the lab's own processes, or of those that came with it, still exist."""
    return [f"process {pid} of the lab" for pid in pids if psutil.pid_exists(pid) and pid not in before]


def left_ports(base: int) -> list[str]:
    """Return the ports of a lab on which somebody listens."""
    found = []
    for port in range(base, base + PORTS):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(f"port {port}")
    return found


def files(folder: Path) -> set[Path]:
    """Return what lies in a folder, one level deep."""
    return set(folder.iterdir())


def shared_memory(pids: set[int]) -> set[Path]:
    """Return the files of shared memory that processes have mapped; none where the system does not tell."""
    found = set()
    for pid in pids:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            continue
        found |= {Path(line.split()[-1]) for line in maps.splitlines() if " /dev/shm/" in line}
    return found


def memory_mb(pids: set[int]) -> float:
    """Return the proportional memory of processes, resident where the system does not tell it."""
    total = 0
    for pid in pids:
        try:
            full = psutil.Process(pid).memory_full_info()
            total += getattr(full, "pss", full.rss)
        except psutil.Error:
            continue
    return total / 2**20


def cycle(number: int, beside: Path) -> tuple[float, float, float, list[str]]:
    """Start and stop one lab; return seconds up, MB, seconds down, and what was left."""
    home = Path(tempfile.mkdtemp(prefix="lab-boot-"))
    home.chmod(0o755)
    settings = Settings(home=home, port_base=free_port())
    before, there = set(psutil.pids()), files(beside)
    began = time.monotonic()
    state = control.up(settings, lambda sentence: None)
    up_s = time.monotonic() - began
    pids = set(state.pids.values())
    pids |= {child.pid for pid in list(pids) for child in psutil.Process(pid).children(recursive=True)}
    used, shared = memory_mb(pids), shared_memory(pids)
    began = time.monotonic()
    control.down(home)
    down_s = time.monotonic() - began
    left = left_processes(home) + left_children(pids, before) + left_ports(settings.port_base)
    shutil.rmtree(home)
    left += [f"file {path}" for path in (files(beside) - there) | {path for path in shared if path.exists()}]
    print(f"{number:>4} {up_s:8.2f} {used:8.0f} {down_s:8.2f}   {'; '.join(left) or 'nothing'}", flush=True)
    return up_s, used, down_s, left


def main() -> int:
    """Run the cycles and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=20, choices=range(1, 201), metavar="N")
    cycles = parser.parse_args().cycles
    print(f"{'':>4} {'up s':>8} {'MB':>8} {'down s':>8}   left behind")
    found = [cycle(number, Path.cwd()) for number in range(1, cycles + 1)]
    ups, left = [each[0] for each in found], [line for each in found for line in each[3]]
    print(f"up: p50 {statistics.median(ups):.2f} s, max {max(ups):.2f} s (goal {GOAL_S:g}); left behind: {len(left)}")
    return 1 if left or max(ups) > GOAL_S else 0


if __name__ == "__main__":
    sys.exit(main())
