"""A suite: the experiments of a gate, what each is expected to say, and what a worse one may cost, as YAML.

`read` gives the suite, or every reason why not, each with FILE:LINE:COL. What is only out of date (an expectation or a
quarantine whose day has passed) is told by `overdue`: such a suite is still played, and those experiments fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal, cast

from gameday.analysis.compare import Limits
from gameday.config import load_settings
from gameday.decode import attempt, suggestion
from gameday.engine.check import check
from gameday.errors import InputError, Problem, UsageError
from gameday.model import Json, Objectives
from gameday.source import Path_, Source

FOLDER = Path("experiments") / "suites"
Touch = Literal["task-definition", "database", "alarms", "load-balancer"]
AREAS: tuple[Touch, ...] = ("task-definition", "database", "alarms", "load-balancer")
MOST_RETRIES = 5
LONGEST_ASIDE = timedelta(days=92)  # a quarantine ends within a quarter, or somebody says anew why it goes on
OBJECTIVES = [each.name for each in fields(Objectives)]
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why an experiment does not decide for now, and the day on which it does again."""

    why: str
    until: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One experiment of a suite."""

    file: str  # from the suite's root, or beside the suite file
    expect: Literal["held", "broke"] = "held"
    until: str | None = None  # of `expect: broke`: a day, or the issue that mends it
    why: str = ""
    breaks: list[str] = field(default_factory=list)  # of `expect: broke`: the objectives it may miss; empty: any
    quarantine: Quarantine | None = None
    touches: list[Touch] = field(default_factory=list)  # what of the system it is about; empty: everything
    set: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def overdue(self, today: date) -> str:
        """Return why the expectation or the quarantine no longer counts; "" while it does."""
        for what, until in (("the expectation that it breaks", self.until), ("the quarantine", self._ends)):
            if (day := day_of(until)) and day < today:
                return f"{what} ended on {until}"
        ends = day_of(self._ends)
        if ends and ends > today + LONGEST_ASIDE:
            return f"the quarantine until {self._ends} is longer than {LONGEST_ASIDE.days} days"
        return ""

    @property
    def _ends(self) -> str | None:
        return self.quarantine.until if self.quarantine else None


@dataclass(frozen=True, slots=True)
class BaselineRule:
    """Which good gates count: the newest `keep` ones."""

    keep: int = 5


@dataclass(frozen=True, slots=True)
class Suite:
    """A whole suite file."""

    experiments: list[Entry]
    name: str = ""
    description: str = ""
    environment: str = "lab"
    budget_s: float = 3600.0
    retries: int = 1  # of what was inconclusive or invalid; what broke is never tried again
    regressions: Literal["fail", "tell"] = "fail"  # what a measure that got worse does
    baseline: BaselineRule = field(default_factory=BaselineRule)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A suite as it is played: its file, the root that its paths begin at, and the path of each entry's experiment."""

    path: Path
    root: Path
    source: Source
    suite: Suite
    files: tuple[Path, ...]


def is_suite(data: Json) -> bool:
    """Whether a loaded file is a suite and no experiment."""
    return isinstance(data, dict) and "experiments" in data and "method" not in data


def day_of(text: str | None) -> date | None:
    """Return the day that *text* names; None when it names none, such as an issue."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def find(name: str, root: Path) -> Path:
    """Return the file of the suite called *name*: a path, or the name of a file in `experiments/suites`.

    Raises UsageError with what there is.
    """
    if Path(name).suffix in (".yaml", ".yml", ".json"):
        return Path(name)
    path = root / FOLDER / f"{name}.yaml"
    if path.is_file():
        return near(path)
    known = sorted(each.stem for each in (root / FOLDER).glob("*.yaml"))
    raise UsageError(f"no suite {name!r} in {FOLDER}; {suggestion(name, known) if known else 'write one there'}")


def near(path: Path) -> Path:
    """Return *path* as seen from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def read(path: Path, root: Path) -> Loaded:
    """Return a suite, ready to be played: it and every experiment of it are right.

    Raises InputError with every problem of the suite file and of the experiments; UsageError: there is no such file.
    """
    source = Source.yaml(path)
    suite, problems = _suite(source, root)
    files = [place(entry.file, source.path, root) for entry in suite.experiments] if suite else []
    for file in dict.fromkeys(files):
        problems += _of_experiment(file, root)
    if problems or suite is None:
        raise InputError(problems)
    return Loaded(path, root, source, suite, tuple(files))


