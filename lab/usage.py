"""What a running lab costs: memory and CPU of each of its processes, and summed by kind.

Memory is the proportional set size where the system tells it (Linux), so that shared pages are counted once over all
processes; elsewhere the resident set, which counts them in each.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

KINDS = ("daemon", "balancer", "links", "postgres", "tasks", "zygote", "people", "keeper", "other")
_NAMED = {
    "envoy": "balancer",
    "link": "links",
    "zygote": "zygote",
    "people": "people",
    "keeper": "keeper",
    "daemon": "daemon",
}
MB = 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """One process with its helpers, or a whole kind: `processes` are counted, CPU is in percent of one core."""

    name: str
    kind: str
    pid: int | None
    processes: int
    memory_mb: float
    cpu_percent: float

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return asdict(self)


def kind_of(name: str) -> str:
    """Return the kind of a process by its name in `LabState.pids`."""
    if name.startswith("task-"):
        return "tasks"
    return "postgres" if name.startswith("postgres") else _NAMED.get(name, "other")


def measure(pids: Mapping[str, int], over_s: float = 0.5) -> list[Usage]:
    """Measure every process, CPU over so many seconds; who ends meanwhile is left out."""
    named: dict[str, psutil.Process] = {}
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            named[name] = psutil.Process(pid)
    parents = _children(set(pids.values()))
    families = {name: _family(process, parents) for name, process in named.items()}
    before, began = {name: _cpu_s(family) for name, family in families.items()}, time.monotonic()
    time.sleep(over_s)
    took_s = time.monotonic() - began
    found = []
    for name, family in families.items():
        memory = [bytes_ for process in family if (bytes_ := _memory(process))]
        percent = max(0.0, _cpu_s(family) - before[name]) / took_s * 100
        if memory:
            mb = round(sum(memory) / MB, 1)
            found.append(Usage(name, kind_of(name), named[name].pid, len(memory), mb, round(percent, 1)))
    return sorted(found, key=lambda usage: (KINDS.index(usage.kind), usage.name))


def by_kind(usages: Iterable[Usage]) -> list[Usage]:
    """Return the sum of each kind, and of all as "total"."""
    every = list(usages)
    kinds = [kind for kind in KINDS if any(usage.kind == kind for usage in every)]
    sums = [_sum(kind, [usage for usage in every if usage.kind == kind]) for kind in kinds]
    return [*sums, _sum("total", every)]


def _sum(name: str, usages: list[Usage]) -> Usage:
    memory_mb = round(sum(usage.memory_mb for usage in usages), 1)
    percent = round(sum(usage.cpu_percent for usage in usages), 1)
    return Usage(name, name, None, sum(usage.processes for usage in usages), memory_mb, percent)


def _children(named: set[int]) -> dict[int, list[psutil.Process]]:
    """Return {parent: children} of all processes without those that have a name themselves: one look at the system."""
    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid not in named:
                found.setdefault(process.ppid(), []).append(process)
    return found


def _family(process: psutil.Process, children: Mapping[int, list[psutil.Process]]) -> list[psutil.Process]:
    """Return a process and its nameless descendants, such as PostgreSQL's backends."""
    family = [process]
    for member in family:  # which grows on the way
        family += children.get(member.pid, [])
    return family


def _cpu_s(family: Iterable[psutil.Process]) -> float:
    seconds = 0.0
    for process in family:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def _memory(process: psutil.Process) -> int:
    """Return bytes; 0 for a process that is gone."""
    with contextlib.suppress(psutil.Error, OSError):
        if pss := _pss(process.pid):
            return pss
        return int(process.memory_info().rss)
    return 0


def _pss(pid: int) -> int:
    """Return the proportional set size in bytes, 0 where the system does not tell it."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    except OSError:
        return 0
