"""Event patterns: every operator fits what AWS's documentation says, and what AWS refuses is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.aws.patterns import PatternError, matches, parse_pattern

EVENT: dict[str, Any] = {
    "source": "aws.ecs",
    "detail": {
        "state": "RUNNING",
        "code": 300,
        "ratio": 0.5,
        "gone": None,
        "empty": "",
        "stopped": True,
        "ip": "10.0.3.7",
        "zones": ["eu-west-1a", "eu-west-1b"],
        "containers": [{"name": "app", "exit": 0}, {"name": "sidecar", "exit": 137}],
        "path": "dir/file*.png",
    },
}


@pytest.mark.parametrize(
    ("detail", "fits"),
    [
        ({"state": ["RUNNING"]}, True),
        ({"state": ["STOPPED", "RUNNING"]}, True),
        ({"state": ["running"]}, False),
        ({"state": [{"equals-ignore-case": "running"}]}, True),
        ({"state": [{"prefix": "RUN"}]}, True),
        ({"state": [{"prefix": {"equals-ignore-case": "run"}}]}, True),
        ({"state": [{"suffix": "ING"}]}, True),
        ({"state": [{"suffix": {"equals-ignore-case": "ing"}}]}, True),
        ({"state": [{"anything-but": "STOPPED"}]}, True),
        ({"state": [{"anything-but": ["STOPPED", "RUNNING"]}]}, False),
        ({"state": [{"anything-but": {"prefix": "RUN"}}]}, False),
        ({"state": [{"anything-but": {"suffix": ["ED", "X"]}}]}, True),
        ({"state": [{"anything-but": {"wildcard": "*UNN*"}}]}, False),
        ({"nothing": [{"anything-but": "x"}]}, False),
        ({"code": [300]}, True),
        ({"code": [300.0]}, False),
        ({"code": ["300"]}, False),
        ({"code": [{"numeric": [">", 200, "<=", 300]}]}, True),
        ({"code": [{"numeric": [">", 300]}]}, False),
        ({"ratio": [{"numeric": ["=", 0.5]}]}, True),
        ({"state": [{"numeric": [">", 0]}]}, False),
        ({"stopped": [True]}, True),
        ({"stopped": [1]}, False),
        ({"gone": [None]}, True),
        ({"empty": [""]}, True),
        ({"empty": [None]}, False),
        ({"ip": [{"cidr": "10.0.0.0/16"}]}, True),
        ({"ip": [{"cidr": "10.1.0.0/16"}]}, False),
        ({"state": [{"cidr": "10.1.0.0/16"}]}, False),
        ({"state": [{"exists": True}]}, True),
        ({"nothing": [{"exists": False}]}, True),
        ({"nothing": {"deeper": [{"exists": False}]}}, True),
        ({"containers": [{"exists": True}]}, True),
        ({"zones": ["eu-west-1b"]}, True),
        ({"zones": [{"prefix": "us-"}]}, False),
        ({"containers": {"name": ["sidecar"], "exit": [137]}}, True),
        ({"containers": {"name": ["app"], "exit": [137]}}, False),
        ({"path": [{"wildcard": "dir/*.png"}]}, True),
        ({"path": [{"wildcard": r"dir/file\*.png"}]}, True),
        ({"path": [{"wildcard": "dir/*.jpg"}]}, False),
        ({"$or": [{"state": ["STOPPED"]}, {"code": [{"numeric": ["<", 400]}]}]}, True),
        ({"$or": [{"state": ["STOPPED"]}, {"code": [400]}]}, False),
        ({"$or": [{"state": ["RUNNING"]}, {"code": [400]}], "ratio": [1]}, False),
    ],
)
def test_an_operator_fits_or_not(detail: dict[str, Any], fits: bool) -> None:
    """One pattern of the detail against one event."""
    assert matches(parse_pattern(json.dumps({"detail": detail})), EVENT) is fits


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        '{"source": "aws.ecs"}',
        '{"source": []}',
        '{"source": [["aws.ecs"]]}',
        '{"source": [{"startsWith": "aws"}]}',
        '{"source": [{"prefix": "a", "suffix": "b"}]}',
        '{"source": [{"prefix": 5}]}',
        '{"source": [{"exists": "yes"}]}',
        '{"detail": {"code": [{"numeric": [">", "5"]}]}}',
        '{"detail": {"code": [{"numeric": ["<", 5, ">", 0]}]}}',
        '{"detail": {"code": [{"numeric": [">", 5, "<", 5]}]}}',
        '{"detail": {"ip": [{"cidr": "10.0.0.0/99"}]}}',
        '{"detail": {"path": [{"wildcard": "a**b"}]}}',
        '{"detail": {"x": [{"anything-but": []}]}}',
        '{"detail": {"x": [{"anything-but": {"numeric": [">", 1]}}]}}',
        '{"$or": [{"source": ["a"]}]}',
    ],
)
def test_what_aws_refuses_is_refused(text: str) -> None:
    """A wrong pattern says why."""
    with pytest.raises(PatternError, match=r"\w+"):
        parse_pattern(text)
