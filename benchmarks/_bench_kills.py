"""What a kill is: who dies, in which experiment, when. Everything follows from the seed and the kill's number."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._bench import LATENCY, Lab, experiment
from gameday.model import Mark

VICTIMS = ("runner", "watchman", "load", "runner's group", "watchman's group", "load's group", "both")
STAYS = "delay that stays"
FILES = {
    "stopped task": "ecs/stop-one-task.yaml",
    "failover": "rds/reboot-with-failover.yaml",
    "delay": LATENCY,
    STAYS: LATENCY,
}
SHORT = {"warmup_s": 0, "baseline_s": 0.5, "fault_s": 1.5, "recovery_s": 0.5, "proof_within_s": 2, "look_back_s": 2}
RATE = 20
STAYS_S = 300  # a delay that only the undo can end in time
NEAR_S = 0.2  # a fault's window begins this long before it and ends this long after it
INTO_S = 2.5  # how far into a delay that stays a kill may fall
Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill; `share` says where in its time it falls, from 0 to 1."""

    number: int
    attempt: int
    experiment: str  # a name of FILES
    victim: str
    near: bool  # within the time in which the fault goes in and out; else anywhere in the run
    share: float
    watchman_first: bool  # of both


@dataclass(frozen=True, slots=True)
class Timing:
    """How a run that nobody kills goes: its length from its start, and the fault's times from its mark `baseline`."""

    run_s: float
    windows: tuple[Window, ...]


def kill(seed: int, number: int, attempt: int = 0) -> Kill:
    """Return kill *number*. An attempt that came too late, because the run had ended, is followed by another."""
    chance = random.Random(f"{seed}/{number}/{attempt}")
    near = chance.random() < 0.5
    name = chance.choice(("stopped task", "failover", "delay"))
    stays = chance.random() < 0.5
    victim, share, first = chance.choice(VICTIMS), chance.random(), chance.random() < 0.5
    return Kill(number, attempt, STAYS if near and stays and name == "delay" else name, victim, near, share, first)


def moment(one: Kill, timing: Timing) -> tuple[str, float]:
    """Return the mark to count from ("": the start of the process), and the seconds after it."""
    if not one.near:
        return "", one.share * timing.run_s
    left = one.share * sum(end - begin for begin, end in timing.windows)
    for begin, end in timing.windows:
        if left <= end - begin:
            return "baseline", max(0.0, begin + left)
        left -= end - begin
    return "baseline", timing.windows[-1][1]


def timing_of(run_s: float, marks: Sequence[Mark]) -> Timing:
    """Measure a run that nobody killed: when its fault went in, and when it was put back."""
    at = {mark.name: mark.at for mark in reversed(marks)}
    zero = at["baseline"]
    windows = [(at["action.started"] - zero - NEAR_S, at["action.ended"] - zero + NEAR_S)]
    if "undo.verified" in at:
        windows.append((at["rollbacks"] - zero - NEAR_S, at["undone"] - zero + NEAR_S))
    return Timing(run_s, tuple(windows))


def staying(timing: Timing) -> Timing:
    """Return the times of a delay that stays, from those of one that does not."""
    begin = timing.windows[0][0]
    return Timing(timing.run_s, ((begin, begin + NEAR_S + INTO_S),))


def write_files(lab: Lab) -> dict[str, Path]:
    """Write the experiments into the lab's suite: few requests, and no metrics to wait for."""
    return {name: lab.write(f"{name.replace(' ', '-')}.yaml", _changed(name)) for name in FILES}


def _changed(name: str) -> dict[str, Any]:
    data = experiment(FILES[name])
    block = data["extensions"][0]
    block["load"]["rate"] = RATE
    del block["steady"]
    hypothesis = data["steady-state-hypothesis"]
    hypothesis["probes"] = [probe for probe in hypothesis["probes"] if probe["name"] != "metrics-are-steady"]
    if name == STAYS:
        data["method"][0]["provider"]["arguments"]["duration_s"] = STAYS_S
    return data
