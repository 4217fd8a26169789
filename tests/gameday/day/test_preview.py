"""The preview of a day: estimated times, what is hidden from responders, and what would be refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.cli._plan_of_day import told
from gameday.config import Environment, Freeze, load_settings
from gameday.day.foresight import Span, estimate, in_the_way, spans
from gameday.day.plan import Item, Plan, Roles, When
from gameday.day.preview import Alarm, Preview, Trial, check_values, plain, refusals
from gameday.day.reading import read
from gameday.errors import UsageError
from gameday.model import Block, LoadPlan, Objectives
from gameday.notify import Delivery

ROOT = Path(__file__).parents[3]
BEGINS = 1764756000.0  # 2025-12-03 10:00 UTC, a Wednesday


@pytest.fixture
def lab() -> Environment:
    """Our lab, as gameday.toml has it."""
    return load_settings(ROOT).environment("lab")


@pytest.fixture
def seen(lab: Environment) -> Preview:
    """A day of which everything is well, with an experiment and injects that are not announced."""
    loaded = read(ROOT / "plans" / "incident-response.yaml", ROOT)
    trials = {name: Trial(True, (f"touch what {name} is about",)) for name in loaded.files}
    return Preview(
        loaded, lab, BEGINS, tuple(spans(loaded.plan.agenda, {}, lab)), trials,
        (Alarm("foodconnect-error-rate", True, 1),), (Delivery("incidents", True, "posted", "2025-12-03T09:00:00Z"),),
        {inject.name: 17.4 for inject in loaded.plan.injects},
        ({"id": "a1b2", "text": "mend the alarm", "owner": "Kim", "due": "2025-12-01", "status": "overdue"},), (), (),
    )  # fmt: skip


def test_what_is_not_announced_is_counted_and_not_named(seen: Preview) -> None:
    """For people and for programs; an inject is not more announced than its item."""
    hidden = ("bad-release", "fault-in-the-break", "commander-leaves", "17", "bad-deployment", "acknowledges within")
    page, document = "\n".join(told(seen, False)), json.dumps(plain(seen))
    for word in hidden:
        assert word not in page and word not in document, word
    count = len(seen.loaded.plan.injects) - 1
    assert f"{count} that are not announced" in page and plain(seen)["hidden_injects"] == count
    assert "coordinator: the game day is over" in page and page.count("(not announced)") == 3


def test_the_alarm_of_a_hidden_item_is_hidden(seen: Preview) -> None:
    """Also in a plan without injects, for people and for programs; once it is announced it is told."""
    plan = replace(seen.loaded.plan, injects=[])
    seen = replace(seen, loaded=replace(seen.loaded, plan=plan))
    assert plain(seen)["alarms"] == [] and "foodconnect-error-rate" not in "\n".join(told(seen, False))
    plan = replace(plan, agenda=[replace(item, announced=True) for item in plan.agenda])
    seen = replace(seen, loaded=replace(seen.loaded, plan=plan))
    assert "foodconnect-error-rate" in json.dumps(plain(seen)["alarms"])


def test_revealed_everything_is_there(seen: Preview) -> None:
    """With the drawn delays, who leaves, and the rehearsals."""
    page, document = "\n".join(told(seen, True)), plain(seen, True)
    for words in (
        "fault-in-the-break: experiments/latency/backend-to-database.yaml, 17 s into calm",
        "Sam Ode leaves for 10 min", "would    touch what bad-release is about", "foodconnect-error-rate within 120 s",
        "Wed 2025-12-03 10:00 GMT (Europe/Dublin)", "overdue    a1b2: mend the alarm (Kim, due 2025-12-01)",
        "works      incidents: posted", "alarm foodconnect-error-rate tells 1 topic", "2 experiments broke",
        "it would be played; nothing was changed",
    ):  # fmt: skip
        assert words in page, words
    assert document["hidden_injects"] == 0 and document["would_run"] is True
    assert all(one["drawn_s"] == 17.4 for one in document["injects"])  # type: ignore[union-attr,index,call-overload]


def test_a_hidden_refusal_is_counted(seen: Preview) -> None:
    """It would be refused all the same; what is refused is not said before it is revealed."""
    seen = replace(seen, hidden_reasons=("fault-in-the-break: the limit is 0",), reasons=("a freeze",))
    assert not seen.would_run
    assert refusals(seen, True) == ["a freeze", "fault-in-the-break: the limit is 0"]
    page = "\n".join(told(seen, False))
    assert "for 2 reasons" in page and "the limit" not in page and "for 1 reason; --reveal tells them" in page


def test_a_value_for_nothing_is_refused(seen: Preview) -> None:
    """Before anything is asked; a name of the environment, or of an experiment, is for something."""
    check_values(seen.loaded, seen.environment, {"cluster": "x", "automation": "watch"})
    with pytest.raises(UsageError, match="did you mean 'automation'"):
        check_values(seen.loaded, seen.environment, {"automaton": "watch"})


@pytest.mark.parametrize(
    ("alarm", "words"),
    [
        (Alarm("a", True, 2), "tells 2 topics"),
        (Alarm("a", True), "no action, or they are off, so no page can come of it"),
        (Alarm("a", False), "is not there"),
        (Alarm("a", None, why="denied"), "cannot be read (denied)"),
    ],
)
def test_an_alarm_that_cannot_page_is_no_good(alarm: Alarm, words: str, seen: Preview) -> None:
    """Without a topic, missing, or not read: the page is not expected to come."""
    page = "\n".join(told(replace(seen, alarms=(alarm,)), True))
    assert words in page and ("FAILS" in page) is (alarm.tells == 0)


def test_times_add_up(lab: Environment) -> None:
    """By the phases of the environment, at least and at most; a pause is what it is."""
    block = Block(load=LoadPlan("x", warmup_s=5), objectives=Objectives(recover_within_s=40))
    phases, pace = lab.phases, lab.sampling
    least = 5 + phases.baseline_s + phases.fault_s + phases.recovery_s
    most = 5 + phases.baseline_s + phases.fault_s + phases.proof_within_s + 40 + pace.look_back_s + pace.late_s
    assert estimate(block, lab) == (least, most)
    items = [Item("a", experiment="x"), Item("b", pause_s=60), Item("c", experiment="x")]
    first, second, third = spans(items, {"a": block, "c": block}, lab)
    assert first == Span((0, 0), (least, most)) and second == Span((least, most), (60, 60))
    assert third.begins == (least + 60, most + 60)


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        (Freeze("2025-12-03", "2025-12-04", "sale"), "begins inside the freeze 2025-12-03 to 2025-12-04 (sale)"),
        (Freeze("Wed 11:00", "Wed 12:00"), "goes on into the freeze Wed 11:00 to Wed 12:00"),
        (Freeze("Wed 12:00", "Wed 13:00"), ""),
    ],
)
def test_a_freeze_is_in_the_way(freeze: Freeze, words: str) -> None:
    """Of a day that begins in it, or reaches into it; and it is said until when."""
    plan = Plan("x", Roles("a", "b"), [], when=When(lasts_s=7199))
    found = in_the_way(plan, [freeze], BEGINS)
    assert words in found and bool(found) is bool(words)
    assert not found or "which lasts until" in found
