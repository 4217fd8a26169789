"""What points somewhere: `ref` to another activity or control, and `${name}` to a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gameday.decode import suggestion
from gameday.engine.lint.case import Activity, Case, listing, mapping, text, texts
from gameday.errors import Problem
from gameday.model import Json
from gameday.source import Path_

NAME = re.compile(r"(?<!\$)(?:\$\$)*\$\{([_a-zA-Z][_a-zA-Z0-9]*)\}")
REPLACED = {
    "python": ("arguments",), "process": ("arguments",), "http": ("url", "headers", "timeout", "arguments"),
}  # fmt: skip
AS_IS = {"python": ("module", "func"), "process": ("path", "timeout"), "http": ("method", "max_retries", "verify_tls")}


def references(case: Case) -> Iterator[Problem]:
    """Rule: every `ref` names an activity of the method or the hypothesis; in rollbacks there is none."""
    known = [text(activity.data.get("name")) for activity in case.activities("hypothesis", "method")]
    known = [name for name in known if name]
    for activity in case.activities("hypothesis", "method", "rollbacks"):
        ref = activity.data.get("ref")
        if not isinstance(ref, str):
            continue
        if activity.part == "rollbacks":
            message = "a `ref` in rollbacks crashes Chaos Toolkit and leaves the fault in; write the action out"
            yield case.problem(activity.at("ref"), message, at_key=True)
        elif ref not in known:
            mend = suggestion(ref, known) if known else "there is no activity with a name"
            yield case.problem(activity.at("ref"), f"no activity {ref!r} in method or hypothesis; {mend}")
    named = [text(control.get("name")) for _, control in case.controls() if "ref" not in control]
    for where, control in case.controls():
        ref = text(control.get("ref"))
        if ref and ref not in named:
            yield case.problem((*where, "ref"), f"no control {ref!r}; {suggestion(ref, named or ['nothing'])}")


def names(case: Case) -> Iterator[Problem]:
    """Rule: every `${name}` is declared: in the configuration, in the secrets, or as a name of an environment."""
    if case.names is None or _open_ended(case.data.get("secrets")):
        return
    known = [*map(str, mapping(case.data.get("configuration"))), *_secret_names(case), *case.names]
    for where, value in _replaced(case):
        for found in NAME.findall(value):
            if found not in known:
                mend = suggestion(found, known) if known else "declare it under `configuration`"
                message = f"${{{found}}} is declared nowhere, so it would be passed as it stands; {mend}"
                yield case.problem(where, message)


def never_replaced(case: Case) -> Iterator[Problem]:
    """Rule: no `${name}` stands where Chaos Toolkit does not replace it."""
    for where, value in _as_is(case):
        if found := NAME.search(value):
            message = f"Chaos Toolkit does not replace ${{{found[1]}}} here; write the value itself"
            yield case.problem(where, message)


def _replaced(case: Case) -> Iterator[tuple[Path_, str]]:
    for key in ("title",):
        yield from texts(case.data.get(key), (key,))
    for activity in case.activities():
        for key in REPLACED.get(activity.kind, ()):
            value = activity.provider.get(key)
            if not (activity.kind == "process" and isinstance(value, str)):  # a shell's own ${names}
                yield from texts(value, activity.at("provider", key))
        yield from texts(activity.data.get("pauses"), activity.at("pauses"))
        yield from _tolerance(activity)
    for where, control in case.controls():
        yield from texts(mapping(control.get("provider")).get("arguments"), (*where, "provider", "arguments"))


def _tolerance(activity: Activity) -> Iterator[tuple[Path_, str]]:
    tolerance, where = activity.data.get("tolerance"), activity.at("tolerance")
    if isinstance(tolerance, str):
        yield where, tolerance
    for key in ("pattern", "path", "expect"):
        yield from texts(mapping(tolerance).get(key), (*where, key))


def _as_is(case: Case) -> Iterator[tuple[Path_, str]]:
    for activity in case.activities():
        for key in AS_IS.get(activity.kind, ()):
            yield from texts(activity.provider.get(key), activity.at("provider", key))
        tolerance, where = activity.data.get("tolerance"), activity.at("tolerance")
        yield from texts(listing(tolerance), where)
        yield from texts(mapping(tolerance).get("range"), (*where, "range"))


def _secret_names(case: Case) -> Iterator[str]:
    for group in mapping(case.data.get("secrets")).values():
        yield from map(str, mapping(group))


def _open_ended(secrets: Json) -> bool:
    """Return whether a whole vault path is taken over: its names are not in the file."""
    return any(mapping(group).get("type") == "vault" for group in mapping(secrets).values())
