"""The rehearsal of a run: everything resolved and checked that a run would do, and nothing done.

Its door to AWS lets reading calls through and nothing else. No run folder, no lock, no load; what a run would find
out by acting (which task the seed draws, the id of a template) is shown as not known yet.
"""

from __future__ import annotations

import copy
import os
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from gameday.aws import Aws, refuse_way_out
from gameday.block import block_of
from gameday.config import Environment
from gameday.engine.check import check
from gameday.engine.permissions import Permission, made, needs_of, simulated
from gameday.engine.proofs import Proofs
from gameday.engine.runner import adopt
from gameday.engine.sampler import Sampler
from gameday.engine.signals import LiveLoad
from gameday.engine.sources import GuardSources, metric_name
from gameday.errors import GamedayError, UsageError
from gameday.model import Answer, Block, GuardSpec, Json, Mark, MetricSpec, Point
from gameday.record import Recorder
from gameday.safety import armed, blast, gate
from gameday.safety.guards import Reading, read
from gameday.safety.intent import Call, Intent
from gameday.safety.promises import Promises

GUARDS_WITHIN_S = 3.0


class Nowhere(Recorder):
    """The record of a rehearsal: there is none. A mark would be a sign that something was touched."""

    def __init__(self) -> None:
        pass

    def mark(self, name: str, at: float | None = None, /, *, fsync: bool = False, **details: object) -> Mark:
        """Refuse: a fault marks what it does after its yield only."""
        raise RuntimeError(f"a rehearsal came as far as the mark {name!r}")

    def points(self, points: list[Point]) -> None:
        """Leave sampled points unwritten."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as it would be sent; `complaint` is what botocore's model finds wrong, empty when it is valid."""

    call: Call
    times: int
    complaint: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One action: its intent, its calls, and the limit of its blast radius."""

    intent: Intent
    calls: tuple[Sent, ...]
    undo_calls: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run would do."""

    file: Path
    title: str
    environment: Environment
    block: Block
    caller: str
    method: tuple[Rehearsed, ...]
    rollbacks: tuple[Rehearsed, ...]
    guards: tuple[Reading, ...]
    steady: armed.Steady
    permissions: tuple[Permission, ...]
    refusals: tuple[str, ...]

    @property
    def denied(self) -> list[Permission]:
        """What the caller may not do."""
        return [one for one in self.permissions if one.answer == "denied"]

    @property
    def would_run(self) -> bool:
        """Whether nothing known beforehand is in the way."""
        return not self.refusals and not self.denied

    @property
    def limits(self) -> Any:
        """The blast radius that both the experiment and the environment allow."""
        return blast.smaller(self.block.blast, self.environment.rules.blast)

    @property
    def takes_s(self) -> tuple[float, float]:
        """How long the run takes, at least and at most, without the lab's start and the reports."""
        phases, pace = self.environment.phases.adjusted(self.block.load), self.environment.sampling
        fault_s = sum(action.intent.lasts_s for action in self.method)
        before_s = (phases.warmup_s if self.block.load else 0) + phases.baseline_s
        longest_s = max(phases.recovery_s, self.block.objectives.recover_within_s or 0)
        proof_s = max(phases.proof_within_s, self.block.objectives.rolled_back_within_s or 0)
        most = before_s + fault_s + proof_s + longest_s + pace.look_back_s + pace.late_s
        return before_s + fault_s + phases.recovery_s, most


def rehearse(file: Path, environment: Environment, suite: Path, given: Mapping[str, Json]) -> Rehearsal:
    """Rehearse one experiment.

    Raises InputError or UsageError: the input is wrong. Raises Refusal: this is the wrong account, or a way out of the
    lab. Everything else that is in the way is in `refusals`.
    """
    source, block = check(file, suite)
    experiment = cast("dict[str, Any]", copy.deepcopy(source.data))
    if block is None:
        adopt(experiment)
        block = block_of(experiment)
    block = environment.phases.limits(block)
    configuration, environment = _configured(experiment, environment, given)
    refuse_way_out(environment)
    aws = Aws(environment, read_only=True)
    caller = aws.check_account()
    run = unarmed(environment, aws, block)
    found = gate.look(run, experiment, configuration, time.time())
    reasons = [*found.reasons, *_proofs(run, block)]
    guards, steady = watched(run, block)
    intents = (*found.method, *found.rollbacks)
    needs, to_tasks = needs_of(intents, aws.made), [role for one in intents for role in one.passes_to_tasks]
    permissions = [*made(aws.made), *simulated(aws, caller, needs, _context(run, found.method), to_tasks)]
    return Rehearsal(
        file, str(experiment["title"]), environment, block, caller,
        tuple(_rehearsed(aws, intent) for intent in found.method),
        tuple(_rehearsed(aws, intent) for intent in found.rollbacks),
        guards, steady, tuple(permissions), tuple(reasons),
    )  # fmt: skip


