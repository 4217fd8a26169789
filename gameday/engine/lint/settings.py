"""`gameday.toml`: what decoding cannot see. Names of actions, numbers, windows of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gameday.config import Environment, Settings, target_problems
from gameday.decode import decode, suggestion
from gameday.engine.lint import functions
from gameday.engine.lint.block import blast_problems, guard_problems
from gameday.errors import InputError, Problem
from gameday.notify.channels import placed
from gameday.people import rules as people
from gameday.source import Path_, Source


def settings_problems(path: Path, suite: Path) -> list[Problem]:
    """Return every problem of the file. Raises UsageError: there is no such file."""
    try:
        source = Source.toml(path)
        settings = decode(Settings, source)
    except InputError as error:
        return list(error.problems)
    found = target_problems(source, settings.targets)
    for name, environment in settings.environments.items():
        found += _environment(source, ("environments", name), environment, suite)
    return found


def _environment(source: Source, where: Path_, environment: Environment, suite: Path) -> Iterator[Problem]:
    if environment.account and not re.fullmatch(r"\d{12}", environment.account):
        yield source.problem((*where, "account"), f"an account has 12 digits, not {environment.account!r}")
    if environment.url and not re.match(r"https?://[^/\s]+", environment.url):
        yield source.problem((*where, "url"), f"{environment.url!r} is no address; begin with https:// or http://")
    parts = (("phases", environment.phases), ("sampling", environment.sampling), ("watch", environment.watch))
    for part, value in parts:
        for field in fields(value):
            seconds = getattr(value, field.name)
            if not isinstance(seconds, int | float):
                continue
            if seconds < 0 or (seconds == 0 and field.name in ("tick_s", "period_s")):
                unit = " seconds" if field.name.endswith("_s") else ""
                message = f"{field.name} of {seconds:g}{unit} makes no sense; write more than 0"
                yield source.problem((*where, part, field.name), message)
    for index, rule in enumerate(environment.watch.rules):
        if wrong := rule.wrong(environment.sampling.period_s):
            yield source.problem((*where, "watch", "rules", index, wrong[0]), wrong[1])
    yield from _rules(source, (*where, "rules"), environment, suite)
    yield from placed(source, str(where[-1]), environment)
    yield from people.placed(source, str(where[-1]), environment)


def _rules(source: Source, where: Path_, environment: Environment, suite: Path) -> Iterator[Problem]:
    rules = environment.rules
    for index, name in enumerate(rules.actions):
        yield from _action(source, (*where, "actions", index), name, suite)
    for index, name in enumerate(rules.services):
        if not re.fullmatch(r"[^/\s]+/[^/\s]+", name):
            yield source.problem((*where, "services", index), f"{name!r} is no service; write CLUSTER/SERVICE")
    if rules.tag and not re.fullmatch(r"[^=]+=[^=]*", rules.tag):
        yield source.problem((*where, "tag"), f"{rules.tag!r} is no tag; write KEY=VALUE")
    yield from blast_problems(source, (*where, "blast"), rules.blast.tasks, rules.blast.percent)
    for index, guard in enumerate(rules.guards):
        yield from guard_problems(source, (*where, "guards", index), guard, {})
    if rules.freeze and find_spec("gameday.safety.freeze"):
        problem_of = import_module("gameday.safety.freeze").problem_of
        for index, freeze in enumerate(rules.freeze):
            if message := problem_of(freeze):
                yield source.problem((*where, "freeze", index), str(message))


def _action(source: Source, where: Path_, name: str, suite: Path) -> Iterator[Problem]:
    """Ours are `ecs.stop_task`, in `actions/ecs.py`; others have their whole name."""
    module, _, func = name.rpartition(".")
    ours = module.count(".") == 0
    full = f"actions.{module}" if ours else module
    found = functions.find(full, suite) if module else None
    if found is None:
        mend = functions.nearest(full, suite) if module else "write SERVICE.FUNCTION, such as ecs.stop_task"
        yield source.problem(where, f"no action {name!r}: there is no module {full}; {mend}")
    elif not found.has(func):
        public = [known for known in found.functions if not known.startswith("_")] or ["nothing"]
        yield source.problem(where, f"no action {name!r}; {suggestion(func, public)}")
