"""Freeze windows, at every edge: absolute and weekly, across the end of the week, and such as cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gameday.config import Freeze
from gameday.safety.freeze import covers, problem_of, reasons, until

HOLIDAYS = Freeze("2026-12-24", "2027-01-02", "holidays")
WEEKEND = Freeze("Fri 16:00", "Mon 08:00")
NIGHT = Freeze("Tue 22:00", "Wed 06:00")


def at(text: str) -> float:
    """Return seconds since the epoch of a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "when", "covered"),
    [
        (HOLIDAYS, "2026-12-23T23:59:59", False),
        (HOLIDAYS, "2026-12-24T00:00:00", True),
        (HOLIDAYS, "2027-01-02T23:59:59", True),  # a last day counts whole
        (HOLIDAYS, "2027-01-03T00:00:00", False),
        (Freeze("2026-12-24T18:00:00Z", "2026-12-24T20:00:00Z"), "2026-12-24T18:00:00", True),
        (Freeze("2026-12-24T18:00:00Z", "2026-12-24T20:00:00Z"), "2026-12-24T20:00:00", False),
        (Freeze("2026-12-24T18:00:00+02:00", "2026-12-24T20:00:00Z"), "2026-12-24T16:30:00", True),
        (WEEKEND, "2026-11-27T15:59:59", False),  # a Friday
        (WEEKEND, "2026-11-27T16:00:00", True),
        (WEEKEND, "2026-11-29T23:59:59", True),
        (WEEKEND, "2026-11-30T07:59:59", True),  # the Monday after
        (WEEKEND, "2026-11-30T08:00:00", False),
        (WEEKEND, "2026-12-02T12:00:00", False),
        (NIGHT, "2026-12-01T21:59:00", False),
        (NIGHT, "2026-12-01T22:00:00", True),
        (NIGHT, "2026-12-02T05:59:00", True),
        (NIGHT, "2026-12-02T06:00:00", False),
        (Freeze("Mon 00:00", "Sun 23:59"), "2026-11-30T00:00:00", True),
    ],
)
def test_a_window_covers_from_its_begin_and_before_its_end(window: Freeze, when: str, covered: bool) -> None:
    """The begin is inside, the end is outside, and a week wraps."""
    assert covers(window, at(when)) is covered


@pytest.mark.parametrize(
    ("window", "when", "end"),
    [
        (HOLIDAYS, "2026-12-30T00:00:00", "2027-01-03T00:00:00"),
        (WEEKEND, "2026-11-27T18:00:00", "2026-11-30T08:00:00"),
        (WEEKEND, "2026-11-30T01:00:00", "2026-11-30T08:00:00"),
        (NIGHT, "2026-12-02T01:00:00", "2026-12-02T06:00:00"),
    ],
)
def test_a_window_says_until_when(window: Freeze, when: str, end: str) -> None:
    """Also on the far side of the week's end."""
    assert until(window, at(when)) == at(end)


def test_the_sentence_has_the_reason_and_the_end() -> None:
    """A person knows how long to wait."""
    (sentence,) = reasons([WEEKEND, HOLIDAYS], at("2026-12-30T12:00:00"))
    assert "(holidays)" in sentence and "2027-01-03 00:00 UTC" in sentence and "84.0 h" in sentence
    assert reasons([WEEKEND, HOLIDAYS], at("2026-12-02T12:00:00")) == []


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [
        ("2026-13-01", "2026-12-02", "begins '2026-13-01' is no time"),
        ("2026-12-01", "soon", "ends 'soon' is no time"),
        ("Fri 24:00", "Mon 08:00", "no time"),
        ("Fry 16:00", "Mon 08:00", "no time"),
        ("fri 16:00", "Mon 08:00", "no time"),
        ("Fri 16:00", "2026-12-02", "different kinds"),
        ("Fri 16:00", "Fri 16:00", "before it has begun"),
        ("2026-12-02", "2026-12-01", "before it has begun"),
    ],
)
def test_a_window_that_cannot_be_read_freezes(begins: str, ends: str, words: str) -> None:
    """Its problem is a sentence with a mend, and it never lets a fault through."""
    window = Freeze(begins, ends)
    assert words in problem_of(window) and "write" in problem_of(window)
    assert "cannot be read" in reasons([window], 0)[0]
    with pytest.raises(ValueError, match="write"):
        covers(window, 0)


def test_windows_that_can_be_read_have_no_problem() -> None:
    """The forms of the documentation."""
    assert [problem_of(window) for window in (HOLIDAYS, WEEKEND, NIGHT)] == ["", "", ""]
