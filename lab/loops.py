"""What the daemon does all the time: follow the processes, schedule, measure, evaluate alarms, tell its state."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

from lab.aws.alb_metrics import AlbMetrics
from lab.aws.alb_watch import watch
from lab.aws.ecs_metrics import EcsMetrics
from lab.aws.logs_intake import EVERY_S as LOGS_EVERY_S
from lab.aws.logs_intake import Intake
from lab.aws.world import World
from lab.balancer import AccessLog, Traffic
from lab.repair import Repair, survive
from lab.settings import LabError

STEP_S = 0.05
HEALTH_EVERY_S = 0.1
MEASURE_EVERY_S = 1.0
REPAIR_EVERY_S = 0.5
ENDED_S = 5.0


@dataclass(slots=True)
class Loops:
    """The threads of a world; `tell_state` is called when a process came or went."""

    world: World
    tell_state: Callable[[dict[str, int]], None]
    repair: Repair
    pids: dict[str, int] = field(default_factory=dict)
    threads: list[Thread] = field(default_factory=list)
    ready: bool = False
    _health_at: float = 0.0

    def start(self) -> None:
        """Start all threads; they end when the world closes."""
        log = AccessLog(self.world.balancer.access_log)
        store = self.world.cloudwatch.metrics
        alb, ecs = AlbMetrics(store), EcsMetrics(store)
        intake = Intake(self.world)
        works: tuple[tuple[str, Callable[[], None]], ...] = (
            ("reconcile", self.reconcile),
            ("measure", lambda: self._every(MEASURE_EVERY_S, lambda: self.measure(log, alb, ecs))),
            ("alarms", lambda: self._every(MEASURE_EVERY_S, self._evaluate)),
            ("logs", lambda: self._every(LOGS_EVERY_S, intake.step)),
            ("repair", lambda: self._every(REPAIR_EVERY_S, self.repair.step)),
        )
        self.threads = [Thread(target=work, daemon=True, name=name) for name, work in works]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have ended, so that none starts a process any more; and until nobody moves the database."""
        for thread in self.threads:
            thread.join(ENDED_S)
        for rds in list(self.world.databases.instances.values()):
            rds.moving.acquire(timeout=ENDED_S)  # kept: no move may begin

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while not self.world.closing.wait(seconds):
            survive(work)

    def reconcile(self) -> None:
        """Step the cluster, at once when something happened."""
        wake = self.world.ecs.tasks.wake
        while not self.world.closing.is_set():
            wake.wait(STEP_S)
            wake.clear()
            survive(self._step)

    def _step(self) -> None:
        world, now = self.world, time.time()
        if now - self._health_at >= HEALTH_EVERY_S:
            self._health_at = now
            self._observe()
        with world.lock:
            chores = world.ecs.step(time.time())
        for chore in chores:
            survive(chore)  # each: a task whose launch was lost would wait for ever
        if self.ready:
            self.announce()

    def _observe(self) -> None:
        """Take in what the balancer says about its targets."""
        watch(self.world)

    def announce(self) -> None:
        """Tell the lab's state if its processes have changed; from the first call on also each step."""
        self.ready = True
        pids = self.world.children.pids()
        if pids != self.pids:
            self.pids = pids
            self.tell_state(pids)

    def measure(self, log: AccessLog, alb: AlbMetrics, ecs: EcsMetrics) -> None:
        """Put the metrics of the second that has passed."""
        world, now = self.world, time.time()
        accesses = log.read()
        with world.lock:
            groups = world.elbv2.census()
            services, insights = ecs.look(world.ecs)
        alb.put(accesses, groups, self._traffic(), now)
        ecs.put(services, insights, now)
        world.balancer.put_logs_aside()

    def _traffic(self) -> Traffic | None:
        """Return the balancer's connections; None while it is being started anew."""
        try:
            return self.world.balancer.traffic()
        except LabError:
            return None

    def _evaluate(self) -> None:
        with self.world.lock:
            self.world.cloudwatch.alarms.evaluate(time.time())
            self.world.scaling.step(time.time())
