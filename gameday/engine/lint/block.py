"""Our block: names that exist, numbers that make sense, and what a run needs to end with a verdict at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from gameday.block import NAME
from gameday.decode import suggestion
from gameday.engine.lint.case import Case, listing, mapping
from gameday.engine.proofs import find
from gameday.errors import Problem, UsageError
from gameday.model import SIGNALS, Block, GuardSpec, Json, LoadPlan, MetricSpec
from gameday.source import Path_, Source

K = TypeVar("K")
V = TypeVar("V")
CONTROL_MODULE = "gameday.control"
CONTROL = "controls: [{name: gameday, provider: {type: python, module: gameday.control}}]"
ARMED = (
    "{type: probe, name: gameday-armed, tolerance: true, provider: {type: python, module: probes.gameday, func: armed}}"
)
INCONCLUSIVE = {
    "load": "names no load, so the run can only be inconclusive; add `load: {journey: load/feed.py, rate: 60}`",
    "steady": "samples no metric, so the run can only be inconclusive; name one under `steady`",
    "fault": "names no proof of its fault, so the run can only be inconclusive; add `fault: {proof: ecs.task_stopped}`",
    "objectives": "names no objective, so the run can only be inconclusive; add `objectives: {recover_within_s: 30}`",
}
FASTEST = 5000.0  # requests a second that one load process can be asked for
STAT = re.compile(
    r"(?:Average|Sum|Minimum|Maximum|SampleCount|IQM|(?:p|tm|ts|tc|wm)\d{1,2}(?:\.\d+)?|(?:PR|TM|TC|TS|WM)\(.+\))"
)
STATS = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p95", "p99"]


def names_and_numbers(case: Case) -> Iterator[Problem]:
    """Rule: what the block names exists, and its numbers make sense."""
    block, where = case.block, case.block_at
    if block is None:
        return
    yield from _load(case, (*where, "load"), block.load)
    yield from _proofs(case, block)
    for name, spec in _read(block.steady.items()):
        yield from _steady(case, (*where, "steady", name), name, spec)
    for index, guard in _read(enumerate(block.guards)):
        yield from guard_problems(case.source, (*where, "guards", index), guard, block.steady)
    yield from blast_problems(case.source, (*where, "blast"), block.blast.tasks, block.blast.percent)
    yield from _objectives(case, (*where, "objectives"), block)
    if block.deadline_s is not None and block.deadline_s <= 0:
        yield case.problem(
            (*where, "deadline_s"), f"a deadline of {block.deadline_s:g} s is over at once; write more than 0"
        )
    yield from _wiring(case)


def _read(items: Iterable[tuple[K, V]]) -> Iterator[tuple[K, V]]:
    """Leave out what could not be read, which has been told."""
    return ((key, value) for key, value in items if value is not None)


def enough_for_a_verdict(case: Case) -> Iterator[Problem]:
    """Rule: a run of this file can end with held or broke."""
    block, where = case.block, case.block_at
    if block is None or not any(activity.data.get("type") == "action" for activity in case.activities("method")):
        return
    written = mapping(listing(case.data.get("extensions"))[int(where[1])])
    for key, message in INCONCLUSIVE.items():
        there = written.get(key)
        if key == "fault":
            there = mapping(there).get("proof")
        elif key == "objectives":
            there = [limit for limit in mapping(there).values() if limit is not None]
        if not there:
            yield case.problem((*where, key), f"the block {message}", at_key=True)


def runbook(case: Case) -> Iterator[Problem]:
    """Rule: the runbook is there when it is needed."""
    named = case.block.runbook if case.block else None
    if named is None or named.startswith(("http://", "https://")):
        return
    around = [case.suite, case.source.path.parent]
    if not any(os.path.isfile(folder / named) for folder in around):  # noqa: PTH113
        message = f"no runbook {named!r} in the suite; write it, or name one that is there"
        yield case.problem((*case.block_at, "runbook"), message)


def guard_problems(
    source: Source, where: Path_, guard: GuardSpec, steady: Mapping[str, MetricSpec]
) -> Iterator[Problem]:
    """Yield the problems of one guard, of an experiment or of an environment's rules."""
    kinds = guard.kinds
    if len(kinds) != 1:
        said = f"this one names {' and '.join(kinds)}" if kinds else "this one names none"
        message = f"a guard watches one of signal, metric, alarm, http, safety_lever; {said}: keep or add one"
        yield source.problem(where, message)
        return
    if guard.signal:
        yield from _signal(source, where, guard)
    elif guard.metric:
        yield from _metric(source, where, guard, steady)
    elif guard.http and not re.match(r"/|https?://[^/\s]+", guard.http):
        message = f"{guard.http!r} is no address; begin with / (a path of the environment's url) or https://"
        yield source.problem((*where, "http"), message)
    if guard.http and not 100 <= guard.status <= 599:
        yield source.problem((*where, "status"), f"no http status {guard.status}; write such as 200")
    for name, value in (("over_s", guard.over_s), ("grace_s", guard.grace_s)):
        if value < 0 or (name == "over_s" and value == 0):
            yield source.problem((*where, name), f"{value:g} seconds make no sense; write more than 0")
    yield from _limits(source, where, guard.min, guard.max)


