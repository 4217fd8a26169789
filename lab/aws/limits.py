"""The upper limits of botocore's models, which its own validator does not look at: lengths and numbers.

Only for services whose models are known to say what AWS takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

STRICT = frozenset({"cloudwatch", "scheduler"})
_OWN_CHECKS = frozenset({"PutMetricData", "GetMetricData", "GetMetricStatistics"})  # with AWS's other codes


def beyond(service: str, operation: str, params: dict[str, Any], shape: Any) -> str:
    """Say in AWS's words what goes beyond a limit of the model, or return nothing."""
    if service not in STRICT or operation in _OWN_CHECKS:
        return ""
    found = list(_beyond(params, shape, ""))
    errors = f"{len(found)} validation error{'' if len(found) == 1 else 's'} detected"
    return f"{errors}: {'; '.join(found)}" if found else ""


def _beyond(value: Any, shape: Any, where: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _beyond(value[name], member, f"{where}.{name[0].lower()}{name[1:]}".lstrip("."))
    elif shape.type_name == "list":
        if most is not None and len(value) > most:
            yield _sentence(value, where, f"have length less than or equal to {most}")
        for number, one in enumerate(value, 1):
            yield from _beyond(one, shape.member, f"{where}.{number}.member")
    elif shape.type_name == "string" and most is not None and len(value) > most:
        yield _sentence(value, where, f"have length less than or equal to {most}")
    elif shape.type_name in ("integer", "long") and most is not None and value > most:
        yield _sentence(value, where, f"have value less than or equal to {most}")


def _sentence(value: object, where: str, wanted: str) -> str:
    shown = str(value) if len(str(value)) <= 100 else f"{str(value)[:100]}..."
    return f"Value '{shown}' at '{where}' failed to satisfy constraint: Member must {wanted}"
