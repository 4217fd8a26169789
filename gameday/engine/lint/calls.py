"""Calls that cannot be made: a module, function or program that is not there, arguments that it does not take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from gameday.decode import suggestion
from gameday.engine.lint import functions
from gameday.engine.lint.case import Activity, Case, listing, mapping, text
from gameday.engine.lint.functions import Function
from gameday.errors import Problem
from gameday.model import Json

WORDS = {"bool": "true or false", "float": "a number", "int": "a whole number", "str": "a text"}
NAMES = {bool: "a truth value", float: "a number with a point", int: "a number", str: "a text", list: "a list"}
INJECTED = {"configuration", "secrets"}


def calls(case: Case) -> Iterator[Problem]:
    """Rule: what an activity calls exists and takes these arguments."""
    for activity in case.activities():
        if "ref" in activity.data:
            continue
        if activity.kind == "python" and activity.module and activity.func:
            yield from _python(case, activity)
        elif activity.kind == "process":
            yield from _process(case, activity)
        elif activity.kind == "http":
            yield from _http(case, activity)
        yield from _groups(case, activity)


def function_of(case: Case, activity: Activity) -> Function | None:
    """Return the function that a python activity calls; None when it is not there or cannot be seen."""
    module = functions.find(activity.module, case.suite) if activity.module else None
    return module.functions.get(activity.func) if module else None


def control_modules(case: Case) -> Iterator[Problem]:
    """Rule: every control can be found; Chaos Toolkit only warns and goes on without it."""
    for where, control in case.controls():
        name = text(mapping(control.get("provider")).get("module"))
        if name and functions.find(name, case.suite) is None:
            message = f"no module {name!r}: Chaos Toolkit would run without this control; "
            yield case.problem((*where, "provider", "module"), message + functions.nearest(name, case.suite))


def _python(case: Case, activity: Activity) -> Iterator[Problem]:
    name, func = activity.module, activity.func
    module = functions.find(name, case.suite)
    if module is None:
        message = f"no module {name!r} can be imported; {functions.nearest(name, case.suite)}"
        yield case.problem(activity.at("provider", "module"), message)
        return
    if not module.has(func):
        public = [known for known in module.functions if not known.startswith("_")] or ["nothing"]
        yield case.problem(
            activity.at("provider", "func"), f"{name} has no function {func!r}; {suggestion(func, public)}"
        )
        return
    if func in module.functions and not module.functions[func].hidden:
        yield from _arguments(case, activity, module.functions[func])


def _arguments(case: Case, activity: Activity, function: Function) -> Iterator[Problem]:
    given = activity.arguments
    injected = INJECTED | ({"value"} if activity.part == "tolerance" else set())
    known = [name for name in function.arguments if name not in INJECTED]
    for key in given:
        if key not in function.arguments and not function.anything:
            mend = suggestion(str(key), known) if known else "it takes none"
            message = f"{activity.func} takes no argument {key!r}; {mend}"
            yield case.problem(activity.at("provider", "arguments", key), message, at_key=True)
        elif wrong := _wrong_kind(given[key], function.kinds.get(key)):
            message = f"{key!r} of {activity.func} must be {wrong}, not {NAMES.get(type(given[key]), 'that')}"
            yield case.problem(activity.at("provider", "arguments", key), message)
    missing = [name for name in function.arguments if name in function.required - injected and name not in given]
    if missing:
        place = activity.at("provider", "arguments") if given else activity.at("provider", "func")
        yield case.problem(place, f"{activity.func} needs {', '.join(map(repr, missing))}; add to `arguments`")


def _wrong_kind(value: Json, kinds: frozenset[str] | None) -> str:
    """Return what *value* must be instead; empty when it is right, or is only known when the run begins."""
    if kinds is None or value is None or "${" in str(value):
        return ""
    is_a = {"bool"} if isinstance(value, bool) else {type(value).__name__}
    if isinstance(value, int) and not isinstance(value, bool):
        is_a.add("float")
    return "" if is_a & kinds else " or ".join(WORDS[kind] for kind in sorted(kinds & set(WORDS)))


def _process(case: Case, activity: Activity) -> Iterator[Problem]:
    path = text(activity.provider.get("path"))
    if not path or "${" in path or "\0" in path:
        return
    if shutil.which(Path(path).expanduser() if path.startswith("~/") else path) is None:
        message = f"no program {path!r} on this machine; write its path, or install it"
        yield case.problem(activity.at("provider", "path"), message)


def _http(case: Case, activity: Activity) -> Iterator[Problem]:
    url = text(activity.provider.get("url"))
    if url and not url.startswith(("http://", "https://", "${")):
        yield case.problem(activity.at("provider", "url"), f"{url!r} is no address; begin with https:// or http://")


def _groups(case: Case, activity: Activity) -> Iterator[Problem]:
    declared = [str(key) for key in mapping(case.data.get("secrets"))]
    for index, group in enumerate(listing(activity.provider.get("secrets"))):
        if group not in declared:
            mend = suggestion(str(group), declared) if declared else "declare it under `secrets`"
            yield case.problem(activity.at("provider", "secrets", index), f"no secrets {group!r}; {mend}")