def _signal(source: Source, where: Path_, guard: GuardSpec) -> Iterator[Problem]:
    if guard.signal not in SIGNALS:
        message = f"no signal {guard.signal!r}; {suggestion(str(guard.signal), list(SIGNALS))}"
        yield source.problem((*where, "signal"), message)
    if guard.max is None and guard.min is None:
        yield source.problem(where, "the guard has no limit; add `max:` or `min:`")
    elif guard.signal == "load.error_ratio" and guard.max is not None and guard.max > 1:
        message = f"the error ratio is a share, 0 to 1, so {guard.max:g} is never reached; write such as 0.5"
        yield source.problem((*where, "max"), message)


def _metric(source: Source, where: Path_, guard: GuardSpec, steady: Mapping[str, MetricSpec]) -> Iterator[Problem]:
    name = str(guard.metric)
    if name not in steady and "/" not in name:
        mend = suggestion(name, list(steady)) if steady else "write NAMESPACE/NAME"
        message = f"no metric {name!r} in `steady`, and it has no namespace; {mend}"
        yield source.problem((*where, "metric"), message)
    limits = [guard.max is not None or guard.min is not None]
    if steady.get(name) is not None:
        limits.append(steady[name].max is not None or steady[name].min is not None)
    if not any(limits):
        yield source.problem(where, "the guard has no limit; add `max:` or `min:`")
    yield from _stat(source, where, guard.stat)


def _stat(source: Source, where: Path_, stat: str) -> Iterator[Problem]:
    if not STAT.fullmatch(stat):
        yield source.problem((*where, "stat"), f"no statistic {stat!r} in CloudWatch; {suggestion(stat, STATS)}")


def _limits(source: Source, where: Path_, lowest: float | None, highest: float | None) -> Iterator[Problem]:
    if lowest is not None and highest is not None and lowest > highest:
        yield source.problem(
            (*where, "max"), f"min {lowest:g} is above max {highest:g}, so nothing is within; swap them"
        )


def blast_problems(source: Source, where: Path_, tasks: int | None, percent: float | None) -> Iterator[Problem]:
    """Yield the problems of a blast radius, of an experiment or of an environment's rules."""
    if tasks is not None and tasks < 0:
        yield source.problem((*where, "tasks"), f"{tasks} tasks cannot be hit; write 1 or more")
    if percent is not None and not 0 <= percent <= 100:
        yield source.problem((*where, "percent"), f"{percent:g} % of the tasks cannot be hit; write 0 to 100")


def _load(case: Case, where: Path_, load: LoadPlan | None) -> Iterator[Problem]:
    if load is None:
        return
    if not os.path.isfile(case.suite / load.journey):  # noqa: PTH113  which raises for no text whatever
        folder = sorted((case.suite / "load").glob("[a-z]*.py"))
        known = [f"load/{path.name}" for path in folder if path.stem != "arrivals"]
        message = f"no journey {load.journey!r}; {suggestion(load.journey, known)}"
        yield case.problem((*where, "journey"), message)
    if not 0 < load.rate <= FASTEST:
        message = f"a rate of {load.rate:g} requests a second makes no sense; write above 0, at most {FASTEST:g}"
        yield case.problem((*where, "rate"), message)
    for name in ("warmup_s", "baseline_s", "recovery_s"):
        seconds = getattr(load, name)
        if seconds is not None and seconds < 0:
            yield case.problem((*where, name), f"{seconds:g} seconds make no sense; write 0 or more")


