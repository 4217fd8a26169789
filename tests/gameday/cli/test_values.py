"""Values of `--set`: read as YAML, and a mistake is told."""

from __future__ import annotations

import pytest

from gameday.cli._shared import pair
from gameday.errors import UsageError


def test_a_value_is_read_as_yaml() -> None:
    """A day stays text: it goes into JSON."""
    assert [pair(text) for text in ("a=3", "b=x", "c=2027-01-31", "d=")] == [
        ("a", 3), ("b", "x"), ("c", "2027-01-31"), ("d", None),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["a", "=3", "a={", "a=[1", 'a="x'])
def test_what_is_no_pair_is_told(text: str) -> None:
    """In a sentence that repeats it."""
    with pytest.raises(UsageError, match="--set"):
        pair(text)