def keys_of(file: Path, names: Iterable[str]) -> frozenset[str]:
    """Return what may be set of an experiment: its own configuration, and an environment's *names*."""
    data = Source.yaml(file).data
    declared = data.get("configuration") if isinstance(data, dict) else None
    return frozenset([*(declared if isinstance(declared, dict) else ()), *names])


def check_values(loaded: Loaded, given: Iterable[str], names: Iterable[str]) -> None:
    """Raise UsageError for a value that no experiment of the suite has."""
    known = sorted(set().union(*(keys_of(file, names) for file in loaded.files)))
    for key in given:
        if key not in known:
            hint = suggestion(key, known)
            raise UsageError(f"--set {key}: no experiment of {loaded.path} and not the environment has it; {hint}")


def problems_of(path: Path, root: Path, today: date) -> list[Problem]:
    """Return every problem of a suite file itself, wrong or out of date. Raises as `Source.yaml` does."""
    source = Source.yaml(path)
    suite, problems = _suite(source, root)
    for number, entry in enumerate(suite.experiments if suite else []):
        if late := entry.overdue(today):
            message = f"{late}; look at it again: take it out, or give it another day"
            problems.append(source.problem(("experiments", number), message))
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def place(file: str, suite_file: Path, root: Path) -> Path:
    """Return where the experiment *file* of a suite stands: from the root, else beside the suite file."""
    found = [path for path in (root / file, suite_file.parent / file) if is_file(path)]
    return near(found[0]) if found else Path(file)


def is_file(path: Path) -> bool:
    """Return whether a file is there; a name that no file can have is the name of none."""
    return os.path.isfile(path)  # noqa: PTH113  Path.is_file raises when a name is too long


def _of_experiment(file: Path, root: Path) -> list[Problem]:
    try:
        check(file, root)
    except InputError as error:
        return list(error.problems)
    except UsageError:
        return []  # no such file: the suite's own problem, which has a better place
    return []


def _suite(source: Source, root: Path) -> tuple[Suite | None, list[Problem]]:
    """Return as much of a suite as can be read, and all its problems."""
    if isinstance(source.data, dict) and "method" in source.data and "experiments" not in source.data:
        return None, [source.problem((), f"an experiment, not a suite; `gameday run {source.path}` plays it")]
    suite, problems = attempt(Suite, source, (), _plain(source.data))
    if suite is not None and not all(suite.experiments):  # one could not be read, which is told
        return None, problems
    if isinstance(source.data, dict) and suite is not None:
        problems += [*_of_suite(source, suite, root), *_of_entries(source, suite, root)]
    return suite, problems


def _plain(data: Any) -> Json:
    """Return *data* with dates as text: YAML reads `2027-01-31` as one."""
    if isinstance(data, date):
        return data.isoformat()[:10]
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, list) else cast("Json", data)


def _of_suite(source: Source, suite: Suite, root: Path) -> Iterator[Problem]:
    if not suite.experiments:
        yield source.problem(("experiments",), "a suite without experiments checks nothing; add `- {file: ...}`")
    if suite.name and not _NAME.fullmatch(suite.name):
        yield source.problem(("name",), f"{suite.name!r} names folders; write it as `nightly` or `before-release`")
    if suite.budget_s <= 0:
        yield source.problem(("budget_s",), "nothing can be played in no time; write a number of seconds above 0")
    if not 0 <= suite.retries <= MOST_RETRIES:
        yield source.problem(("retries",), f"{suite.retries} retries; write a number from 0 to {MOST_RETRIES}")
    if suite.baseline.keep < 1:
        yield source.problem(("baseline", "keep"), "at least one good gate is needed to compare with; write 1 or more")
    for name in ("recovery_s", "error_ratio", "p99_ms"):
        allowed = getattr(suite.limits, name)
        if allowed.percent < 0 or allowed.floor < 0:
            yield source.problem(("limits", name), "a limit below the good releases; write numbers from 0 on")
    known = _environments(root)
    if known is not None and suite.environment not in known:
        message = f"no environment {suite.environment!r} in gameday.toml; {suggestion(suite.environment, known)}"
        yield source.problem(("environment",), message)


