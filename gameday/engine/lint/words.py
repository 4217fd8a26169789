"""The words of the format: unknown keys at every level, misspelt types and strategies, values of the wrong kind.

Chaos Toolkit accepts an unknown key in silence, so `rollback:` for `rollbacks:` is a run without an undo. The tables
say what its source reads, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameday.decode import suggestion
from gameday.engine.lint.case import Activity, Case, listing, mapping, text
from gameday.errors import Problem
from gameday.model import Json
from gameday.source import Path_

TOP_LEVEL = [
    "version", "title", "description", "tags", "configuration", "secrets", "contributions", "extensions", "controls",
    "runtime", "steady-state-hypothesis", "method", "rollbacks", "dry",
]  # fmt: skip
HYPOTHESIS = ["title", "probes", "controls"]
ACTIVITY = ["type", "name", "provider", "background", "pauses", "controls", "tolerance", "ref", "timeout", "dry"]
PROVIDER = {
    "python": ["type", "module", "func", "arguments", "secrets", "timeout"],
    "process": ["type", "path", "arguments", "timeout", "secrets"],
    "http": ["type", "url", "method", "headers", "timeout", "arguments", "verify_tls", "max_retries", "secrets"],
}
NEEDED = {"python": ["module", "func"], "process": ["path"], "http": ["url"]}
CONTROL = ["name", "provider", "scope", "automatic", "ref"]
CONTROL_PROVIDER = ["type", "module", "arguments", "secrets"]
RUNTIME = {"hypothesis": ["strategy", "frequency"], "rollbacks": ["strategy"], "python": []}
STRATEGIES = {
    "hypothesis": [
        "default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip",
    ],
    "rollbacks": ["default", "always", "never", "deviated"],
}  # fmt: skip
CONFIGURATION = {"env": ["type", "key", "default", "env_var_type"], "probe": [*ACTIVITY]}
ENV_TYPES = ["str", "int", "float", "bytes", "bool", "json"]
SECRET = {"env": ["type", "key"], "vault": ["type", "path", "key"]}
KINDS: dict[str, tuple[type, str]] = {
    "text": (str, "a text"), "list": (list, "a list"), "mapping": (dict, "a mapping"), "yes": (bool, "true or false"),
}  # fmt: skip


def words(case: Case) -> Iterator[Problem]:
    """Rule: what stands in the file is known, and of the right kind, at every level."""
    yield from _top(case)
    yield from _hypothesis(case)
    for part, where in (("method", ("method",)), ("rollbacks", ("rollbacks",))):
        yield from _list(case, where, case.data.get(part))
    for activity in case.activities():
        yield from _activity(case, activity)
    for place, controls in case.control_lists():
        yield from _controls(case, place, controls)
    yield from _runtime(case)
    yield from _configuration(case)
    for key, value in mapping(case.data.get("secrets")).items():
        if isinstance(value, dict):
            yield from _secret(case, ("secrets", key), value)
        else:
            yield case.problem(
                ("secrets", key), f"secrets are in groups; write {key}: {{NAME: {{type: env, key: ...}}}}"
            )
    yield from _extensions(case)


def unknown(case: Case, where: Path_, data: dict[str, Json], known: list[str]) -> Iterator[Problem]:
    """Yield a problem for each key that is not *known*."""
    for key in data:
        if key not in known:
            yield case.problem((*where, key), f"unknown key {key!r}; {suggestion(str(key), known)}", at_key=True)


def kind_of(case: Case, where: Path_, data: dict[str, Json], **kinds: str) -> Iterator[Problem]:
    """Yield a problem for each key of *data* whose value is of another kind; `_` in a name stands for `-`."""
    for name, kind in kinds.items():
        key = name if name in data else name.replace("_", "-")
        if key not in data:
            continue
        value, (right, words_) = data[key], KINDS[kind]
        if not isinstance(value, right) or (isinstance(value, bool) and kind != "yes"):
            said = type(value).__name__ if key == "secrets" else _show(value)
            yield case.problem((*where, key), f"{key!r} must be {words_}, not {said}")


def _show(value: Json) -> str:
    shown = "nothing" if value is None else f"{type(value).__name__} {value!r}"
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _top(case: Case) -> Iterator[Problem]:
    yield from unknown(case, (), case.data, TOP_LEVEL)
    for key in ("title", "description", "method"):
        if key not in case.data:
            yield case.problem((), f"lacks {key!r}; add it")
    yield from kind_of(
        case, (), case.data, title="text", description="text", method="list", rollbacks="list", tags="list",
        configuration="mapping", secrets="mapping", controls="list", extensions="list", runtime="mapping",
        contributions="mapping", steady_state_hypothesis="mapping",
    )  # fmt: skip
    for key in ("title", "description"):
        if case.data.get(key) == "":
            yield case.problem((key,), f"the {key} is empty; say what is expected")
    for index, tag in enumerate(listing(case.data.get("tags"))):
        if not isinstance(tag, str) or not tag:
            yield case.problem(("tags", index), f"a tag must be a text, not {_show(tag)}; put it in quotes")


def _hypothesis(case: Case) -> Iterator[Problem]:
    where: Path_ = ("steady-state-hypothesis",)
    data = mapping(case.data.get("steady-state-hypothesis"))
    if not data:
        return
    yield from unknown(case, where, data, HYPOTHESIS)
    yield from kind_of(case, where, data, title="text", probes="list")
    if not data.get("title"):
        yield case.problem(where, "the hypothesis lacks 'title'; add it")
    yield from _list(case, (*where, "probes"), data.get("probes"))


def _list(case: Case, where: Path_, data: Json) -> Iterator[Problem]:
    for index, one in enumerate(listing(data)):
        if not isinstance(one, dict):
            message = f"an activity must be a mapping, not {_show(one)}; write {{type: ..., name: ..., provider: ...}}"
            yield case.problem((*where, index), message)


def _activity(case: Case, activity: Activity) -> Iterator[Problem]:
    where, data = activity.where, activity.data
    yield from unknown(case, where, data, ACTIVITY)
    yield from kind_of(case, where, data, name="text", background="yes", pauses="mapping", ref="text")
    yield from _pauses(case, activity)
    if "ref" in data:
        return
    if data.get("type") not in ("probe", "action"):
        said = f"no activity type {data['type']!r}; " if "type" in data else "the activity lacks 'type'; "
        yield case.problem(activity.at("type"), said + suggestion(str(data.get("type", "")), ["probe", "action"]))
    elif activity.part == "hypothesis" and data["type"] == "action":
        yield case.problem(
            activity.at("type"), "an action in the hypothesis would act before and after the method; move it"
        )
    if not data.get("name"):
        yield case.problem(where, "the activity lacks 'name'; add it")
    if activity.part == "hypothesis" and "tolerance" not in data:
        yield case.problem(where, "the probe lacks 'tolerance'; say which answer is right, such as `tolerance: true`")
    yield from _provider(case, activity)


def _pauses(case: Case, activity: Activity) -> Iterator[Problem]:
    pauses, where = mapping(activity.data.get("pauses")), activity.at("pauses")
    yield from unknown(case, where, pauses, ["before", "after"])
    for key, value in pauses.items():
        pattern = isinstance(value, str) and value.startswith("${") and value.endswith("}")
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 86400
        if key in ("before", "after") and not (pattern or number):
            yield case.problem((*where, key), f"a pause is in seconds, 0 to a day, not {_show(value)}")


def _provider(case: Case, activity: Activity) -> Iterator[Problem]:
    where, provider = activity.at("provider"), activity.provider
    if not provider:
        yield case.problem(
            where, "the activity lacks a provider; add `provider: {type: python, module: ..., func: ...}`"
        )
        return
    known = PROVIDER.get(activity.kind)
    if known is None:
        said = f"no provider type {provider['type']!r}; " if "type" in provider else "the provider lacks 'type'; "
        yield case.problem((*where, "type"), said + suggestion(str(provider.get("type", "")), list(PROVIDER)))
        return
    yield from unknown(case, where, provider, known)
    for key in NEEDED[activity.kind]:
        if not isinstance(provider.get(key), str) or not provider[key]:
            yield case.problem((*where, key), f"a {activity.kind} provider needs {key!r}, a text; add it")
    yield from kind_of(case, where, provider, headers="mapping", secrets="list", verify_tls="yes", method="text")
    arguments = provider.get("arguments", {})
    if activity.kind == "python" and not isinstance(arguments, dict):
        yield case.problem((*where, "arguments"), f"arguments of a function have names, not {_show(arguments)}")
    if activity.kind == "process" and not isinstance(arguments, list | dict | str):
        yield case.problem(
            (*where, "arguments"), f"arguments of a process are a list or a text, not {_show(arguments)}"
        )


def _controls(case: Case, where: Path_, data: Json) -> Iterator[Problem]:
    if not isinstance(data, list):
        if where != ("controls",):  # said already
            yield case.problem(where, f"'controls' must be a list, not {_show(data)}")
        return
    for index, control in enumerate(data):
        place = (*where, index)
        if not isinstance(control, dict):
            yield case.problem(place, f"a control must be a mapping, not {_show(control)}")
            continue
        yield from unknown(case, place, control, CONTROL)
        if "ref" in control:
            continue
        if not isinstance(control.get("name"), str) or not control["name"]:
            yield case.problem(place, "the control lacks 'name'; add it")
        provider = mapping(control.get("provider"))
        yield from unknown(case, (*place, "provider"), provider, CONTROL_PROVIDER)
        if provider.get("type") != "python" or not isinstance(provider.get("module"), str):
            yield case.problem((*place, "provider"), "a control needs `provider: {type: python, module: ...}`")
        if control.get("scope") not in (None, "before", "after"):
            message = f"no scope {control['scope']!r}; {suggestion(str(control['scope']), ['before', 'after'])}"
            yield case.problem((*place, "scope"), message)


def _runtime(case: Case) -> Iterator[Problem]:
    runtime = mapping(case.data.get("runtime"))
    yield from unknown(case, ("runtime",), runtime, list(RUNTIME))
    yield from kind_of(case, ("runtime",), runtime, hypothesis="mapping", rollbacks="mapping", python="mapping")
    for part, known in STRATEGIES.items():
        data, where = mapping(runtime.get(part)), ("runtime", part)
        yield from unknown(case, where, data, RUNTIME[part])
        strategy = data.get("strategy", known[0])
        if strategy not in known:
            message = f"no strategy {strategy!r}; {suggestion(str(strategy), known)}"
            yield case.problem((*where, "strategy"), message)
    frequency = mapping(runtime.get("hypothesis")).get("frequency", 1.0)
    if not isinstance(frequency, int | float) or isinstance(frequency, bool) or not 0 < frequency < 1e6:
        message = f"the frequency is the seconds between two looks, above 0, not {_show(frequency)}"
        yield case.problem(("runtime", "hypothesis", "frequency"), message)


def _configuration(case: Case) -> Iterator[Problem]:
    for key, value in mapping(case.data.get("configuration")).items():
        where: Path_ = ("configuration", key)
        name: object = key  # YAML may have read `yes` or `1`
        if not isinstance(name, str):
            yield case.problem(where, f"the name {key!r} must be a text; put it in quotes", at_key=True)
        if not isinstance(value, dict) or "type" not in value:
            continue
        kind = value["type"]
        if kind not in ("env", "probe"):
            message = f"no configuration type {kind!r}; {suggestion(str(kind), list(CONFIGURATION))}"
            yield case.problem((*where, "type"), message)
        elif kind == "env":
            yield from unknown(case, where, value, CONFIGURATION["env"])
            yield from _variable(case, where, value)
            if value.get("env_var_type", "str") not in ENV_TYPES:
                message = (
                    f"no env_var_type {value['env_var_type']!r}; {suggestion(str(value['env_var_type']), ENV_TYPES)}"
                )
                yield case.problem((*where, "env_var_type"), message)


def _secret(case: Case, where: Path_, data: dict[str, Json]) -> Iterator[Problem]:
    kind = data.get("type")
    if isinstance(kind, str):
        if kind not in SECRET:
            yield case.problem((*where, "type"), f"no secret type {kind!r}; {suggestion(kind, list(SECRET))}")
            return
        yield from unknown(case, where, data, SECRET[kind])
        if kind == "env":
            yield from _variable(case, where, data)
        elif not isinstance(data.get("path"), str):
            yield case.problem(where, "a vault secret needs 'path'; add it")
        return
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _secret(case, (*where, key), value)


def _variable(case: Case, where: Path_, data: dict[str, Json]) -> Iterator[Problem]:
    if not isinstance(data.get("key"), str) or not data["key"]:
        yield case.problem(where, "lacks 'key', the name of an environment variable; add it")


def _extensions(case: Case) -> Iterator[Problem]:
    for index, extension in enumerate(listing(case.data.get("extensions"))):
        if not text(mapping(extension).get("name")).strip():
            yield case.problem(("extensions", index), "an extension must be a mapping with a 'name'; add it")