def plain(plan: Rehearsal) -> dict[str, Json]:
    """Return the rehearsal as JSON."""
    least, most = plan.takes_s
    environment = plan.environment
    found: dict[str, object] = {
        "schema": 1,
        "experiment": {"file": str(plan.file), "title": plan.title},
        "environment": {
            "name": environment.name, "kind": environment.kind, "account": environment.account,
            "region": environment.region, "production": environment.production,
        },
        "caller": plan.caller,
        "would_run": plan.would_run,
        "refusals": list(plan.refusals),
        "actions": [_plain_action(plan, one) for one in plan.method],
        "rollbacks": [_plain_action(plan, one) for one in plan.rollbacks],
        "guards": [{"sentence": one.sentence, "answer": one.answer.value} for one in plan.guards],
        "steady": {"answer": plan.steady.answer.value, "reasons": list(plan.steady.reasons)},
        "load": {"journey": plan.block.load.journey, "rate": plan.block.load.rate} if plan.block.load else None,
        "phases": asdict(environment.phases.adjusted(plan.block.load)),
        "takes_s": {"at_least": least, "at_most": most},
        "permissions": [asdict(one) for one in plan.permissions],
    }  # fmt: skip
    return cast("dict[str, Json]", found)


def _plain_action(plan: Rehearsal, one: Rehearsed) -> dict[str, object]:
    intent, limits = one.intent, plan.limits
    return {
        "action": intent.action,
        "does": intent.sentence,
        "targets": [asdict(target) for target in intent.targets],
        "drawn_from": list(intent.drawn_from),
        "blast": {
            "hit": intent.hit, "of": intent.of, "what": intent.what, "percent": percent(intent),
            "limit": limits.tasks, "limit_percent": limits.percent,
        },
        "calls_known": intent.calls_known,
        "calls": [_plain_call(call) for call in one.calls],
        "undo": [{"does": undo.sentence, "by_hand": undo.by_hand} for undo in intent.undo],
        "undo_calls": [_plain_call(call) for call in one.undo_calls],
        "why_no_undo": intent.why_no_undo,
        "ends_by_itself": intent.ends_by_itself,
        "lasts_s": intent.lasts_s,
        "refusals": list(intent.refusals),
    }  # fmt: skip


def _plain_call(one: Sent) -> dict[str, object]:
    return {
        "call": one.call.name, "params": one.call.params, "resource": one.call.resource, "times": one.times,
        "mutating": one.call.mutating, "valid": not one.complaint, "complaint": one.complaint,
    }  # fmt: skip


def percent(intent: Intent) -> float | None:
    """Return the share of the targets that is hit, in percent."""
    return round(100 * intent.hit / intent.of, 1) if intent.hit is not None and intent.of else None


# -- what is asked ---------------------------------------------------------------------------------------


def _configured(
    experiment: Mapping[str, Any], environment: Environment, given: Mapping[str, Json]
) -> tuple[dict[str, Any], Environment]:
    """Return the configuration as a run would have it, and the environment with the names that were given."""
    from chaoslib.configuration import load_configuration
    from chaoslib.exceptions import ChaosException

    declared, names, values = experiment.get("configuration") or {}, dict(environment.names), dict(given)
    for key in [key for key in values if key not in declared]:
        if key not in names:
            raise UsageError(f"--set {key}: neither the file nor the environment has it")
        names[key] = str(values.pop(key))
    try:
        configuration = dict(load_configuration(copy.deepcopy(declared), values))
    except ChaosException as error:
        raise UsageError(str(error)) from None
    return {**names, **configuration}, replace(environment, names=names)


