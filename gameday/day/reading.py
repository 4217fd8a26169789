"""A plan from its file: `read` gives it, or every reason why not, each with FILE:LINE:COL and what to write instead.

What is only unwise or out of date (a day in the past or in a freeze, an agenda that is too long, an action that is not
listed, a runbook that is not there) is told by `problems_of`, and keeps nobody from playing the plan by hand: then the
go/no-go list, the calendar and the gate of each experiment decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from gameday.config import Environment, load_settings
from gameday.day.case import Case, Checked
from gameday.day.foresight import UNWISE
from gameday.day.lint import WRONG
from gameday.day.plan import Item, Plan, Roles
from gameday.decode import attempt, suggestion
from gameday.engine.check import check
from gameday.errors import InputError, Problem, UsageError
from gameday.gate.suite import is_file, near
from gameday.model import Json
from gameday.source import Path_, Source

FOLDER = Path("plans")
_PARTS = {"title": (str, "?"), "roles": (Roles, {"owner": "?", "coordinator": "?"}), "agenda": (list[Item], [])}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan as it is played: its file, the root that its paths begin at, and the file of each experiment by the name
    of its item or inject.
    """

    path: Path
    root: Path
    source: Source
    plan: Plan
    files: Mapping[str, Path]


def is_plan(data: Json) -> bool:
    """Whether a loaded file is a plan of a game day: no experiment, and no suite."""
    if not isinstance(data, dict) or "method" in data or "experiments" in data:
        return False
    return any(key in data for key in ("agenda", "roles", "injects", "checklist"))


def find(name: str, root: Path) -> Path:
    """Return the file of the plan called *name*: a path, from here or from the suite, or the name of one in `plans`.

    Raises UsageError with what there is.
    """
    if Path(name).suffix in (".yaml", ".yml", ".json"):
        return near(root / name) if is_file(root / name) and not is_file(Path(name)) else Path(name)
    path = root / FOLDER / f"{name}.yaml"
    if path.is_file():
        return near(path)
    known = [each.stem for each in plans_of(root)]
    raise UsageError(f"no plan {name!r} in {FOLDER}; {suggestion(name, known) if known else 'write one there'}")


def plans_of(root: Path) -> list[Path]:
    """Return the files of all plans of a suite, sorted."""
    return [near(path) for path in sorted((root / FOLDER).glob("*.y*ml"))]


def read(path: Path, root: Path) -> Loaded:
    """Return a plan, ready to be played: it and every experiment of it are right.

    Raises InputError with every problem of the plan and of its experiments; UsageError: there is no such file.
    """
    source = Source.yaml(path)
    case, problems = _examine(source, root)
    if problems or case is None:
        raise InputError(_sorted(problems))
    return Loaded(path, root, source, case.plan, {one.name: file for _, one, file in case.experiments()})


def problems_of(path: Path, root: Path, today: date) -> list[Problem]:
    """Return every problem of a plan and of its experiments: wrong, unwise, or out of date. Raises as `Source.yaml`."""
    case, problems = _examine(Source.yaml(path), root)
    if case is not None:
        problems += [problem for rule in UNWISE for problem in rule(case, today)]
    return _sorted(problems)


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.column, problem.message))


def _examine(source: Source, root: Path) -> tuple[Case | None, list[Problem]]:
    """Return as much of a plan as can be read, and what is wrong with it."""
    if not isinstance(source.data, dict):
        return None, [source.problem((), "no plan; write a mapping with title, roles and agenda")]
    if not is_plan(source.data) and ("method" in source.data or "experiments" in source.data):
        kind, verb = ("an experiment", "run") if "method" in source.data else ("a suite", "gate")
        return None, [source.problem((), f"{kind}, not a plan; `gameday {verb} {source.path}` plays it")]
    data = cast("dict[str, Json]", _as_written(source, source.data, ()))
    plan, problems = attempt(Plan, source, (), cast("Json", data))
    if plan is None:  # what else is wrong is told all the same
        plan, _ = attempt(Plan, source, (), cast("Json", _patched(source, data)))
        assert plan is not None
    case = Case(source, plan, root, _environments(root))
    for _, _, file in case.experiments():
        if file not in case.checked:
            case.checked[file] = _checked(file, root)
    problems += [problem for rule in WRONG for problem in rule(case)]
    return case, problems + [problem for one in case.checked.values() for problem in one.problems]


def _checked(file: Path, root: Path) -> Checked:
    try:
        return Checked(*check(file, root))
    except InputError as error:
        return Checked(problems=error.problems)


def _patched(source: Source, data: Mapping[str, Json]) -> dict[str, Any]:
    """Return *data* with something that can be read where a part that must be there cannot."""
    found: dict[str, Any] = dict(data)
    for key, (kind, instead) in _PARTS.items():
        value, _ = attempt(kind, source, (key,), data.get(key)) if data.get(key) is not None else (None, [])
        found[key] = instead if value is None else data[key]
    return found


def _as_written(source: Source, data: Any, where: Path_) -> object:
    """Return *data* with days and times as they stand: YAML reads `2026-12-03` as a date, and `10:00` as 600."""
    if isinstance(data, dict):
        return {key: _as_written(source, value, (*where, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_written(source, value, (*where, index)) for index, value in enumerate(data)]
    timed = isinstance(data, date) or (isinstance(data, int | float) and ":" in (source.scalar(where) or ""))
    return source.scalar(where) if timed else data


def _environments(root: Path) -> Mapping[str, Environment] | None:
    """Return the environments; None when they cannot be read, which `gameday check` tells of gameday.toml."""
    try:
        settings = load_settings(root)
        return {name: settings.environment(name) for name in settings.environments}
    except UsageError:
        return None
