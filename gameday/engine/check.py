"""Lint: all problems of an experiment file at once, each with file, line, column and a mend; nothing is touched."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, cast

from gameday.block import NAME, block_in, place_of
from gameday.decode import suggestion
from gameday.engine.proofs import find
from gameday.errors import InputError, Problem, UsageError
from gameday.model import SIGNALS, Block, GuardSpec, Json
from gameday.source import Path_, Source

TOP_LEVEL = [
    "version", "title", "description", "tags", "configuration", "secrets", "contributions", "extensions", "controls",
    "runtime", "steady-state-hypothesis", "method", "rollbacks", "dry",
]  # fmt: skip
ACTIVITY = ["type", "name", "provider", "background", "pauses", "controls", "tolerance", "ref"]
CONTROL = "controls: [{name: gameday, provider: {type: python, module: gameday.control}}]"
ARMED = (
    "{type: probe, name: gameday-armed, tolerance: true, provider: {type: python, module: probes.gameday, func: armed}}"
)
STRATEGIES = {
    "hypothesis": [
        "default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip",
    ],
    "rollbacks": ["default", "always", "never", "deviated"],
}  # fmt: skip


def check(path: Path, suite: Path) -> tuple[Source, Block | None]:
    """Return the file and our block of it.

    Raises InputError with every problem found; UsageError when there is no such file.
    """
    source = Source.yaml(path)
    if not isinstance(source.data, dict):
        raise InputError([source.problem((), "not an experiment: write a mapping with title, description and method")])
    problems = [*_structure(source, source.data), *_activities(source, source.data)]
    block = None
    try:
        block = block_in(source)
    except InputError as error:
        problems += error.problems
    if block is not None:
        problems += _block(source, source.data, block, suite)
    if not problems:
        problems += _chaoslib(source, source.data)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return source, block


def _structure(source: Source, data: dict[str, Json]) -> Iterator[Problem]:
    for key in data:
        if key not in TOP_LEVEL:
            yield source.problem((key,), f"unknown key {key!r}; {suggestion(str(key), TOP_LEVEL)}", at_key=True)
    for key in ("title", "description", "method"):
        if key not in data:
            yield source.problem((), f"lacks {key!r}; add it")
    runtime = data.get("runtime")
    for part, known in STRATEGIES.items():
        chosen = runtime.get(part) if isinstance(runtime, dict) else None
        strategy = chosen.get("strategy") if isinstance(chosen, dict) else None
        if strategy is not None and strategy not in known:
            where = ("runtime", part, "strategy")
            yield source.problem(where, f"no strategy {strategy!r}; {suggestion(str(strategy), known)}")


def _activities(source: Source, data: dict[str, Json]) -> Iterator[Problem]:
    hypothesis = data.get("steady-state-hypothesis")
    lists: list[tuple[Path_, Json]] = [(("method",), data.get("method")), (("rollbacks",), data.get("rollbacks"))]
    if isinstance(hypothesis, dict):
        lists.append((("steady-state-hypothesis", "probes"), hypothesis.get("probes")))
    for where, activities in lists:
        for index, activity in enumerate(activities if isinstance(activities, list) else []):
            if isinstance(activity, dict):
                yield from _activity(source, (*where, index), activity)


def _activity(source: Source, where: Path_, activity: dict[str, Json]) -> Iterator[Problem]:
    for key in activity:
        if key not in ACTIVITY:
            message = f"unknown key {key!r}; {suggestion(str(key), ACTIVITY)}"
            yield source.problem((*where, key), message, at_key=True)
    provider = activity.get("provider")
    if not isinstance(provider, dict) or provider.get("type") != "python":
        return
    module, function = str(provider.get("module", "")), str(provider.get("func", ""))
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        yield source.problem((*where, "provider", "module"), f"module {module!r} cannot be imported: {error}")
        return
    if not hasattr(found, function):
        public = [name for name in dir(found) if not name.startswith("_") and callable(getattr(found, name))]
        message = f"{module} has no function {function!r}; {suggestion(function, public)}"
        yield source.problem((*where, "provider", "func"), message)


def _block(source: Source, data: dict[str, Json], block: Block, suite: Path) -> Iterator[Problem]:
    where = cast("Path_", place_of(data))
    yield from _load(source, where, block, suite)
    for name in block.fault.proofs if block.fault else ():
        try:
            find(name)
        except UsageError as error:
            yield source.problem((*where, "fault", "proof"), str(error))
    for name, spec in block.steady.items():
        place = (*where, "steady", name)
        if "/" not in spec.metric:
            yield source.problem((*place, "metric"), f"write NAMESPACE/NAME, such as FoodConnect/{spec.metric}")
        if spec.max is None and spec.min is None:
            yield source.problem(place, f"{name} has no limit; add `max:` or `min:`")
    for index, guard in enumerate(block.guards):
        yield from _guard(source, (*where, "guards", index), guard)
    yield from _wiring(source, data)


def _load(source: Source, where: Path_, block: Block, suite: Path) -> Iterator[Problem]:
    if block.load is None:
        return
    if not (suite / block.load.journey).is_file():
        known = [f"load/{path.name}" for path in sorted((suite / "load").glob("[a-z]*.py")) if path.stem != "arrivals"]
        message = f"no journey {block.load.journey!r}; {suggestion(block.load.journey, known)}"
        yield source.problem((*where, "load", "journey"), message)
    if block.load.rate <= 0:
        yield source.problem((*where, "load", "rate"), "the rate must be above 0 requests a second")


def _guard(source: Source, where: Path_, guard: GuardSpec) -> Iterator[Problem]:
    if (guard.signal is None) == (guard.alarm is None):
        yield source.problem(where, "a guard needs either `signal:` or `alarm:`")
    elif guard.signal and guard.signal not in SIGNALS:
        message = f"no signal {guard.signal!r}; {suggestion(guard.signal, list(SIGNALS))}"
        yield source.problem((*where, "signal"), message)
    elif guard.signal and guard.max is None and guard.min is None:
        yield source.problem(where, "the guard has no limit; add `max:` or `min:`")


def _wiring(source: Source, data: dict[str, Json]) -> Iterator[Problem]:
    """Our block needs our control, and the probe that fails closed when the suite is not there."""
    controls = cast("list[Any]", data.get("controls") or [])
    if not any(isinstance(c, dict) and (c.get("provider") or {}).get("module") == "gameday.control" for c in controls):
        yield source.problem(("controls",), f"the {NAME} control is not declared; add `{CONTROL}`")
    hypothesis = data.get("steady-state-hypothesis")
    probes = hypothesis.get("probes") if isinstance(hypothesis, dict) else None
    first: Any = probes[0] if isinstance(probes, list) and probes else {}
    if (first.get("provider") or {}).get("module") != "probes.gameday" or first["provider"].get("func") != "armed":
        yield source.problem(("steady-state-hypothesis", "probes"), f"the first probe must be `{ARMED}`")


def _chaoslib(source: Source, data: dict[str, Json]) -> Iterator[Problem]:
    """Ask Chaos Toolkit's own validation, which knows no lines."""
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid

    try:
        with redirect_stderr(StringIO()):
            ensure_experiment_is_valid(data)
    except ChaosException as error:
        yield source.problem((), f"Chaos Toolkit does not accept it: {error}")
