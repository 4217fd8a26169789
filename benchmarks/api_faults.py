"""A fault at every single call that a run makes to the AWS API, one call at a time.

    python -m benchmarks.api_faults [--experiment latency|ecs|rds|all] [--kinds throttle,http500,timeout,expired,drop]
                                    [--jobs 2] [--limit N] [--minutes M] [--seed S] [--out FILE]

One clean run of each experiment writes down its calls. Then, for each of them and each kind of fault, one run in which
exactly this call fails for good: with all its retries, where the client retries. Of an operation that a run repeats
(sampling, polling, renewing) the first three calls and the last two are taken; time-outs, which cost half a minute
each, hit the first call of each operation only. Beside that the whole API fails from some call on until the run is
over, with a delay that would go on: `gameday undo` must put that back.

Exit 1 when a run says "held" without its proofs, leaves something changed without saying so and how to restore it,
leaves something that `gameday undo` does not put back, prints a traceback, or takes too long.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml

from benchmarks.faulty_api import FaultyApi
from lab import control
from lab.settings import LabError, Settings
from tests.api_proxy import Kind
from tests.ports import free_port_base

ROOT = Path(__file__).parents[1]
FILES = {
    "latency": "latency/backend-to-database.yaml",
    "ecs": "ecs/stop-one-task.yaml",
    "rds": "rds/reboot-with-failover.yaml",
}
KINDS: tuple[Kind, ...] = ("throttle", "http500", "timeout", "expired", "drop")
ATTEMPTS = 4  # that our clients make: botocore counts `max_attempts` without the first one
OUTAGES: tuple[Kind, ...] = ("http500", "expired")
LONGEST_S = 240.0
LONG_S = 90.0  # the delay of a run in an outage: it must not end by itself before it is looked at
PROOFS_OF_HELD = "the fault proven, at least 95 % of the load delivered, and fresh data"
SHORT = {
    "warmup_s": 0, "baseline_s": 3, "fault_s": 3, "recovery_s": 2, "proof_within_s": 8, "look_back_s": 3,
}  # fmt: skip
FOLDERS = ("actions", "experiments", "lab", "load", "probes", "reports")


@dataclass(frozen=True, slots=True)
class Case:
    """One run: the *nth* call of *operation* fails, or, where *outage*, every call from the nth of all on."""

    experiment: str
    kind: Kind
    operation: str
    nth: int
    outage: bool = False

    @property
    def times(self) -> int | None:
        """How many attempts fail: a call that is not tried again fails by one."""
        return None if self.outage else 1 if self.kind == "expired" else ATTEMPTS

    @property
    def call(self) -> str:
        """The call's name in the table."""
        return f"all from call {self.nth:>3} on ({self.operation})" if self.outage else f"{self.operation} {self.nth}"


@dataclass(slots=True)
class Outcome:
    """What came of a case."""

    case: Case
    code: int = -1
    verdict: str = "none"
    why: str = ""
    hit: int = 0  # attempts that failed
    seconds: float = 0.0
    left: list[str] = field(default_factory=list)
    lease_left: bool = False
    undone: bool | None = None  # by `gameday undo`, where something was left
    violations: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """What the table's cell says."""
        word = self.verdict if self.hit else f"{self.verdict} (not met)"
        return word + (" +undo" if self.left else "") + (" !!" if self.violations else "")


class Stage:
    """One lab behind its proxy, and a suite folder with short phases."""

    def __init__(self, api: FaultyApi, suite: Path) -> None:
        self.api = api
        self.suite = suite
        self.runs = suite / "runs"

    def clean_run(self, experiment: str) -> list[str]:
        """Play without a fault and return the names of the calls. Raises RuntimeError: it did not hold."""
        for _ in range(2):
            outcome = self.play(Case(experiment, "throttle", "none", 1))
            calls = self.api.proxy.calls
            if outcome.verdict == "held" and not outcome.violations:
                return calls
        raise RuntimeError(f"the clean run of {experiment} was {outcome.verdict}: {outcome.why} {outcome.violations}")

    def play(self, case: Case) -> Outcome:
        """Play one case to its end, look at what is left, and leave the stage clean."""
        api, outcome = self.api, Outcome(case)
        api.rest(failover=case.experiment == "rds")
        api.proxy.forget()
        if case.operation != "none":
            api.proxy.fault(case.kind, None if case.outage else case.operation, case.nth, case.times)
        began = time.monotonic()
        ended = self._command("run", str(self._file(case)), "--json")
        outcome.seconds = round(time.monotonic() - began, 1)
        outcome.hit = len(api.proxy.failed)
        api.proxy.heal()
        outcome.left, outcome.lease_left = api.left(self.runs), api.lease_left()
        _judge(outcome, *ended)
        if outcome.left or outcome.code not in (0, 1, 3, 4, 5):
            self._undo(outcome)
        api.free()
        return outcome

    def _undo(self, outcome: Outcome) -> None:
        """Settle what is left as a person would, and look again."""
        if any("lives" in one for one in outcome.left):
            outcome.violations.append("a process was left alive")
        code, out, err = self._command("undo")
        still = self.api.left(self.runs)
        outcome.undone = code == 0 and not still
        if not outcome.undone:
            outcome.violations.append(f"`gameday undo` (exit {code}) left {still}: {(err or out)[-300:]}")
        if "Traceback" in out + err:
            outcome.violations.append("`gameday undo` printed a traceback")

    def _command(self, *words: str) -> tuple[int, str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "GAMEDAY_"))}
        env |= {**self.api.variables, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "gameday", *words], cwd=self.suite, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            out, err = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return -9, out, err
        return process.returncode, out, err

    def _file(self, case: Case) -> Path:
        """Write the experiment with a lighter load, and a delay that outlives an outage."""
        data: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / FILES[case.experiment]).read_text())
        data["extensions"][0]["load"]["rate"] = 30
        data["extensions"][0]["objectives"]["recover_within_s"] = 30
        if case.outage and case.experiment == "latency":
            data["method"][0]["provider"]["arguments"]["duration_s"] = LONG_S
        path = self.suite / f"{case.experiment}.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        return path


