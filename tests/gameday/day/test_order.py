"""The order of a day's instants where some are known to the second only."""

from __future__ import annotations

from gameday.day.clock.order import causal
from gameday.day.events import Event

PAGED = {"incident": "P1", "alarm": "errors", "within_s": 1.0}
ALARM = {"alarm": "errors"}


def page(at: float, what: str, **more: object) -> Event:
    """Return an event of the incident, in whole seconds."""
    return Event(at, f"page.{what}", data={**PAGED, **more})  # type: ignore[dict-item]


def placed(*events: Event) -> list[tuple[str, float, object]]:
    """Return (kind, at, within) of each, as they are put in order."""
    return [(event.kind, event.at, event.data.get("within_s")) for event in causal(events)]


def test_a_page_does_not_come_before_its_alarm() -> None:
    """Within its second it stands after the alarm and its topic, and so do those that follow it in that second."""
    events = [page(10.0, "triggered"), page(10.0, "notified"), Event(10.5, "alarm.fired", data=ALARM),
              Event(10.6, "alarm.told", data={**ALARM, "opens": True}), page(12.0, "acknowledged")]  # fmt: skip
    assert placed(*events) == [
        ("alarm.fired", 10.5, None), ("alarm.told", 10.6, None), ("page.triggered", 10.6, 0.4),
        ("page.notified", 10.6, 0.4), ("page.acknowledged", 12.0, 1.0),
    ]  # fmt: skip


def test_what_is_no_cause_moves_nothing() -> None:
    """Another alarm, one of another second, and what a person resolved; the end of the alarm moves what it resolved."""
    events = [page(10.0, "triggered"), Event(10.5, "alarm.fired", data={"alarm": "other"}),
              Event(11.5, "alarm.fired", data=ALARM), page(20.0, "resolved"),
              Event(20.5, "alarm.over", data=ALARM)]  # fmt: skip
    assert [at for kind, at, _ in placed(*events) if kind.startswith("page.")] == [10.0, 20.0]
    told = Event(20.6, "alarm.told", data={**ALARM, "opens": False})
    assert placed(page(20.0, "resolved", automatic=True), told)[0][0] == "alarm.told"
    by_machine = [page(20.0, "resolved", automatic=True), Event(20.5, "alarm.over", data=ALARM)]
    assert placed(*by_machine) == [("alarm.over", 20.5, None), ("page.resolved", 20.5, 0.5)]
