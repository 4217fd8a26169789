"""Which image serves: every task's, or it is not the one; and the same from the beginning to the end."""

from __future__ import annotations

import pytest

from gameday.errors import UsageError
from gameday.gate.image import digest_of, moved, other_than

OLD, NEW, SIDE = ("sha256:" + letter * 64 for letter in "abc")


def test_an_image_is_named_by_its_digest() -> None:
    """With its repository or alone; a tag can be moved, and is refused."""
    assert digest_of(NEW) == digest_of(f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@{NEW}") == NEW
    for text in ("app:v1", "v1", "", NEW[:-1], f"{NEW}0"):
        with pytest.raises(UsageError, match="by its digest"):
            digest_of(text)


def test_every_task_must_run_it() -> None:
    """Beside other containers of the task; no task at all runs nothing."""
    assert other_than([frozenset((NEW, SIDE)), frozenset((NEW, SIDE))], NEW) == ""
    assert other_than([frozenset((NEW,)), frozenset((OLD,))], NEW) == f"1 of 2 running tasks do not run {NEW}: {OLD}"
    assert "no task at all" in other_than([], NEW)
    assert other_than([frozenset(("unknown",))], NEW) != ""


def test_what_ran_at_the_beginning_runs_at_the_end() -> None:
    """However many tasks there are; another image, and none, is told."""
    assert moved([frozenset((OLD,))], [frozenset((OLD,)), frozenset((OLD,))]) == ""
    assert moved([frozenset((OLD,)), frozenset((NEW,))], [frozenset((NEW,))]).startswith(NEW)
    assert moved([frozenset((OLD,))], []).startswith("nothing")
