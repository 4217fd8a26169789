"""Builds as a user sees them: the list, and what the running lab says about its own."""

from __future__ import annotations

import json

from lab.builds import BUILDS
from tests.e2e.conftest import Desk


def test_every_build_is_listed_with_what_it_models_and_what_to_expect(desk: Desk) -> None:
    """As a table, and the same as JSON."""
    table, told = desk("lab", "build", "list"), desk("lab", "build", "list", "--json")
    assert (table.code, told.code) == (0, 0)
    listed = {each["name"]: each for each in json.loads(told.out)}
    assert listed == {
        name: {"name": name, "models": each.models, "expects": each.expects} for name, each in BUILDS.items()
    }
    lines = table.out.splitlines()
    for name, each in BUILDS.items():
        [number] = [n for n, line in enumerate(lines) if line.split(" ")[0] == name]
        assert lines[number].endswith(f"  models    {each.models}")
        assert lines[number + 1].strip() == f"expected  {each.expects}"


def test_status_says_which_build_runs_and_what_it_models(desk: Desk) -> None:
    """The two lines come first; JSON has both."""
    first, second = desk("lab", "status").out.splitlines()[:2]
    assert first.split() == ["build", "default"]
    assert second == f"models       {BUILDS['default'].models}"
    told = json.loads(desk("lab", "status", "--json").out)
    assert (told["build"], told["models"]) == ("default", BUILDS["default"].models)