def unarmed(environment: Environment, aws: Aws, block: Block) -> armed.Run:
    """Return a run that is never armed, so no fault of it can begin."""
    promises = Promises(Path(os.devnull))
    return armed.Run(
        id="rehearsal", environment=environment, aws=aws, recorder=Nowhere(), promises=promises, blast=block.blast,
        random=random.Random(0), steady=lambda: armed.Steady(Answer.UNKNOWN),
    )  # fmt: skip


def _proofs(run: armed.Run, block: Block) -> list[str]:
    """Look at what the proofs look at before a fault; return why one could not."""
    from botocore.exceptions import BotoCoreError, ClientError

    reasons = []
    for name in block.fault.asked if block.fault else ():
        try:
            Proofs.before_the_fault(run, (name,))
        except (GamedayError, BotoCoreError, ClientError, LookupError) as error:
            reasons.append(f"the proof {name} cannot look at its target: {error}")
    return reasons


def watched(run: armed.Run, block: Block) -> tuple[tuple[Reading, ...], armed.Steady]:
    """Return what the guards read now, and what the metrics say; the load's signals are not there yet."""
    guards = gate.guards_of(run.environment, block)
    own = {metric_name(g): MetricSpec(g.metric, g.dimensions, g.stat) for g in guards if g.metric and "/" in g.metric}
    sampler = Sampler(run.aws.cloudwatch, block.steady, run.environment.sampling, run.recorder, own)
    failures: list[str] = []
    if sampler.specs:
        try:
            sampler.tick()
        except Exception as error:  # noqa: BLE001  whatever it is, the metrics say nothing, and that is shown
            sampler.failure = f"{type(error).__name__}: {error}"
    sources = GuardSources(
        guards, LiveLoad(Path(os.devnull)), sampler, run.aws, run.environment.url,
        lambda name, error: failures.append(f"{name}: {error}"),
    )  # fmt: skip
    _ = run.aws.fis  # made here: the readers' threads share it
    sources.start()
    try:
        return tuple(_reading(guard, sources) for guard in guards), sampler.steady()
    finally:
        sources.stop()


def _reading(guard: GuardSpec, sources: GuardSources) -> Reading:
    if guard.signal:
        return Reading(Answer.UNKNOWN, None, f"{guard.title}: there is no load yet")
    deadline = time.monotonic() + (GUARDS_WITHIN_S if not guard.metric else 0)
    while (seen := read(guard, sources)).answer is Answer.UNKNOWN and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


def _context(run: armed.Run, intents: tuple[Intent, ...]) -> dict[str, str]:
    """Return the condition keys whose values are known: clusters, the tag that every target carries."""
    found = {}
    tag, _, value = run.environment.rules.tag.partition("=")
    if tag and not any("lacks the tag" in reason for intent in intents for reason in intent.refusals):
        found[f"aws:ResourceTag/{tag}"] = value
    for target in (target for intent in intents for target in intent.targets):
        if target.kind == "ecs.service":
            found["ecs:cluster"] = target.arn.replace(":service/", ":cluster/").rpartition("/")[0]
        if target.kind == "rds.instance":
            found["rds:MultiAz"] = "true"
    return found


def _rehearsed(aws: Aws, intent: Intent) -> Rehearsed:
    undo = tuple(call for one in intent.undo for call in one.calls)
    return Rehearsed(intent, _sent(aws, intent, intent.calls), _sent(aws, intent, undo))


def _sent(aws: Aws, intent: Intent, calls: tuple[Call, ...]) -> tuple[Sent, ...]:
    """Return the calls; those that differ only in what the seed draws are one call, several times."""
    found: dict[str, Sent] = {}
    words = f"(drawn by the run's seed from {len(intent.drawn_from)})"
    for call in calls:
        drawn = {key: words if value in intent.drawn_from else value for key, value in call.params.items()}
        resource = words if call.resource in intent.drawn_from else call.resource
        shown = replace(call, params=drawn, resource=resource)
        key = repr(shown)
        times = found[key].times + 1 if key in found else 1
        found[key] = Sent(shown, times, aws.complaints(call.service, call.operation, call.params))
    return tuple(found.values())
