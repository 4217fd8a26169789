"""What a day's folder tells where nobody said it."""

from __future__ import annotations

from gameday.day.events import Event
from gameday.day.report.told import reasons
from gameday.day.state import fold


def test_experiments_that_injects_put_in_are_counted() -> None:
    """Once each, and beside those of the agenda; a pause has no verdict."""
    said: list[tuple[str, str, dict[str, str]]] = [
        ("run.ended", "stop", {"verdict": "held", "inject": ""}),
        ("item.ended", "stop", {"verdict": "held"}),
        ("run.ended", "calm", {"verdict": "broke", "inject": "more"}),
        ("item.ended", "calm", {}),
    ]
    events = [Event(float(at), kind, item=item, data=dict(data)) for at, (kind, item, data) in enumerate(said)]
    assert reasons(fold(events), events) == ["1 of 2 experiments held"]
    assert reasons(fold([]), []) == ["no experiment was played"]