def _of_entries(source: Source, suite: Suite, root: Path) -> Iterator[Problem]:
    seen: list[tuple[str, Mapping[str, object]]] = []
    for number, entry in enumerate(suite.experiments):
        where: Path_ = ("experiments", number)
        this = (str(place(entry.file, source.path, root).resolve()), entry.set)
        if this in seen:
            yield source.problem(where, f"{entry.file} stands twice with the same values; keep one")
        seen.append(this)
        yield from _of_file(source, where, entry, root)
        yield from _of_expectation(source, where, entry)


def _of_file(source: Source, where: Path_, entry: Entry, root: Path) -> Iterator[Problem]:
    path = place(entry.file, source.path, root)
    if not is_file(path):
        there = sorted(str(one.relative_to(root)) for one in (root / "experiments").rglob("*.yaml"))
        known = [name for name in there if not name.startswith(str(FOLDER))]
        hint = suggestion(entry.file, known) if known else "write it first"
        yield source.problem((*where, "file"), f"no experiment {entry.file!r}; {hint}")
        return
    try:
        data = Source.yaml(path).data
    except UsageError:
        return  # told with its own place
    if is_suite(data):
        yield source.problem((*where, "file"), f"{entry.file} is a suite; name its experiments instead")
    else:
        yield from _of_values(source, where, entry, path, root)


def _of_values(source: Source, where: Path_, entry: Entry, path: Path, root: Path) -> Iterator[Problem]:
    """Find values that neither the experiment nor an environment has."""
    known = sorted(keys_of(path, _names(root)))
    for key in entry.set:
        if key not in known:
            hint = suggestion(key, known) if known else "it declares none"
            message = f"neither {entry.file} nor an environment has {key!r}; {hint}"
            yield source.problem((*where, "set", key), message, at_key=True)


def _of_expectation(source: Source, where: Path_, entry: Entry) -> Iterator[Problem]:
    if entry.expect == "broke" and not ((entry.until or "").strip() and entry.why.strip()):
        message = "`expect: broke` needs `why`, and `until` with a day or the issue that mends it; add them"
        yield source.problem((*where, "expect"), message)
    if entry.expect == "held" and entry.until:
        yield source.problem((*where, "until"), "`until` belongs to `expect: broke`; add that, or take this out")
    if entry.expect == "held" and entry.breaks:
        yield source.problem((*where, "breaks"), "`breaks` belongs to `expect: broke`; add that, or take this out")
    for number, name in enumerate(entry.breaks):
        if name not in OBJECTIVES:
            message = f"{name!r} is no objective; {suggestion(name, OBJECTIVES)}"
            yield source.problem((*where, "breaks", number), message)
    if entry.until and _DATE.fullmatch(entry.until) and day_of(entry.until) is None:
        yield source.problem((*where, "until"), f"{entry.until} is no day of the calendar; write one as 2027-01-31")
    if entry.quarantine and day_of(entry.quarantine.until) is None:
        message = f"a quarantine ends on a day, not {entry.quarantine.until!r}; write one as 2027-01-31"
        yield source.problem((*where, "quarantine", "until"), message)
    if entry.quarantine and not entry.quarantine.why.strip():
        yield source.problem((*where, "quarantine", "why"), "say why it does not decide for now")


def _environments(root: Path) -> list[str] | None:
    """Return the names of the environments; None when they cannot be read, which `gameday check` tells elsewhere."""
    try:
        return list(load_settings(root).environments)
    except UsageError:
        return None


def _names(root: Path) -> list[str]:
    try:
        return sorted({name for each in load_settings(root).environments.values() for name in each.names})
    except UsageError:
        return []
