"""What an EventBridge target gets of an event: all of it, a part, a constant, or a template filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")
_PATH = re.compile(rf"\$(?:{_STEP.pattern})*")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
_NOTHING: Any = object()


def check_input(target: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a target's input, or None."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name)]
    if len(given) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}."
    paths = {"InputPath": target.get("InputPath") or "$", **_transformer(target).get("InputPathsMap", {})}
    for path in paths.values():
        if not _PATH.fullmatch(path):
            return f"Invalid InputPath for target {target['Id']}: {path}"
    if target.get("Input"):
        try:
            json.loads(target["Input"])
        except ValueError:
            return f"JSON syntax error in input for target {target['Id']}"
    names = set(_PLACEHOLDER.findall(_transformer(target).get("InputTemplate", "")))
    unknown = sorted(name for name in names - set(paths) if not name.startswith("aws.events."))
    if unknown:
        return f"Invalid InputTemplate for target {target['Id']} : unknown placeholders {', '.join(unknown)}"
    return None


def _transformer(target: Mapping[str, Any]) -> Mapping[str, Any]:
    return target.get("InputTransformer") or {}


def input_of(target: Mapping[str, Any], event: Mapping[str, Any], rule_name: str, rule_arn: str) -> str:
    """Return the text that a checked target gets."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        found = look_up(event, target["InputPath"])
        return json.dumps(None if found is _NOTHING else found)
    template = _transformer(target).get("InputTemplate")
    if template is None:
        return json.dumps(event)
    paths = _transformer(target).get("InputPathsMap", {})
    values = {name: look_up(event, path) for name, path in paths.items()}
    values |= {
        "aws.events.rule-name": rule_name,
        "aws.events.rule-arn": rule_arn,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event.json": event,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
    }
    return fill(template, values)


def look_up(event: Any, path: str) -> Any:
    """Follow a path of fields and indices; what is not there is not created."""
    found = event
    for name, index, quoted in _STEP.findall(path):
        try:
            found = found[int(index)] if index else found[name or quoted]
        except (KeyError, IndexError, TypeError):
            return _NOTHING
    return found


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values into a template: inside quotes as text, outside as JSON; nothing for a value that is not there."""
    parts: list[str] = []
    end, quoted = 0, False
    for place in _PLACEHOLDER.finditer(template):
        before = template[end : place.start()]
        quoted ^= _odd_quotes(before)
        parts += [before, _written(values.get(place[1], _NOTHING), quoted)]
        end = place.end()
    return "".join((*parts, template[end:]))


def _odd_quotes(text: str) -> bool:
    return len(re.findall(r'(?<!\\)"', text)) % 2 == 1


def _written(value: Any, quoted: bool) -> str:
    if value is _NOTHING:
        return "" if quoted else '""'
    text = json.dumps(value)
    if not quoted:
        return text
    return text[1:-1] if isinstance(value, str) else text.replace('"', r"\"")
