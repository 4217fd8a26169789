"""One run from its first to its last moment: load, steady state, fault, proof, recovery, undo, findings.

Chaos Toolkit plays the activities; the session does what stands around them, driven by the control's events. All
waiting happens in the main thread, where a signal ends it at once.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.aws import Aws, refuse_way_out
from gameday.engine.load_process import LoadProcess
from gameday.engine.monitor import Monitor
from gameday.engine.proofs import Proofs
from gameday.engine.sampler import Sampler
from gameday.engine.setup import Setup, plan_of, run_id
from gameday.engine.signals import LiveLoad
from gameday.model import Answer, Block, Json
from gameday.record import Recorder, Redactor
from gameday.safety import armed
from gameday.safety.promises import Promises

LEAVE = 20  # Chaos Toolkit's own code for "stop now, and play the rollbacks"
WELL_FOR_S = 3.0  # the load must be fine for this long before a run calls the system well


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ends before its time."""

    kind: str  # aborted | interrupted | refused
    why: str
    at: float


class Session:
    """The state of the run under way."""

    def __init__(
        self, setup: Setup, experiment: Mapping[str, Any], block: Block, secrets: Mapping[str, object]
    ) -> None:
        self.setup = setup
        self.experiment = experiment
        self.block = block
        self.environment = setup.environment
        self.phases = setup.environment.phases.adjusted(block.load)
        self.id = run_id(str(experiment["title"]), setup.file, setup.runs)
        self.folder: Path = setup.runs / self.id
        self.recorder = Recorder(self.folder, Redactor(_texts(secrets)))
        self.promises = Promises(self.folder / "promises.jsonl")
        self.seed = random.SystemRandom().randrange(2**32)
        self.aws = Aws(setup.environment)
        self.sampler = Sampler(self.aws.cloudwatch, block.steady, self.environment.sampling, self.recorder)
        self.live = LiveLoad(self.folder / "samples.jsonl")
        self.ending: Ending | None = None
        self.load: LoadProcess | None = None
        self.monitor: Monitor | None = None
        self.proofs: Proofs | None = None
        self.touched_at: float | None = None  # when the first action of the method began
        self.injected = False  # an action of the method succeeded
        self.undoing = False

    # -- before the fault --------------------------------------------------------------------------------

    def arm(self, configuration: dict[str, Json]) -> None:
        """Write the plan, fill in the environment's names, and let actions and probes find this run."""
        for name, value in self.environment.names.items():
            configuration.setdefault(name, value)
        self.recorder.plan(plan_of(self.setup, self.id, self.experiment, self.block, self.seed, configuration))
        self.run = armed.Run(
            self.id, self.environment, self.aws, self.recorder, self.promises, self.block.blast,
            random.Random(self.seed), self.steady,
        )  # fmt: skip
        armed.arm(self.run)
        self.recorder.mark("armed", seed=self.seed)
        build = f", build {self.environment.build}" if self.environment.build else ""
        self.setup.progress.phase("run", f"{self.experiment['title']} (on {self.environment.name}{build})")

    def settle_in(self) -> None:
        """Check the account, look at the system, put the load on it, and take the baseline."""
        refuse_way_out(self.environment)
        caller = self.aws.check_account()
        self.recorder.mark("account", caller=caller)
        names = self.block.fault.proofs if self.block.fault else ()
        self.proofs = Proofs.before_the_fault(self.run, names)
        self.recorder.mark("before", snapshots=self.proofs.before)
        if self.block.load:
            arguments = (self.environment.url, self.folder, self.id, self.seed, self.setup.suite)
            self.load = LoadProcess.start(self.block.load, *arguments)
            self.load.wait_started()
            self.recorder.mark("load.started", pid=self.load.process.pid)
        self.sampler.start()
        progress = self.setup.progress
        self.monitor = Monitor(self.block.guards, self.live, self.load, self._alarm, self.abort, progress)
        self.monitor.start()
        self._phase("warmup", "warm-up", self.phases.warmup_s if self.load else 0)
        self._phase("baseline", "baseline", self.phases.baseline_s)

    def steady(self) -> armed.Steady:
        """Return what the metrics say now."""
        return self.sampler.steady()

    def _phase(self, mark: str, title: str, seconds: float) -> None:
        self.recorder.mark(mark, seconds=seconds)
        self.setup.progress.phase(title, f"{seconds:g} s")
        time.sleep(seconds)

    def _alarm(self, name: str) -> str | None:
        answer = self.aws.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        found: list[Any] = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        return str(found[0]["StateValue"]) if found else None

    # -- the fault -----------------------------------------------------------------------------------------

    def action_begins(self, name: str) -> None:
        """Note that an action of the method is about to run; from the first one on, guards count."""
        self.recorder.mark("action.started", fsync=True, name=name)
        if self.touched_at is None:
            self.touched_at = time.time()
        if self.monitor:
            self.monitor.guarding.set()
        self.setup.progress.phase("fault", name)

    def action_ended(self, name: str, status: str, error: str) -> None:
        """Note how it ended. A failed action does not stop Chaos Toolkit, so the verdict must know."""
        self.recorder.mark("action.ended", name=name, status=status, error=error)
        self.injected = self.injected or status == "succeeded"
        if status != "succeeded":
            self.setup.progress.phase("fault", f"{name} failed: {error or status}")

    def watch_recovery(self) -> None:
        """Wait for the proof of the fault, then until the system is well again, or has had its time."""
        if self.ending or self.touched_at is None or self.proofs is None:
            return
        self.recorder.mark("method.ended")
        self.setup.progress.phase("proof", ", ".join(self.proofs.names) or "none named")
        within_s = self.phases.proof_within_s if self.injected else 0.0  # a refused fault will not come later
        self.proofs.until_proven(self.touched_at, within_s, lambda: self.ending is not None)
        self.recorder.mark("recovery")
        self.setup.progress.phase("recovery", f"at least {self.phases.recovery_s:g} s, until steady")
        began = time.monotonic()
        longest_s = max(self.phases.recovery_s, self.block.objectives.recover_within_s or 0)
        longest_s += self.environment.sampling.look_back_s + self.environment.sampling.late_s
        well_since: float | None = None
        while (passed_s := time.monotonic() - began) < longest_s:
            well = self._well()
            well_since = (well_since or time.monotonic()) if well else None
            if passed_s >= self.phases.recovery_s and well_since and time.monotonic() - well_since >= WELL_FOR_S:
                break
            time.sleep(0.25)

    def _well(self) -> bool:
        errors = self.live.signal("load.error_ratio", WELL_FOR_S) if self.load else 0.0
        metrics = self.steady().answer is Answer.YES or not self.block.steady
        return errors is not None and errors <= (self.block.objectives.error_budget or 0) and metrics

    # -- the end ---------------------------------------------------------------------------------------------

    def refuse(self, why: str) -> None:
        """Note that nothing was touched, and why."""
        self.ending = Ending("refused", why, time.time())
        self.recorder.mark("refused", fsync=True, why=why)
        self.setup.progress.phase("refused", why)

    def abort(self, why: str) -> None:
        """End the run from another thread: interrupt the main thread, wherever it waits."""
        self._end("aborted", why)
        os.kill(os.getpid(), signal.SIGUSR1)

    def leave(self, number: int) -> None:
        """Handle a signal in the main thread: end the run, unless it is being undone already."""
        if number != signal.SIGUSR1:
            self._end("interrupted", f"{signal.Signals(number).name} received")
        if self.undoing:
            self.recorder.mark("signal.ignored", signal=number, why="the undo goes on")
            return
        raise SystemExit(LEAVE)

    def _end(self, kind: str, why: str) -> None:
        if self.ending is None:
            self.ending = Ending(kind, why, time.time())
            self.recorder.mark("abort" if kind == "aborted" else kind, fsync=True, why=why)
            self.setup.progress.phase(kind, why)

    def undo_begins(self) -> None:
        """From here on no signal may drop what is left to undo."""
        self.undoing = True
        if self.monitor:
            self.monitor.guarding.clear()
        self.recorder.mark("rollbacks", fsync=True)

    def close(self) -> None:
        """Undo what is left, end the load, and complete the history."""
        self.undoing = True
        failures = self.promises.settle()
        for failure in failures:
            self.recorder.mark("undo.failed", fsync=True, why=failure)
            self.setup.progress.phase("undo", failure)
        self.recorder.mark("undone", fsync=True, complete=not failures)
        if self.monitor:
            self.monitor.guarding.clear()
        if self.load:
            self.setup.progress.phase("load", "ends, and reads its writes back")
            self.recorder.mark("load.stopping")
            self.load.stop()
            self.recorder.mark("load.stopped", returncode=self.load.process.returncode)
        if self.monitor:
            self.monitor.stop()
        self.sampler.stop()
        self.recorder.mark("finished", fsync=True)
        armed.disarm()


def _texts(secrets: object) -> tuple[str, ...]:
    """Return every text inside *secrets*, however deep."""
    if isinstance(secrets, str):
        return (secrets,)
    if isinstance(secrets, Mapping):
        return tuple(text for value in secrets.values() for text in _texts(value))
    return ()
