"""One run from its first to its last moment: load, steady state, fault, proof, recovery, undo, findings.

Chaos Toolkit plays the activities; the session does what stands around them, driven by the control's events. All
waiting happens in the main thread, where a signal ends it at once.
"""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from gameday.aws import Aws, refuse_way_out
from gameday.engine.live import Heard, LiveFile
from gameday.engine.load_process import LoadProcess
from gameday.engine.monitor import Monitor, Watched
from gameday.engine.proofs import Proofs
from gameday.engine.rollbacks import Rollbacks, split
from gameday.engine.sampler import Sampler
from gameday.engine.setup import Setup, plan_of, run_id
from gameday.engine.signals import LiveLoad
from gameday.engine.sources import GuardSources, metric_name
from gameday.engine.undoing import Undoing
from gameday.errors import Refusal
from gameday.model import Answer, Block, GuardSpec, Json, MetricSpec
from gameday.record import Recorder
from gameday.redact import Redactor
from gameday.safety import armed, gate, halt, secrets
from gameday.safety.guards import read
from gameday.safety.hold import Hold
from gameday.safety.leash import Leash
from gameday.safety.process import descendants, mark_children
from gameday.safety.promises import Promises

LEAVE = 20  # Chaos Toolkit's own code for "stop now, and play the rollbacks"
WELL_FOR_S = 3.0  # the load must be fine for this long before a run calls the system well
AT_LEAST_S = 900.0  # the deadline of a run that names none is never shorter
OUTLIVES_S = 120.0  # the watchman gives a run this much more before it ends it


