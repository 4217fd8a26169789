"""What counts as touched: everything that is not shown to be the same, and nothing that moves by itself."""

from __future__ import annotations

from typing import Any

from gameday.gate.suite import AREAS
from gameday.gate.touched import changed

WAS: dict[str, Any] = {area: {"a": 1, "b": "x"} for area in AREAS}


def test_what_is_the_same_is_not_touched() -> None:
    """Area by area."""
    assert changed(WAS, WAS) == {}


def test_a_change_is_named_with_its_values() -> None:
    """A new key, a lost one and another value; of many the first few."""
    now = {**WAS, "database": {"a": 2, "c": None}, "alarms": {"a": 1, "b": "x"} | {f"n{n}": n for n in range(9)}}
    found = changed(now, WAS)
    assert found["database"] == "database: a (1 to 2), b (x to nothing)" and set(found) == {"database", "alarms"}
    assert found["alarms"].endswith(", and 6 more")


def test_what_is_unknown_is_touched() -> None:
    """Nothing recorded, an area that could not be read then, or now."""
    assert set(changed(WAS, None)) == set(AREAS)
    assert "could not be read now" in changed({**WAS, "database": None}, WAS)["database"]
    assert "could not be read then" in changed(WAS, {**WAS, "alarms": None})["alarms"]
    assert "could not be read then" in changed(WAS, {"database": {}})["alarms"]
