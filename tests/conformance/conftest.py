"""One real lab, through which every operation is played once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from tests.conformance.seen import Seen
from tests.lab.twin import Twin, twin
from tests.shelf import Shelf

PLAYS = sorted(path.stem for path in Path(__file__).parent.glob("play_*.py"))


@contextmanager
def watched_lab() -> Iterator[Seen]:
    """Yield a lab through its watched clients."""
    with twin() as lab:
        yield Seen(lab)


@pytest.fixture(scope="module")
def seen(shelf: Shelf) -> Seen:
    """A lab that is up until another kind is asked for, and what was seen in it."""
    return shelf.take(watched_lab)


@pytest.fixture(scope="module")
def standing(seen: Seen) -> Twin:
    """The lab itself."""
    return seen.lab


@pytest.fixture(scope="module")
def played(seen: Seen) -> Seen:
    """What was seen after every play; each is played once."""
    for name in PLAYS if not seen.answered else ():
        import_module(f"tests.conformance.{name}").play(seen)
    return seen
