"""Patterns over JSON, as EventBridge rules and SNS filter policies have them: checked once, then matched.

A pattern is an object of fields; a leaf is a list of matchers of which one must fit. A field of an event that is a list
fits when one of its members does. What AWS does not know is a `PatternError`, with the reason in a sentence.
"""

from __future__ import annotations

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Pattern: TypeAlias = Mapping[str, Any]
_MISSING: Any = object()
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class PatternError(ValueError):
    """A pattern that AWS refuses."""


def parse_pattern(text: str) -> Pattern:
    """Read and check a pattern; PatternError says what is wrong with it."""
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise PatternError(f"it is not JSON ({error})") from None
    if not isinstance(pattern, dict) or not pattern:
        raise PatternError("it must be a JSON object with at least one field")
    _check(pattern, "")
    return pattern


def _check(pattern: Pattern, where: str) -> None:
    for name, wanted in pattern.items():
        path = f"{where}.{name}" if where else name
        if name == "$or" and isinstance(wanted, list):
            if len(wanted) < 2 or not all(isinstance(one, dict) and one for one in wanted):
                raise PatternError(f"{path} must be a list of two patterns or more")
            for one in wanted:
                _check(one, where)
        elif isinstance(wanted, dict) and wanted:
            _check(wanted, path)
        elif isinstance(wanted, list) and wanted:
            for one in wanted:
                _check_matcher(one, path)
        else:
            raise PatternError(f'"{path}" must be an object or a list with at least one member')


def _check_matcher(matcher: object, where: str) -> None:
    if isinstance(matcher, list):
        raise PatternError(f'"{where}" holds a list inside a list')
    if not isinstance(matcher, dict):
        return
    if len(matcher) != 1:
        raise PatternError(f'a matcher of "{where}" must have exactly one operator')
    ((name, value),) = matcher.items()
    if name not in _MATCHERS:
        raise PatternError(f'Unrecognized match type {name} in "{where}"')
    if not _CHECKS[name](value):
        raise PatternError(f'the value of {name} in "{where}" is not one that it takes')


def matches(pattern: Pattern, event: object) -> bool:
    """Does an event (or a message, or a set of attributes) fit a checked pattern?"""
    return all(_fits_field(name, wanted, event) for name, wanted in pattern.items())


def _fits_field(name: str, wanted: Any, event: object) -> bool:
    if name == "$or" and isinstance(wanted, list):
        return any(matches(one, event) for one in wanted)
    value = event.get(name, _MISSING) if isinstance(event, Mapping) else _MISSING
    if isinstance(wanted, Mapping):
        inner = value if isinstance(value, list) else [value]
        return any(matches(wanted, one) for one in inner)  # all of a list's object, not parts of several
    return any(_fits(matcher, value) for matcher in wanted)


def _fits(matcher: Any, value: Any) -> bool:
    if isinstance(matcher, Mapping):
        ((name, wanted),) = matcher.items()
        if name == "exists":
            return bool(wanted) == _is_leaf(value)
        return any(_MATCHERS[name](wanted, one) for one in _members(value))
    return any(_same(matcher, one) for one in _members(value))


def _is_leaf(value: Any) -> bool:
    return value is not _MISSING and not isinstance(value, Mapping)


def _members(value: Any) -> list[Any]:
    if value is _MISSING:
        return []
    return value if isinstance(value, list) else [value]


def _same(wanted: Any, value: Any) -> bool:
    """Compare as EventBridge does, by what is written: 300 is not 300.0, and true is not 1."""
    return type(wanted) is type(value) and bool(wanted == value)


def _listed(wanted: Any) -> list[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def _prefix(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and value.lower().startswith(wanted["equals-ignore-case"].lower())
    return isinstance(value, str) and value.startswith(wanted)


def _suffix(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, str) and value.lower().endswith(wanted["equals-ignore-case"].lower())
    return isinstance(value, str) and value.endswith(wanted)


def _ignore_case(wanted: str, value: Any) -> bool:
    return isinstance(value, str) and value.lower() == wanted.lower()


def _wildcard(wanted: str, value: Any) -> bool:
    r"""`*` stands for any characters, `\*` for a star."""
    if not isinstance(value, str):
        return False
    parts = (re.escape(part.replace(r"\*", "*").replace(r"\\", "\\")) for part in re.split(r"(?<!\\)\*", wanted))
    return re.fullmatch(".*".join(parts), value, re.DOTALL) is not None


def _numeric(wanted: Sequence[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    pairs = zip(wanted[::2], wanted[1::2], strict=True)
    return all(_NUMBERS[sign](value, bound) for sign, bound in pairs)


def _cidr(wanted: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _anything_but(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, Mapping):
        ((name, inner),) = wanted.items()
        return not any(_MATCHERS[name](one, value) for one in _listed(inner))
    return not any(_same(one, value) for one in _listed(wanted))


_MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
    "exists": lambda wanted, value: bool(wanted),
}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_affix(value: Any) -> bool:
    if isinstance(value, dict):
        return list(value) == ["equals-ignore-case"] and _is_text(value["equals-ignore-case"])
    return _is_text(value)


def _is_wildcard(value: Any) -> bool:
    return isinstance(value, str) and "**" not in value


def _is_range(value: Any) -> bool:
    """One comparison, or a lower and an upper bound."""
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    bounds = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in value[1::2])
    signs = all(isinstance(sign, str) and sign in _NUMBERS for sign in value[::2])
    between = len(value) == 2 or (str(value[0]) in (">", ">=") and str(value[2]) in ("<", "<="))
    return bounds and signs and between and (len(value) == 2 or value[1] < value[3])


def _is_network(value: Any) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return isinstance(value, str)


def _is_exclusion(value: Any) -> bool:
    if isinstance(value, dict):
        if len(value) != 1 or next(iter(value)) not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            return False
        ((name, inner),) = value.items()
        return bool(_listed(inner)) and all(_is_text(one) and _CHECKS[name](one) for one in _listed(inner))
    each = _listed(value)
    return bool(each) and all(isinstance(one, (str, int, float)) and not isinstance(one, bool) for one in each)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "prefix": _is_affix,
    "suffix": _is_affix,
    "equals-ignore-case": _is_text,
    "wildcard": _is_wildcard,
    "numeric": _is_range,
    "cidr": _is_network,
    "anything-but": _is_exclusion,
    "exists": lambda value: isinstance(value, bool),
}