class Session:
    """The state of the run under way."""

    def __init__(
        self, setup: Setup, experiment: Mapping[str, Any], block: Block, found_secrets: Mapping[str, Any],
        redact: Redactor,
    ) -> None:  # fmt: skip
        heard = Heard(setup.progress)
        self.setup = replace(setup, progress=heard)
        self.experiment = experiment
        self.block = setup.environment.phases.limits(block)
        self.environment = setup.environment
        self.phases = setup.environment.phases.adjusted(block.load)
        self.id = run_id(str(experiment["title"]), setup.file, setup.runs)
        self.folder: Path = setup.runs / self.id
        self.recorder = Recorder(self.folder, redact)
        self.aws = Aws(setup.environment)
        self.hold = Hold(self.environment, self.aws, self._halted, self.abort)
        self.promises = Promises(self.folder / "promises.jsonl", self.hold.note)
        self.undo = Undoing(self.recorder, self.promises, heard, self._ours)
        self.rollbacks = Rollbacks(self.promises, experiment.get("rollbacks") or [])
        self.found_secrets = found_secrets
        self.seed = random.SystemRandom().randrange(2**32)
        self.guards = gate.guards_of(self.environment, block)
        self.sampler = Sampler(
            self.aws.cloudwatch, block.steady, self.environment.sampling, self.recorder, _specs(self.guards)
        )
        self.live = LiveLoad(self.folder / "samples.jsonl")
        self.sources = GuardSources(self.guards, self.live, self.sampler, self.aws, self.environment.url, self._unread)
        self.live_file = LiveFile(self.recorder, heard, self.guards, self.sources, block.load is not None)
        self.deadline_s = block.deadline_s or self._usual_s()
        self.began = time.monotonic()
        self.before = descendants(os.getpid())  # such as the lab, when this command started it
        self.load: LoadProcess | None = None
        self.leash: Leash | None = None
        self.monitor: Monitor | None = None
        self.proofs: Proofs | None = None
        self.touched_at: float | None = None  # when the first action of the method began
        self.injected = False  # an action of the method succeeded

    def _usual_s(self) -> float:
        phases, sampling = self.phases, self.environment.sampling
        recovery_s = max(phases.recovery_s, self.block.objectives.recover_within_s or 0)
        actions = max(1, len(self.experiment.get("method") or []))
        planned = phases.warmup_s + phases.baseline_s + phases.fault_s * actions + self._proof_s() + recovery_s
        return max(AT_LEAST_S, 1.5 * (planned + sampling.look_back_s + sampling.late_s))

    def _proof_s(self) -> float:
        return max(self.phases.proof_within_s, self.block.objectives.rolled_back_within_s or 0)

    # -- before the fault --------------------------------------------------------------------------------

    def arm(self, configuration: dict[str, Json]) -> None:
        """Write the plan, fill in the environment's names, and let actions and probes find this run."""
        for name, value in self.environment.names.items():
            configuration.setdefault(name, value)
        self.configuration = configuration
        self.public, private = split(configuration, self.recorder.redact)
        secrets.hold({"secrets": self.found_secrets, "configuration": private})
        self.recorder.plan(plan_of(self.setup, self.id, self.experiment, self.block, self.seed, configuration))
        self.run = armed.Run(
            self.id, self.environment, self.aws, self.recorder, self.promises, self.block.blast,
            random.Random(self.seed), self.steady,
        )  # fmt: skip
        self.recorder.mark("armed", seed=self.seed)
        build = f", build {self.environment.build}" if self.environment.build else ""
        self.setup.progress.phase("run", f"{self.experiment['title']} (on {self.environment.name}{build})")

    def settle_in(self) -> None:
        """Refuse what must not be, stand ready to put things back, put the load on the system, take the baseline."""
        self.live_file.start()
        self._may_begin()
        self.leash = Leash.start(
            self.folder, self.environment, secrets.held(), self.deadline_s + OUTLIVES_S, self.hold.local.descriptor,
            self.abort,
        )  # fmt: skip
        self.recorder.mark("watchman.started", pid=self.leash.process.pid)
        names, repair = (self.block.fault.asked, self.block.fault.repair) if self.block.fault else ((), None)
        self.proofs = Proofs.before_the_fault(self.run, names, repair)
        self.recorder.mark("before", snapshots=self.proofs.before)
        if self.block.load:
            arguments = (self.environment.url, self.folder, self.id, self.seed, self.setup.suite)
            self.load = LoadProcess.start(self.block.load, *arguments)
            self.leash.load_started(self.load.process.pid)
            self.load.wait_started()
            self.recorder.mark("load.started", pid=self.load.process.pid)
        self.sampler.start()
        self.sources.start()
        watched = Watched(
            self.guards, self.sources, self.live, self.load, self.began + self.deadline_s, self.deadline_s
        )
        self.monitor = Monitor(watched, self.abort, self.setup.progress)
        self.monitor.start()
        self._phase("warmup", "warm-up", self.phases.warmup_s if self.load else 0)
        self._phase("baseline", "baseline", self.phases.baseline_s)
        self._guards_see()
        armed.arm(self.run)  # only now: nothing of ours acts in a run that was not let through

    def _may_begin(self) -> None:
        """Raise Refusal, with figures, when the environment's rules or its state say no."""
        refuse_way_out(self.environment)
        caller = self.aws.check_account()
        self.recorder.mark("account", caller=caller)
        for sentence in self.hold.take(self.id, self.folder, self.setup.settle_leftovers):
            self.setup.progress.phase("undo", f"of an earlier run: {sentence}")
        halt.listen(self.folder, self._halted)
        mark_children(self.folder)
        intents = gate.examine(self.run, self.experiment, self.configuration, time.time())
        self.recorder.mark("gate", intents=[asdict(intent) for intent in intents])

    def _guards_see(self) -> None:
        """Raise Refusal unless every guard says yes before the fault: one that cannot see could not stop it."""
        if self.load and not self.load.alive:
            raise Refusal(f"the load died before the fault: {self.load.last_words()}")
        for guard in self.guards:
            deadline = time.monotonic() + guard.grace_s
            while (reading := read(guard, self.sources)).answer is Answer.UNKNOWN and time.monotonic() < deadline:
                time.sleep(0.1)
            if reading.answer is not Answer.YES:
                raise Refusal(f"a guard says no before the fault: {reading.sentence}")

    def promise_rollbacks(self) -> None:
        """Write the declared rollbacks down before the method, so that a killed run plays them too."""
        if not self.rollbacks.promised:
            self.rollbacks.promise(self.public)

    def steady(self) -> armed.Steady:
        """Return what the metrics say now."""
        return self.sampler.steady()

    def _phase(self, mark: str, title: str, seconds: float) -> None:
        self.recorder.mark(mark, seconds=seconds)
        self.setup.progress.phase(title, f"{seconds:g} s")
        time.sleep(seconds)

    def _unread(self, guard: str, error: Exception) -> None:
        self.recorder.log("warning", "a guard could not be read", guard=guard, error=f"{type(error).__name__}: {error}")

    # -- the fault -----------------------------------------------------------------------------------------

    def action_begins(self, name: str) -> None:
        """Note that an action of the method is about to run; from the first one on, guards count.

        Raises Refusal: the run was not let through, or is ending.
        """
        if not armed.is_armed() or self.undo.ending:
            raise Refusal(f"{name} must not begin: {self.undo.ending.why if self.undo.ending else 'nothing guards it'}")
        self.promise_rollbacks()
        if self.touched_at is None:
            self.touched_at = time.time()
        if self.monitor:
            self.monitor.guarding.set()
        self.recorder.mark("action.started", fsync=True, name=name)
        self.setup.progress.phase("fault", name)

    def action_ended(self, name: str, status: str, error: str) -> None:
        """Note how it ended. A failed action does not stop Chaos Toolkit, so the verdict must know."""
        self.recorder.mark("action.ended", name=name, status=status, error=error)
        self.injected = self.injected or status == "succeeded"
        if status != "succeeded" and not self.undo.ending:
            self.setup.progress.phase("fault", f"{name} failed: {error or status}")

    def watch_recovery(self) -> None:
        """Wait for the proof of the fault, then until the system is well again, or has had its time."""
        if self.undo.ending or self.touched_at is None or self.proofs is None:
            return
        self.recorder.mark("method.ended")
        self.setup.progress.phase("proof", ", ".join(self.proofs.names) or "none named")
        within_s = self._proof_s() if self.injected else 0.0  # a refused fault will not come later
        seen = self.proofs.until_proven(self.touched_at, within_s, lambda: self.undo.ending is not None)
        self.recorder.mark("recovery")
        self.setup.progress.phase("recovery", f"at least {self.phases.recovery_s:g} s, until steady")
        began = time.monotonic()
        repaired = self.proofs.repair is None or seen[self.proofs.repair].proven  # else nobody gets well any more
        longest_s = max(self.phases.recovery_s, (self.block.objectives.recover_within_s or 0) if repaired else 0)
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
        self.undo.end("refused", why)

    def abort(self, why: str) -> None:
        """End the run from another thread, because a guard, the deadline, the lock or the watchman says so."""
        self.undo.stop_from_thread("aborted", why)

    def _halted(self, why: str) -> None:
        self.undo.stop_from_thread("interrupted", f"halted: {why}")

    def leave(self, number: int) -> None:
        """Handle a signal in the main thread: end the run, unless it is ending already."""
        if self.undo.begun or self.undo.leaving:
            self.recorder.mark("signal.ignored", signal=number, why="the run is ending, and is put back first")
            self.setup.progress.phase("undo", "goes on; a second signal does not drop it")
            return
        self.undo.leaving = True
        if self.undo.end("interrupted", f"{signal.Signals(number).name} received"):
            self.undo.end_activities()
            self.undo.start_backstop()
        raise SystemExit(LEAVE)

    def undo_begins(self) -> None:
        """From here on no signal may drop what is left to undo."""
        self.undo.begin()
        if self.monitor:
            self.monitor.guarding.clear()
        self.recorder.mark("rollbacks", fsync=True)
        if self.load and self.undo.ending:
            self.load.cut()

    def close(self) -> None:
        """Undo what is left, end the load, give the environment back, and complete the history.

        Whatever one step raises, the next ones follow; an undo that raised is not complete.
        """
        self.undo.begin()
        self._step(self.undo.settle)
        if self.monitor:
            self.monitor.guarding.clear()
        if self.load:
            self._step(partial(self._end_load, self.load))
        if self.monitor:
            self._step(self.monitor.stop)
        eyes = (self.live_file.stop, self.sources.stop, self.sampler.stop)
        for step in (*eyes, partial(halt.close, self.folder), self._give_back):
            self._step(step)
        if self.leash:
            self._step(self.leash.end)
        mark_children(None)
        armed.disarm()
        self.recorder.mark("finished", fsync=True)

    def _step(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  it is written down, and the next step follows
            self.recorder.log("error", "a step of the end failed", step=str(step), traceback=traceback.format_exc())
            self.recorder.mark("end.failed", why=f"{type(error).__name__}: {error}")

    def _give_back(self) -> None:
        if kept := self.hold.give_back(self.undo.complete is True):
            self.recorder.mark("lock.kept", why=kept)
            self.setup.progress.phase("lock", kept)

    def _end_load(self, load: LoadProcess) -> None:
        self.recorder.mark("load.stopping")
        if self.undo.ending:
            load.kill()
        else:
            self.setup.progress.phase("load", "ends, and reads its writes back")
            load.stop()
        self.recorder.mark("load.stopped", returncode=load.process.returncode)

    def _ours(self) -> list[int]:
        """Return the processes that an abort must not end: the load has its own end, the watchman outlives us."""
        return [*self.before, *(each.process.pid for each in (self.load, self.leash) if each)]


def _specs(guards: list[GuardSpec]) -> dict[str, MetricSpec]:
    """Return the metrics that only guards look at."""
    own = [guard for guard in guards if guard.metric and "/" in guard.metric]
    return {metric_name(guard): MetricSpec(guard.metric or "", guard.dimensions, guard.stat) for guard in own}