def _proofs(case: Case, block: Block) -> Iterator[Problem]:
    where = (*case.block_at, "fault", "proof")
    if block.fault is None:
        return
    several = not isinstance(block.fault.proof, str)
    places: list[Path_] = [(*where, index) if several else where for index in range(len(block.fault.proofs))]
    places.append((*case.block_at, "fault", "repair"))
    for name, place in zip(block.fault.asked, places, strict=False):
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", name):
            message = f"no proof {name!r}; write SERVICE.WHAT, such as ecs.task_stopped"
        else:
            try:
                find(name)
                continue
            except UsageError as error:
                message = str(error)
            except Exception as error:  # noqa: BLE001  a module of the suite that does not import has no proof
                message = f"no proof {name!r}: its module fails: {type(error).__name__}: {error}; mend the module"
        yield case.problem(place, message)


def _steady(case: Case, where: Path_, name: str, spec: MetricSpec) -> Iterator[Problem]:
    if not re.fullmatch(r"\S(?:.*\S)?/[^/]+", spec.metric):
        message = f"write NAMESPACE/NAME, such as FoodConnect/{spec.metric.strip('/') or 'ErrorRate'}"
        yield case.problem((*where, "metric"), message)
    if spec.max is None and spec.min is None:
        yield case.problem(where, f"{name} has no limit; add `max:` or `min:`")
    yield from _stat(case.source, where, spec.stat)
    yield from _limits(case.source, where, spec.min, spec.max)


def _objectives(case: Case, where: Path_, block: Block) -> Iterator[Problem]:
    wanted = block.objectives
    if wanted.error_budget is not None and not 0 <= wanted.error_budget <= 1:
        message = f"the error budget is the share of requests that may fail, 0 to 1, not {wanted.error_budget:g}"
        yield case.problem((*where, "error_budget"), f"{message}; write such as 0.01")
    if wanted.rolled_back_within_s is not None and not (block.fault and block.fault.repair):
        message = "nothing tells when it is rolled back; name that under `fault`, such as `repair: release.rolled_back`"
        yield case.problem((*where, "rolled_back_within_s"), message)
    for name in ("recover_within_s", "rolled_back_within_s", "p99_ms", "p95_ms"):
        value = getattr(wanted, name)
        if value is not None and value <= 0:
            yield case.problem((*where, name), f"{name} of {value:g} cannot be met; write more than 0")
    for name in ("lost_writes", "duplicated_writes"):
        value = getattr(wanted, name)
        if value is not None and value < 0:
            yield case.problem((*where, name), f"{name} of {value} cannot be met; write 0 or more")


def unnamed(case: Case) -> Iterator[Problem]:
    """Rule: a file with our control has our block; without it, the control does nothing at all."""
    if case.block_at or CONTROL_MODULE not in map(_module, listing(case.data.get("controls"))):
        return
    extensions = listing(case.data.get("extensions"))
    near = [index for index, one in enumerate(extensions) if mapping(one).keys() & {"load", "guards", "objectives"}]
    where: Path_ = ("extensions", near[0], "name") if near else ("extensions",)
    yield case.problem(where, f"no extension is named {NAME!r}, so the control guards nothing; write `- name: {NAME}`")


def placed(case: Case) -> Iterator[Problem]:
    """Rule: our control sees the whole run. Elsewhere, or with these keys, Chaos Toolkit does not call all of it."""
    for where, control in case.controls():
        if _module(control) != CONTROL_MODULE:
            continue
        scoped = control.get("scope") in ("before", "after")  # another one is told by `words`
        by_hand = control.get("automatic", True) is not True
        if len(where) > len(("controls", 0)) or scoped or by_hand:
            message = f"the {NAME} control must stand at the top, without scope and automatic; write `{CONTROL}` there"
            yield case.problem(where, message)


def _module(control: Json) -> Json:
    return mapping(mapping(control).get("provider")).get("module")


def _wiring(case: Case) -> Iterator[Problem]:
    """Our block needs our control, and the probe that fails closed when the suite is not there."""
    if CONTROL_MODULE not in [_module(control) for _, control in case.controls()]:
        yield case.problem(("controls",), f"the {NAME} control is not declared; add `{CONTROL}`")
    probes = listing(mapping(case.data.get("steady-state-hypothesis")).get("probes"))
    first = mapping(mapping(probes[0]).get("provider")) if probes else {}
    if (first.get("module"), first.get("func")) != ("probes.gameday", "armed"):
        place: Path_ = ("steady-state-hypothesis", "probes", *([0] if probes else []))
        yield case.problem(place, f"the first probe must be `{ARMED}`")
