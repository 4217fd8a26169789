"""How long an abort takes, from the breach until everything is undone and verified; and plain Chaos Toolkit beside it.

    python -m benchmarks.abort_latency [--aborts 100] [--signals 20] [--plain 5] [--seed 1]

Each abort is a run of the latency experiment with a delay of 60 s and our load of 60 requests a second, both of
which would go on for more than 15 s. The guard watches an address of the benchmark, which turns bad at a random
instant 0.3 to 1.5 s after the delay is really in. `undone` is the run's own claim, after it has read the system
back; `delay gone` is the lab's own account. The aborts by a signal of the load have no exact breach: for them only
the time from the guard's word counts.

Plain Chaos Toolkit plays the same delay with the same breach, load and rollback, without our control. Its safeguards
add-on is no dependency of the suite: pip install chaostoolkit-addons
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks._bench import LATENCY, ROOT, Eyes, Lab, delays_in, experiment, last_off, quantile, spread, wait_until
from benchmarks._bench_breach import Breach
from gameday.cli._shared import lab_variables
from gameday.model import from_iso
from lab import control

SHORT = {"warmup_s": 0, "baseline_s": 3, "fault_s": 60, "recovery_s": 1, "proof_within_s": 3, "look_back_s": 6}
TRIES = 1.3  # for each that is asked for: beside other work the lab may be too slow for its baseline
RATE = 60
FAULT_S = 60
GOES_ON_S = 15.0  # how long the load of plain Chaos Toolkit, and its one activity, would still go on
ADDON = "chaosaddons"
ENDS_WITHIN_S = 90.0
FAIL_FAST, SAFEGUARDS, NO_LOAD = "fail-fast", "safeguards", "safeguards, without a load"
T = TypeVar("T", "Abort", float)


@dataclass(frozen=True, slots=True)
class Abort:
    """One abort, in seconds since the epoch; None: not known."""

    breach: float | None
    tripped: float
    undone: float
    off: float

    @property
    def figures(self) -> dict[str, float]:
        """The durations that this abort tells."""
        own = {"guard's word to undone and verified": self.undone - self.tripped}
        if self.breach is None:
            return own
        exact = {
            "breach to undone and verified": self.undone - self.breach,
            "breach to the last delay gone": self.off - self.breach,
        }
        return {**exact, **own}


class Stand:
    """The lab, the breach, and the runs that are played between them."""

    def __init__(self, lab: Lab, breach: Breach, seed: int) -> None:
        self.lab = lab
        self.breach = breach
        self.chance = random.Random(seed)
        self.eyes = Eyes(lab.environment())

    def abort(self, file: Path, wait: bool) -> Abort | str:
        """Play *file* until it is aborted, with *wait* by the breach, or by the fault itself; or say what else came."""
        since = time.time()
        process = self.lab.run(file)
        try:
            breach = self._breach(process) if wait else None
            code = process.wait(ENDS_WITHIN_S)
        finally:
            process.terminate()
            process.wait(30)
            self.breach.end()
        if code != 5:
            return f"the run ended with {code}: {self.lab.said()[-500:]}"
        told = json.loads(self.lab.said("out.txt"))["abort"]
        if wait and self.breach.url not in told["guard"]:
            return f"another guard was first: {told['guard']}"
        off = last_off(self.lab.truth(), breach or since)
        if told["undone_at"] is None or off is None or delays_in(self.lab.truth()):
            return f"not undone: {told}"
        return Abort(breach, from_iso(told["tripped_at"]), from_iso(told["undone_at"]), off)

    def plain(self, kind: str) -> float | str:
        """Play the same with plain Chaos Toolkit; return the seconds from the breach to the last delay gone."""
        file = self.lab.write("plain.yaml", self._plain(kind))
        chaos = str(Path(sys.executable).with_name("chaos"))
        words = [chaos, "--no-version-check", "--no-log-file", "--settings", str(self.lab.base / "none.yaml"), "run"]
        words += ["--journal-path", str(self.lab.base / "journal.json"), "--rollback-strategy", "always"]
        if kind == FAIL_FAST:
            words += ["--hypothesis-strategy", "continuously", "--hypothesis-frequency", "0.25", "--fail-fast"]
        process = self.lab.start([*words, str(file)], **self._variables())
        try:
            breach = self._breach(process)
            process.wait(ENDS_WITHIN_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its load is in its group
            self.breach.end()
        if breach is None:
            return f"no delay: {self.lab.said()[-1500:]}"
        left = delays_in(self.lab.truth())
        off = last_off(self.lab.truth(), breach)
        self._clear()
        return f"{left} links were still delayed at its end" if left or off is None else off - breach

    def _breach(self, process: subprocess.Popen[bytes]) -> float | None:
        """Wait until the delay is really in, and a little more; then turn bad. None: the process ended before."""
        if not wait_until(lambda: delays_in(self.lab.truth()) >= 3 or process.poll() is not None, ENDS_WITHIN_S):
            return None
        time.sleep(self.chance.uniform(0.3, 1.5))
        return self.breach.begin() if process.poll() is None else None

    def _clear(self) -> None:
        for running in self.eyes.running():
            self.eyes.aws.fis.stop_experiment(id=running)
        wait_until(lambda: not delays_in(self.lab.truth()), 10)

    def _variables(self) -> dict[str, str]:
        state = control.status(self.lab.base / "lab")
        assert state is not None
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**lab_variables(state, self.lab.suite), "PYTHONPATH": path}

    def _plain(self, kind: str) -> dict[str, Any]:
        names, url = self.eyes.environment.names, f"{self.eyes.environment.url}/posts?limit=20"
        asked = {"type": "http", "url": self.breach.url, "timeout": 2}
        probe = {"type": "probe", "name": "users-are-well", "tolerance": 200, "provider": asked}
        targets = {name: names[name] for name in ("cluster", "service", "database")}
        start = {"type": "python", "module": "benchmarks._bench_fault", "func": "start",
                 "arguments": {**targets, "delay_ms": 100, "duration_s": FAULT_S}}  # fmt: skip
        load = _process(sys.executable, f"-m benchmarks._bench_load {url} {RATE} {GOES_ON_S + 3:g}")
        guard = {"name": "safeguards", "provider": {
            "type": "python", "module": "chaosaddons.controls.safeguards",
            "arguments": {"probes": [{**probe, "name": "safeguard", "frequency": 0.25}]},
        }}  # fmt: skip
        method = [
            {"type": "action", "name": "load", "background": True, "provider": load},
            {"type": "action", "name": "delay", "provider": start},
            {"type": "action", "name": "watch", "provider": _process("sleep", f"{GOES_ON_S + 1.5:g}")},
        ]
        stop = {"type": "python", "module": "benchmarks._bench_fault", "func": "stop"}
        return {
            "title": "plain Chaos Toolkit",
            "description": kind,
            "steady-state-hypothesis": {"title": "Users are well", "probes": [probe]},
            "method": method[1:] if kind == NO_LOAD else method,
            "rollbacks": [{"type": "action", "name": "end-the-delay", "provider": stop}],
            "controls": [] if kind == FAIL_FAST else [guard],
        }


def _process(path: str, arguments: str) -> dict[str, str]:
    return {"type": "process", "path": path, "arguments": arguments}


def guarded(lab: Lab, name: str, guards: list[dict[str, Any]]) -> Path:
    """Write the latency experiment with a long delay and these guards; return its file."""
    data = experiment(LATENCY)
    data["method"][0]["provider"]["arguments"]["duration_s"] = FAULT_S
    data["extensions"][0]["load"]["rate"] = RATE
    data["extensions"][0]["guards"] = guards
    return lab.write(name, data)


def repeat(title: str, count: int, play: Callable[[], T | str]) -> list[T]:
    """Play until *count* went as meant, or `TRIES` times that many were tried; print each."""
    came: list[T] = []
    for number in range(1, int(count * TRIES) + 2):
        if len(came) == count:
            break
        try:
            one = play()
        except subprocess.TimeoutExpired as error:
            one = f"it did not end: {error}"
        if isinstance(one, str):
            print(f"{title} {number}: OTHERWISE: {one}", flush=True)
            continue
        came.append(one)
        seconds = list(one.figures.values()) if isinstance(one, Abort) else [one]
        print(f"{title} {number}: " + ", ".join(f"{value:.3f}" for value in seconds) + " s", flush=True)
    return came


def columns(aborts: Sequence[Abort]) -> dict[str, list[float]]:
    """Return the figures of all aborts by their name."""
    found: dict[str, list[float]] = {}
    for abort in aborts:
        for name, value in abort.figures.items():
            found.setdefault(name, []).append(value)
    return found


def table(exact: Sequence[Abort], signals: Sequence[Abort], plain: dict[str, list[float]]) -> str:
    """Return all figures, and how many times longer plain Chaos Toolkit takes by the median."""
    ours = columns(exact)
    rows = [(f"gameday, {name}", values) for name, values in ours.items()]
    rows += [(f"gameday, signal of the load: {name}", values) for name, values in columns(signals).items()]
    lines = [f"{'seconds':<66}{'n':>5} {'p50':>8} {'p95':>8} {'max':>8}    ratio"]
    lines += [f"{name:<66}{len(values):>5} {spread(values)}" for name, values in rows]
    base = ours.get("breach to the last delay gone", [])
    for kind, values in plain.items():
        ratio = quantile(values, 0.5) / quantile(base, 0.5) if base and values else None
        told = f"{ratio:>8.1f}x" if ratio else f"{'-':>9}"
        lines.append(f"{f'chaos, {kind}: breach to the last delay gone':<66}{len(values):>5} {spread(values)}{told}")
    return "\n".join(lines)


def measure(stand: Stand, asked: argparse.Namespace) -> tuple[list[Abort], list[Abort], dict[str, list[float]]]:
    """Play everything."""
    errors = {"signal": "load.error_ratio", "over_s": 5, "max": 0.5}
    exact = guarded(stand.lab, "exact.yaml", [{"http": stand.breach.url, "status": 200}, errors])
    slow = guarded(stand.lab, "slow.yaml", [{"signal": "load.p50_ms", "over_s": 1, "max": 50}])
    aborts = repeat("abort", asked.aborts, lambda: stand.abort(exact, True))
    signals = repeat("abort by a signal", asked.signals, lambda: stand.abort(slow, False))
    plain = {FAIL_FAST: repeat(f"chaos, {FAIL_FAST}", asked.plain, lambda: stand.plain(FAIL_FAST))}
    if importlib.util.find_spec(ADDON) is None:
        print("the safeguards add-on is left out: it is not installed; pip install chaostoolkit-addons")
        return aborts, signals, plain
    for kind in (SAFEGUARDS, NO_LOAD):
        plain[kind] = repeat(f"chaos, {kind}", asked.plain, lambda kind=kind: stand.plain(kind))  # type: ignore[misc]
    return aborts, signals, plain


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aborts", type=int, default=100, help="by a breach whose instant is known")
    parser.add_argument("--signals", type=int, default=20, help="aborts by a signal of the load")
    parser.add_argument("--plain", type=int, default=5, help="runs of plain Chaos Toolkit, of each kind")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    lab, breach = Lab.make(SHORT), Breach()
    try:
        lab.up()
        stand = Stand(lab, breach, asked.seed)
        wait_until(lambda: not stand.eyes.unwell(), 40)
        aborts, signals, plain = measure(stand, asked)
    finally:
        lab.down()
        breach.close()
    print(f"\nseed {asked.seed}, {time.monotonic() - began:.0f} s\n\n{table(aborts, signals, plain)}")
    missed = asked.aborts - len(aborts) + asked.signals - len(signals)
    if missed:
        print(f"aborts that are missing: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
