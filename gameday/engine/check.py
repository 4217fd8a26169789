"""Lint: all problems of a file at once, each with file, line, column and a mend; nothing is touched.

Two kinds of rules. WRONG: the file cannot mean what it says, so nothing plays it. UNWISE: it can be played, and
somebody will be sorry; `gameday check` tells both, `gameday run` leaves the second to the environment's rules.
A rule is a function of a `Case`, in a file of `gameday.engine.lint` by subject. Functions are read from their source;
imported are modules of the suite, chaosaws and Chaos Toolkit only, once nothing else is wrong.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from gameday.block import attempt_block, place_of
from gameday.config import load_settings
from gameday.engine.lint import block as our_block
from gameday.engine.lint import calls, fis, habits, leaks, references, tolerances, traps, undo
from gameday.engine.lint.case import Case, Rule, mapping, text
from gameday.engine.lint.settings import settings_problems
from gameday.engine.lint.words import words
from gameday.errors import InputError, Problem, UsageError
from gameday.model import Block, Json
from gameday.source import Source

WRONG: tuple[Rule, ...] = (
    words, calls.calls, references.references, references.names, references.never_replaced, tolerances.tolerances,
    habits.dry, habits.acting, our_block.names_and_numbers, our_block.unnamed, our_block.placed,
)  # fmt: skip
UNWISE: tuple[Rule, ...] = (
    calls.control_modules, tolerances.crashes, undo.undo, traps.traps, fis.in_experiment, habits.timeouts,
    habits.background, habits.runtime, habits.unlooked, habits.safeguards, leaks.dynamic, leaks.literals,
    our_block.enough_for_a_verdict, our_block.runbook,
)  # fmt: skip
KNOWN_MODULES = ("actions", "probes", "chaosaws", "chaoslib", "gameday")  # that Chaos Toolkit may import to look


def check(path: Path, suite: Path) -> tuple[Source, Block | None]:
    """Return the file and our block of it, ready to be played here.

    Raises InputError with every reason not to; UsageError when there is no such file.
    """
    source = Source.yaml(path)
    case, problems = _examine(source, suite, WRONG)
    if not problems and case is not None:
        problems = [*_variables(case), *_chaoslib(case)]
    if problems or case is None:
        raise InputError(_sorted(problems))
    return source, case.block


def problems_of(path: Path, suite: Path) -> list[Problem]:
    """Return every problem of a file, wrong or unwise: an experiment, a FIS template, or `gameday.toml`.

    Raises UsageError: there is no such file.
    """
    if path.suffix == ".toml":
        return _sorted(settings_problems(path, suite))
    try:
        source = Source.yaml(path)
    except InputError as error:
        return list(error.problems)
    if isinstance(source.data, dict) and fis.is_template(source.data):
        return _sorted(fis.template(Case(source, source.data, suite), (), source.data))
    case, problems = _examine(source, suite, (*WRONG, *UNWISE))
    if not problems and case is not None:
        problems = list(_chaoslib(case))
    return _sorted(problems)


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.column, problem.message))


def _examine(source: Source, suite: Path, rules: tuple[Rule, ...]) -> tuple[Case | None, list[Problem]]:
    if not isinstance(source.data, dict):
        what = "the file is empty" if source.data is None else f"not an experiment but a {type(source.data).__name__}"
        return None, [source.problem((), f"{what}; write a mapping with title, description and method")]
    if "experiments" in source.data and "method" not in source.data:
        return None, [source.problem((), "a suite, not an experiment; `gameday gate` plays it")]
    if "agenda" in source.data and "method" not in source.data:
        return None, [source.problem((), "a plan of a game day, not an experiment; `gameday play` plays it")]
    if fis.is_template(source.data):
        return None, [source.problem((), "a template of FIS, not an experiment; `gameday check` looks at it")]
    block, problems = attempt_block(source)
    case = Case(source, source.data, suite, _names(suite), block, place_of(source.data) or ())
    return case, problems + [problem for rule in rules for problem in rule(case)]


def _names(suite: Path) -> frozenset[str] | None:
    """Return the names that environments define; None when they cannot be read, which `gameday check` tells."""
    try:
        environments = load_settings(suite).environments
    except UsageError:
        return None
    return frozenset(name for environment in environments.values() for name in environment.names)


def _variables(case: Case) -> Iterator[Problem]:
    """A run needs the environment variables that the file names; a check of the file does not."""
    for part in ("configuration", "secrets"):
        yield from _unset(case, (part,), case.data.get(part))


def _unset(case: Case, where: tuple[str | int, ...], data: Json) -> Iterator[Problem]:
    for key, value in mapping(data).items():
        if mapping(value).get("type") == "env":
            name = text(mapping(value).get("key"))
            if name not in os.environ and "default" not in mapping(value):
                yield case.problem((*where, key), f"the environment variable {name} is not set; set it and run again")
        elif where[0] == "secrets":
            yield from _unset(case, (*where, key), value)


def _chaoslib(case: Case) -> Iterator[Problem]:
    """Ask Chaos Toolkit's own validation, which knows no lines and imports what the file names."""
    modules = [activity.module for activity in case.activities() if activity.module]
    modules += [text(mapping(control.get("provider")).get("module")) for _, control in case.controls()]
    if any(name.split(".")[0] not in KNOWN_MODULES or name.endswith("__main__") for name in modules):
        return
    from chaoslib.experiment import ensure_experiment_is_valid

    data = {key: value for key, value in case.data.items() if key not in ("configuration", "secrets")}
    logger = logging.getLogger("chaostoolkit")
    before, logger.disabled = logger.disabled, True
    try:
        with redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ensure_experiment_is_valid(data)
    except Exception as error:  # noqa: BLE001  whatever it is, this is its answer: it does not take the file
        yield case.problem((), f"Chaos Toolkit does not accept it: {type(error).__name__}: {error}")
    finally:
        logger.disabled = before