def _judge(outcome: Outcome, code: int, out: str, err: str) -> None:
    """Fill in what the command said, and everything that must not be."""
    outcome.code, wrong = code, outcome.violations
    try:
        findings = json.loads(out)
        outcome.verdict, outcome.why = str(findings["verdict"]), "; ".join(findings["why"])[:600]
    except (ValueError, KeyError, TypeError):
        findings = {}
        wrong.append(f"no findings (exit {code}): {err[-400:]}")
    if outcome.verdict == "held" and not _proven(findings):
        wrong.append(f"held without {PROOFS_OF_HELD}: {findings['proofs']}")
    if code == -9:
        wrong.append(f"took longer than {LONGEST_S:g} s")
    if "Traceback" in out + err:
        wrong.append(f"printed a traceback: {(out + err)[-400:]}")
    if code not in (0, 1, 3, 4, 5, 6, 130):
        wrong.append(f"exit code {code}")
    if outcome.left and code != 6:
        wrong.append(f"left without a word (exit {code}): {outcome.left}")
    if code == 6 and "restore it with" not in out + err:
        wrong.append("exit 6 without the command that restores it")


def _proven(findings: dict[str, Any]) -> bool:
    proofs = findings["proofs"]
    return proofs["fault"]["proven"] is True and proofs["load"]["delivered"] >= 0.95 and proofs["data"]["fresh"] is True


# -- which cases -----------------------------------------------------------------------------------------------


def cases_of(experiment: str, calls: Sequence[str], kinds: Sequence[Kind]) -> Iterator[Case]:
    """Yield every case of one experiment, from the calls of its clean run."""
    for operation, count in Counter(calls).items():
        chosen = [nth for nth in range(1, count + 1) if nth <= 3 or nth > count - 2]
        for kind in kinds:
            for nth in chosen[:1] if kind == "timeout" else chosen:
                yield Case(experiment, kind, operation, nth)
    for nth in _turning_points(calls):
        for kind in OUTAGES:
            if kind in kinds:
                yield Case(experiment, kind, calls[nth - 1], nth, outage=True)


