"""`gameday plan PLAN` on the real lab: each experiment is rehearsed, channels and alarms are read, nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Desk
from tests.e2e.rules import SOON_S, Ruled, Staging, with_rules
from tests.e2e.scene import wait_until

ROOT = Path(__file__).parents[2]
ALARM = "foodconnect-error-rate"


@pytest.fixture
def ruled(desk: Desk, tmp_path: Path) -> Ruled:
    """A desk with a suite folder of its own, whose plans are ours."""
    folder = tmp_path / "suite"
    folder.mkdir()
    staging = Staging(desk)
    wait_until(lambda: staging.at_rest(3), SOON_S)
    found = with_rules(desk, folder)
    if not (folder / "plans").exists():
        (folder / "plans").symlink_to(ROOT / "plans")
    return found


def test_the_first_day_would_be_played(ruled: Ruled) -> None:
    """Exit 0; what each experiment would do, the page's alarm with its topic, the channels; not one changing call."""
    seen = ruled.plan("first-game-day")
    assert seen["would_run"] is True and seen["refusals"] == [] and seen["environment"]["name"] == "lab"
    stop, talk, slow, release = seen["agenda"]
    assert all(one["rehearsed"]["would_run"] for one in (stop, slow, release)) and talk["rehearsed"] is None
    assert stop["takes_s"][0] < talk["begins_s"][1] and release["rehearsed"]["sentences"]
    assert seen["alarms"] == [{"name": ALARM, "there": True, "tells": 1, "why": ""}]
    assert {one["channel"] for one in seen["channels"]} >= {"incidents", "on-call", "status"}
    assert all(one["ok"] for one in seen["channels"]), seen["channels"]


HIDDEN = """\
title: A day
roles: {owner: Ann, coordinator: Bo}
agenda: [{name: quiet, pause_s: 60}]
injects:
  - {name: fault, during: quiet, experiment: experiments/latency/backend-to-database.yaml, expect: {page: none-such}}
"""


def test_a_day_that_would_be_refused(ruled: Ruled) -> None:
    """Exit 3: an action that the rules do not list, of what is not announced; a page's alarm that is not there."""
    settings = ruled.desk.suite / "gameday.toml"
    settings.write_text(settings.read_text().replace('"latency.between", ', "", 1))
    plan = ruled.desk.suite / "mine.yaml"
    plan.write_text(HIDDEN)
    seen = ruled.plan(plan, "--reveal", code=3)
    (why,) = seen["refusals"]
    assert seen["would_run"] is False and why.startswith("fault: latency.between is not among")
    assert seen["alarms"] == [{"name": "none-such", "there": False, "tells": 0, "why": ""}]
