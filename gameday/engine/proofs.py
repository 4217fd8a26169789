"""Proofs of the fault, found by name: `ecs.task_stopped` is `task_stopped` in `probes/ecs.py`.

A module of proofs has `snapshot(run) -> dict`, taken before the method, and one function a proof,
`proof(run, before, since) -> Evidence`, asked again until it is proven and the repair is over, or time runs out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from types import ModuleType
from typing import cast

from gameday.errors import UsageError
from gameday.model import Evidence, Json
from gameday.safety.armed import Run

Snapshot = dict[str, Json]
Proof = Callable[[Run, Snapshot, float], Evidence]


def _module(name: str) -> ModuleType:
    service = name.partition(".")[0]
    try:
        return import_module(f"probes.{service}")
    except ModuleNotFoundError as error:
        raise UsageError(f"no proof {name!r}: there is no probes/{service}.py ({error})") from None


def find(name: str) -> Proof:
    """Return the proof called *name*. Raises UsageError when there is none."""
    module = _module(name)
    proof = getattr(module, name.partition(".")[2], None)
    if proof is None or name not in names_in(module):
        known = ", ".join(names_in(module)) or "none"
        raise UsageError(f"no proof {name!r}; {module.__name__.replace('.', '/')}.py has: {known}")
    return cast("Proof", proof)


def names_in(module: ModuleType) -> list[str]:
    """Return the proofs of a module: what its `PROOFS` lists."""
    service = module.__name__.rpartition(".")[2]
    return [f"{service}.{proof.__name__}" for proof in getattr(module, "PROOFS", ())]


@dataclass(slots=True)
class Proofs:
    """The proofs that one run must make."""

    run: Run
    names: tuple[str, ...]
    before: dict[str, Snapshot]
    repair: str | None = None  # one of them: when it will not come any more, nobody waits for it

    @classmethod
    def before_the_fault(cls, run: Run, names: tuple[str, ...], repair: str | None = None) -> Proofs:
        """Look at the system before anything is touched."""
        for name in names:
            find(name)
        modules = {name.partition(".")[0]: _module(name) for name in names}
        return cls(run, names, {service: module.snapshot(run) for service, module in modules.items()}, repair)

    def look(self, since: float) -> dict[str, Evidence]:
        """Ask every proof once."""
        return {name: self._ask(name, since) for name in self.names}

    def _ask(self, name: str, since: float) -> Evidence:
        try:
            return find(name)(self.run, self.before[name.partition(".")[0]], since)
        except Exception as error:  # noqa: BLE001  a proof that crashes has not seen anything: unknown, never held
            return Evidence(None, (f"could not be asked: {type(error).__name__}: {error}",), over=False)

    def until_proven(self, since: float, within_s: float, leave: Callable[[], bool]) -> dict[str, Evidence]:
        """Ask until everything is proven and over, *within_s* have passed, or *leave* says so; note the outcome."""
        deadline = time.monotonic() + within_s
        pause_s = min(1.0, self.run.environment.sampling.tick_s / 4)
        while True:
            seen = self.look(since)
            done = all(each.over and (each.proven or name == self.repair) for name, each in seen.items())
            if done or leave() or time.monotonic() > deadline:
                break
            time.sleep(pause_s)
        for name, evidence in seen.items():
            self.run.recorder.mark("proof", proof=name, **asdict(evidence))
        return seen
