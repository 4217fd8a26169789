"""What the values of FIS's action parameters may be. All are strings; durations are ISO 8601.

AWS takes one minute to twelve hours; the lab also takes seconds ("PT8S"), because its faults need no longer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab.aws.registry import AwsError

MOST_S = 12 * 3600
MOST_ALARMS = 5
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_NUMBER = re.compile(r"\d{1,9}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_ALARM = re.compile(r"arn:aws[\w-]*:cloudwatch:[\w-]+:\d{12}:alarm:.+")
ALARM_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")

Rule = Callable[[str], str]  # returns what a value must be, "" when it is so


def invalid(message: str) -> AwsError:
    """Return FIS's answer to a request that makes no sense."""
    return AwsError("ValidationException", message)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action; `default` is what FIS takes when it is not given, None for nothing."""

    about: str
    rule: Rule = lambda value: "" if value.strip() else "something"
    required: bool = False
    default: str | None = None


def seconds(duration: str) -> int:
    """Return the seconds of an ISO 8601 duration; ValidationException for anything else or out of range."""
    if reason := is_duration(duration):
        raise invalid(f"The duration {duration} must be {reason}.")
    return _seconds(duration)


def _seconds(duration: str) -> int:
    match = _DURATION.fullmatch(duration)
    assert match is not None, duration
    return sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True))


def is_duration(value: str) -> str:
    """An ISO 8601 duration of at most twelve hours."""
    if _DURATION.fullmatch(value) is None or value.endswith(("P", "T")):
        return "an ISO 8601 duration such as PT5M"
    return "" if 0 < _seconds(value) <= MOST_S else "at most 12 hours, and more than nothing"


def is_number(low: int, high: int) -> Rule:
    """A whole number in a range."""

    def rule(value: str) -> str:
        good = _NUMBER.fullmatch(value) and low <= int(value) <= high
        return "" if good else f"a number from {low} to {high}"

    return rule


def is_one_of(*words: str) -> Rule:
    """One of these words."""
    return lambda value: "" if value in words else f"one of {', '.join(words)}"


def is_flag(value: str) -> str:
    """True or false, in any case."""
    return "" if value.lower() in ("true", "false") else "true or false"


def all_of(one: Rule, most: int) -> Rule:
    """A list of at most so many, separated by commas."""

    def rule(value: str) -> str:
        parts = value.split(",")
        if len(parts) > most:
            return f"a list of at most {most}"
        return next((f"a list of which each is {reason}" for part in parts if (reason := one(part))), "")

    return rule


def is_source(value: str) -> str:
    """An IPv4 address, a CIDR block, a domain name, an Availability Zone, ALL, DYNAMODB or S3."""
    if re.fullmatch(r"[\d./]+", value):
        try:
            ipaddress.IPv4Network(value, strict=False)
        except ValueError:
            return "an IPv4 address or CIDR block"
        return ""
    return "" if _DOMAIN.fullmatch(value) else "an IPv4 address, CIDR block, domain name, Availability Zone or ALL"


def is_alarm_arn(value: str) -> str:
    """The ARN of an alarm."""
    return "" if _ALARM.fullmatch(value) else "the ARN of an alarm"


def first_of(values: Iterable[str]) -> str:
    """Return the first in the order of the alphabet: messages must not depend on chance."""
    return min(values)


DURATION = Parameter("The duration of the action, from one minute to 12 hours, in ISO 8601.", is_duration, True)
INSTALL = Parameter("Whether SSM installs what the fault needs. Nothing is installed in the lab.", is_flag)
ENDPOINTS = Parameter(
    "Whether ECS's fault injection endpoints are used; on Fargate they must be.", is_flag, default="false"
)
FLOWS = Parameter("The percentage of network flows that are affected.", is_number(1, 100), default="100")
SOURCES = Parameter(
    "IPv4 addresses, CIDR blocks, domain names, Availability Zones, ALL, DYNAMODB or S3, separated by commas.",
    all_of(is_source, 100),
    default="ALL",
)
