"""The plan that is to be played, with the file of each experiment. `gameday.day.reading` finds every problem of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from gameday.day.plan import Plan
from gameday.decode import decode
from gameday.engine.check import check
from gameday.errors import UsageError
from gameday.model import Json
from gameday.source import Source

FOLDER = Path("plans")
READING = "gameday.day.reading"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan as it is played; *files* by the name of an item or an inject."""

    path: Path
    plan: Plan
    files: Mapping[str, Path]


def find(name: str, root: Path) -> Path:
    """Return the file of the plan called *name*. Raises UsageError: there is none."""
    if find_spec(READING):
        return cast("Path", import_module(READING).find(name, root))
    if Path(name).suffix in (".yaml", ".yml", ".json"):
        return Path(name)
    if not (path := root / FOLDER / f"{name}.yaml").is_file():
        raise UsageError(f"no plan {name!r} in {FOLDER}")
    return path


def read(path: Path, root: Path) -> Loaded:
    """Return a plan, ready to be played. Raises InputError with every problem; UsageError: there is no such file."""
    if find_spec(READING):
        found = import_module(READING).read(path, root)
        return Loaded(found.path, found.plan, found.files)
    source = Source.yaml(path)
    plan = decode(Plan, source, (), _plain(source.data))
    wanted = {each.name: each.experiment for each in plan.agenda} | {one.name: one.experiment for one in plan.injects}
    files = {name: _place(file, path, root) for name, file in wanted.items() if file}
    for file in dict.fromkeys(files.values()):
        check(file, root)
    return Loaded(path, plan, files)


def _place(file: str, plan: Path, root: Path) -> Path:
    return next((path for path in (root / file, plan.parent / file) if path.is_file()), Path(file))


def _plain(data: Any) -> Json:
    """Return *data* with dates as text: YAML reads `2027-01-31` as one."""
    if isinstance(data, date):
        return data.isoformat()[:10]
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, list) else cast("Json", data)