def _turning_points(calls: Sequence[str]) -> list[int]:
    """Return the numbers of the calls from which on the API fails: round each change, and towards the end."""
    changes = [n for n, name in enumerate(calls, 1) if re.search(r":(Create|Start|Stop|Reboot|Put|Update)", name)]
    return sorted({*changes[:5], *(n + 1 for n in changes if n < len(calls)), len(calls) * 3 // 4})[:8]


def in_order(cases: list[Case], seed: int, limit: int | None) -> list[Case]:
    """Return the cases with the ones at changing calls and the outages first, the others drawn by *seed*."""
    random.Random(seed).shuffle(cases)
    cases.sort(key=lambda case: not (case.outage or is_change(case.operation)))
    return cases[:limit]


def is_change(operation: str) -> bool:
    """Return whether a call changes anything."""
    return not operation.partition(":")[2].startswith(("Describe", "Get", "List"))


# -- playing them ----------------------------------------------------------------------------------------------


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Yield a stage with a lab of its own."""
    home, suite = folder / "lab", folder / "suite"
    for path in (home, suite):
        path.mkdir(parents=True)
    for path in (folder, home):
        path.chmod(0o755)  # as root PostgreSQL runs as another user
    for name in FOLDERS:
        (suite / name).symlink_to(ROOT / name)
    text = (ROOT / "gameday.toml").read_text()
    for name, value in SHORT.items():
        text = re.sub(rf"(?m)^{name} = \S+", f"{name} = {value}", text, count=1)
    (suite / "gameday.toml").write_text(text)
    control.up(Settings(home=home, port_base=free_port_base()), lambda _: None)
    try:
        with FaultyApi(home, folder / "behind-the-proxy") as api:
            yield Stage(api, suite)
    finally:
        control.down(home)


def play_all(stages: list[Stage], cases: list[Case], minutes: float, out: Path | None) -> list[Outcome]:
    """Play the cases on the stages side by side; no new one is begun after *minutes*."""
    outcomes: list[Outcome] = []
    queue, lock, until = iter(cases), threading.Lock(), time.monotonic() + minutes * 60

    def work(mine: Stage) -> None:
        while time.monotonic() < until:
            with lock:
                case = next(queue, None)
            if case is None:
                return
            try:
                outcome = mine.play(case)
            except LabError as error:
                outcome = Outcome(case, violations=[f"the staging did not come back: {error}"])
            with lock:
                outcomes.append(outcome)
                _tell(outcome, len(outcomes), len(cases), out)

    threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _tell(outcome: Outcome, number: int, of: int, out: Path | None) -> None:
    case = outcome.case
    print(f"{number}/{of}  {outcome.seconds:5.1f} s  {case.experiment} {case.kind} {case.call}: {outcome.word}")
    for one in outcome.violations:
        print(f"      VIOLATION {one}")
    sys.stdout.flush()
    if out:
        with out.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")


# -- the table -------------------------------------------------------------------------------------------------


def table(experiment: str, outcomes: list[Outcome], kinds: Sequence[Kind]) -> list[str]:
    """Return one line a call, one column a kind."""
    cells = {(outcome.case.call, outcome.case.kind): outcome.word for outcome in outcomes}
    calls = sorted({call for call, _ in cells})
    wide = max(map(len, calls), default=10)
    lines = [f"{experiment:<{wide}}  " + "  ".join(f"{kind:<22}" for kind in kinds)]
    for call in calls:
        row = "  ".join(f"{cells.get((call, kind), '-'):<22}" for kind in kinds)
        lines.append(f"{call:<{wide}}  {row}".rstrip())
    return lines


def summary(outcomes: list[Outcome], of: int) -> list[str]:
    """Return the figures of all."""
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    left = [outcome for outcome in outcomes if outcome.left]
    return [
        f"runs: {len(outcomes)} of {of} combinations; the fault was met in "
        f"{sum(outcome.hit > 0 for outcome in outcomes)}",
        "verdicts: " + ", ".join(f"{word} {count}" for word, count in verdicts.most_common()),
        f"left something changed: {len(left)}, and said so with exit code 6: "
        f"{sum(outcome.code == 6 for outcome in left)}; "
        f"put back by `gameday undo`: {sum(bool(outcome.undone) for outcome in left)}",
        "nothing changed, but the lock table named the run until its lease ends: "
        f"{sum(outcome.lease_left and not outcome.left for outcome in outcomes)}",
        f"longest run: {max((outcome.seconds for outcome in outcomes), default=0):.0f} s",
        f"violations: {sum(bool(outcome.violations) for outcome in outcomes)}",
    ]


def main() -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--experiment", choices=[*FILES, "all"], default="all")
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas; `reset` is another one")
    parser.add_argument("--jobs", type=int, default=2, choices=range(1, 9), metavar="N")
    parser.add_argument("--limit", type=int, help="at most this many runs")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no run after this long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write each outcome as a line of JSON")
    asked = parser.parse_args()
    kinds: tuple[Kind, ...] = tuple(asked.kinds.split(","))
    if wrong := [kind for kind in kinds if kind not in get_args(Kind)]:
        parser.error(f"no such kind: {', '.join(wrong)}; there are {', '.join(get_args(Kind))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the labs are taken down
    names = list(FILES) if asked.experiment == "all" else [asked.experiment]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gameday-api-faults-")))
        folder.chmod(0o755)
        stages = [stack.enter_context(stage(folder / str(number))) for number in range(asked.jobs)]
        cases = []
        for name in names:
            calls = stages[0].clean_run(name)
            mine = list(cases_of(name, calls, kinds))
            print(f"{name}: {len(calls)} calls of {len(set(calls))} operations, {len(mine)} combinations", flush=True)
            cases += mine
        outcomes = play_all(stages, in_order(cases, asked.seed, asked.limit), asked.minutes, asked.out)
    for name in names:
        print("\n" + "\n".join(table(name, [one for one in outcomes if one.case.experiment == name], kinds)))
    print("\n" + "\n".join(summary(outcomes, len(cases))))
    return 1 if any(outcome.violations for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
