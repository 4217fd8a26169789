"""A target group's attributes: which there are, what each may be, and which the lab plays."""

from __future__ import annotations

from collections.abc import Mapping

from lab.aws.alb_group import ALGORITHM, DELAY, FAIL_OPEN_COUNT, FAIL_OPEN_PERCENT, SLOW_START, TargetGroup
from lab.aws.registry import AwsError

ALGORITHMS = ("round_robin", "least_outstanding_requests")
DEFAULTS = {
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    ALGORITHM: "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    SLOW_START: "0",
    FAIL_OPEN_COUNT: "1",
    FAIL_OPEN_PERCENT: "off",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
}
PLAYED = frozenset({DELAY, ALGORITHM, SLOW_START, FAIL_OPEN_COUNT, FAIL_OPEN_PERCENT})
LONGEST_DELAY_S = 3600
SLOW_START_S = (30, 900)  # AWS takes 0 or these; the lab takes shorter ones


def attributes_of(group: TargetGroup) -> dict[str, str]:
    """Return every attribute by key. Seconds are written as "1", but as "0.5" where the lab is faster than AWS."""
    return {DELAY: f"{group.deregistration_delay_s:g}", **DEFAULTS, **group.attributes}


def checked_attributes(group: TargetGroup, given: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes if they can be set together; ValidationError, InvalidConfigurationRequest."""
    for key, value in given.items():
        if key != DELAY and key not in DEFAULTS:
            raise AwsError("ValidationError", f"Target group attribute key '{key}' is not recognized")
        if key not in PLAYED and value != DEFAULTS[key]:
            raise AwsError("InvalidConfigurationRequest", f"The lab does not play '{key}' = '{value}'")
        _check_value(key, value)
    after = {**attributes_of(group), **given}
    if after[ALGORITHM] != "round_robin" and after[SLOW_START] != "0":
        raise AwsError(
            "InvalidConfigurationRequest", f"Slow start is not possible with the algorithm {after[ALGORITHM]}"
        )
    return dict(given)


def _check_value(key: str, value: str) -> None:
    ranges = {SLOW_START: (0, SLOW_START_S[1]), FAIL_OPEN_COUNT: (1, 10_000)}
    if key == DELAY and not _is_delay(value):
        raise AwsError("ValidationError", f"'{key}' must be between 0 and {LONGEST_DELAY_S}, not '{value}'")
    if key == ALGORITHM and value not in ALGORITHMS:
        raise AwsError("ValidationError", f"'{key}' must be one of {', '.join(ALGORITHMS)}, not '{value}'")
    if key == FAIL_OPEN_PERCENT and value == "off":
        return
    least, most = (1, 100) if key == FAIL_OPEN_PERCENT else ranges.get(key, (0, -1))
    if most >= 0 and not (value.isdigit() and least <= int(value) <= most):
        raise AwsError("ValidationError", f"'{key}' must be between {least} and {most}, not '{value}'")


def _is_delay(value: str) -> bool:
    """Whole seconds on AWS; the lab's own delay may be a part of one, and what was told can be set again."""
    try:
        return 0 <= float(value) <= LONGEST_DELAY_S
    except ValueError:
        return False
