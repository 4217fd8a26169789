"""Chaos Toolkit's "succeeded" is not enough for a rollback."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.safety.outcome import why_not


@pytest.mark.parametrize(
    ("kind", "status", "output", "said"),
    [
        ("python", "succeeded", None, ""),
        ("python", "failed", None, "it failed"),
        ("process", "succeeded", {"status": 0}, ""),
        ("process", "succeeded", {"status": 3}, "its command ended with 3"),
        ("http", "succeeded", {"status": 204}, ""),
        ("http", "succeeded", {"status": 500}, "its address answered 500"),
        ("http", "succeeded", None, "its address answered None"),
    ],
)
def test_what_counts_as_played(kind: str, status: str, output: Any, said: str) -> None:
    """A command must exit with 0, and an address answer below 400."""
    run = {"status": status, "output": output, "activity": {"provider": {"type": kind}}}
    assert why_not(run) == said
