"""Tolerances that Chaos Toolkit refuses, that never hold, or that crash the run in the middle of a fault.

A `None` against a range or a list of two raises an error that Chaos Toolkit does not catch: no rollback, no journal.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

from gameday.decode import suggestion
from gameday.engine.lint import functions
from gameday.engine.lint.calls import function_of
from gameday.engine.lint.case import Activity, Case, mapping, text
from gameday.engine.lint.words import ACTIVITY, unknown
from gameday.errors import Problem
from gameday.model import Json
from gameday.source import Path_

KEYS = {
    "regex": ["type", "name", "pattern", "target"],
    "jsonpath": ["type", "name", "path", "target", "count", "expect"],
    "range": ["type", "name", "range", "target"],
    "probe": ACTIVITY,
}
INSTEAD = "use a probe with `tolerance: true`, such as `probes.gameday.steady`, or one that says `-> float`"
NUMBERS = {"int", "float", "bool", "Decimal"}
TEXTS = {"str"}


def tolerances(case: Case) -> Iterator[Problem]:
    """Rule: every tolerance is one that Chaos Toolkit reads, and some answer can satisfy it."""
    for activity in case.activities("hypothesis", "method"):
        if "tolerance" in activity.data:
            yield from _form(case, activity.at("tolerance"), activity.data["tolerance"])


def crashes(case: Case) -> Iterator[Problem]:
    """Rule: no tolerance crashes on what its probe may answer."""
    for activity in case.activities("hypothesis"):
        if "ref" in activity.data:
            continue
        tolerance, where = activity.data.get("tolerance"), activity.at("tolerance")
        if activity.kind in ("http", "process"):
            yield from _on_answer(case, where, activity.kind, mapping(tolerance))
        elif (module := functions.find(activity.module, case.suite)) and module.has(activity.func):
            yield from _on_function(case, activity, tolerance)


def _form(case: Case, where: Path_, tolerance: Json) -> Iterator[Problem]:
    if isinstance(tolerance, bool | int | str):
        return
    if isinstance(tolerance, float):
        message = f"Chaos Toolkit refuses a float here; write {{type: range, range: [{tolerance}, {tolerance}]}}"
        yield case.problem(where, message)
    elif isinstance(tolerance, list):
        if not tolerance:
            yield case.problem(where, "an empty list holds for no answer; list the right ones")
        yield from _order(case, where, tolerance)
    elif isinstance(tolerance, dict):
        yield from _mapping(case, where, tolerance)
    else:
        yield case.problem(where, "the tolerance is empty; say which answer is right, such as `tolerance: true`")


def _mapping(case: Case, where: Path_, tolerance: dict[str, Json]) -> Iterator[Problem]:
    kind = tolerance.get("type")
    if not isinstance(kind, str) or kind not in KEYS:
        said = f"no tolerance type {kind!r}; " if "type" in tolerance else "the tolerance lacks 'type'; "
        yield case.problem((*where, "type"), said + suggestion(str(kind or ""), list(KEYS)))
        return
    if kind != "probe":  # its keys are looked at as an activity's
        yield from unknown(case, where, tolerance, KEYS[kind])
    if kind == "range":
        yield from _range(case, (*where, "range"), tolerance.get("range"))
    elif kind == "regex":
        yield from _pattern(case, (*where, "pattern"), tolerance.get("pattern"))
    elif kind == "jsonpath":
        if not isinstance(tolerance.get("path"), str) or not text(tolerance.get("path")).strip():
            yield case.problem((*where, "path"), "a jsonpath tolerance needs 'path', a text; add it")
        if find_spec("jsonpath2") is None:
            message = "jsonpath is not installed; `pip install 'chaostoolkit-lib[jsonpath]'`, or use another tolerance"
            yield case.problem(where, message)
    elif not isinstance(mapping(tolerance.get("provider")).get("arguments"), dict):
        message = (
            "Chaos Toolkit puts the answer into `arguments` of this probe and crashes without; add `arguments: {}`"
        )
        yield case.problem((*where, "provider"), message)


def _range(case: Case, where: Path_, bounds: Json) -> Iterator[Problem]:
    if not isinstance(bounds, list) or len(bounds) != 2:
        yield case.problem(where, "a range has two numbers; write `range: [LOWEST, HIGHEST]`")
        return
    for index, bound in enumerate(bounds):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            yield case.problem(
                (*where, index), f"the bound {bound!r} of a range must be a number; write the value itself"
            )
    yield from _order(case, where, bounds)


def _order(case: Case, where: Path_, bounds: list[Json]) -> Iterator[Problem]:
    numbers = [bound for bound in bounds if isinstance(bound, int | float)]
    if len(bounds) == len(numbers) == 2 and not numbers[0] <= numbers[1]:
        yield case.problem(where, f"holds for no answer: {numbers[0]} is above {numbers[1]}; swap them")


def _pattern(case: Case, where: Path_, pattern: Json) -> Iterator[Problem]:
    if not isinstance(pattern, str):
        yield case.problem(where, "a regex tolerance needs 'pattern', a text; add it")
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield case.problem(where, f"not a regular expression: {error}; mend it")


def _on_answer(case: Case, where: Path_, kind: str, tolerance: dict[str, Json]) -> Iterator[Problem]:
    """Of http and process Chaos Toolkit compares the whole answer, a mapping, unless a target is named."""
    if tolerance.get("type") not in ("range", "regex"):
        return
    if "target" not in tolerance:
        target = "body" if kind == "http" else "stdout"
        message = f"a {kind} answer is a mapping, and this tolerance crashes on one; add `target: {target}`"
        yield case.problem(where, message)
    elif kind == "http" and tolerance["type"] == "range" and tolerance["target"] == "body":
        yield case.problem(where, f"the body may be null or a mapping, and a range crashes on both; {INSTEAD}")


def _on_function(case: Case, activity: Activity, tolerance: Json) -> Iterator[Problem]:
    function = function_of(case, activity)
    returns = function.returns if function else ""
    said = set(re.findall(r"\w+", returns)) - {"Union", "Optional"} | ({"None"} if "Optional" in returns else set())
    what = f"{activity.func} " + (f"returns {returns}" if returns else "does not say what it returns")
    kind = mapping(tolerance).get("type")
    right: set[str] = set()
    if isinstance(tolerance, list) and len(tolerance) == 2:
        right = TEXTS if all(isinstance(one, str) for one in tolerance) else NUMBERS
    elif kind in ("range", "regex"):
        right = NUMBERS | TEXTS if kind == "range" else TEXTS
        if "target" in mapping(tolerance) and "None" not in said and said & {"Dict", "dict", "AWSResponse"}:
            return  # a part of a mapping, of which nothing is known
    if right and not (said and said <= right):
        message = f"{what}: on None or a mapping this tolerance crashes the run, fault left in; {INSTEAD}"
        yield case.problem(activity.at("tolerance"), message)
