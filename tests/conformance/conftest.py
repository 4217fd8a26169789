"""One real lab, through which every operation is played once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.conformance.seen import Seen
from tests.lab.twin import Twin, twin

PLAYS = sorted(path.stem for path in Path(__file__).parent.glob("play_*.py"))


@pytest.fixture(scope="session")
def standing() -> Iterator[Twin]:
    """A lab that is up as long as the session."""
    with twin() as lab:
        yield lab


@pytest.fixture(scope="session")
def played(standing: Twin) -> Seen:
    """What was seen after every play."""
    seen = Seen(standing)
    for name in PLAYS:
        import_module(f"tests.conformance.{name}").play(seen)
    return seen
