"""`gameday lab up --tasks` and `gameday lab status`: how many tasks there are, which kind, and what all of it costs."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.e2e.conftest import Desk, LabDesk


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tasks are forked on Linux only")
def test_many_tasks_are_said_to_be_light_and_what_they_cost(lab_desk: LabDesk) -> None:
    """Nine tasks are light; each process and each kind has its memory and CPU, in words and in JSON."""
    desk = lab_desk("--tasks", "9")
    words = desk("lab", "status").out
    assert re.search(r"^tasks +9 \(light: pool 2, forked, metrics every 1 s\)$", words, re.M)
    assert len(re.findall(r"^ +task-[0-9a-f]{12} +\d+ +\d+\.\d +\d+\.\d$", words, re.M)) == 9
    assert re.search(r"^ +total +\d+ +\d+\.\d +\d+\.\d$", words, re.M)
    told = json.loads(desk("lab", "status", "--json").out)
    kinds = {one["kind"]: one for one in told["usage"]}
    assert kinds["tasks"]["processes"] == 9
    assert kinds["total"]["memory_mb"] > kinds["tasks"]["memory_mb"] > 9
    assert {one["name"] for one in told["processes"]} == set(told["pids"])


@pytest.mark.parametrize("count", ["0", "201", "many"])
def test_impossible_number_of_tasks_is_refused(desk: Desk, count: str) -> None:
    """A number out of range is bad usage; the running lab is left as it is."""
    ended = desk("lab", "up", "--tasks", count)
    assert ended.code == 2
    assert "--tasks" in ended.err
    assert desk("lab", "status").code == 0
