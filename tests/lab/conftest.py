"""One real lab for all tests of the control plane; each test gets it well, and leaves it to itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.bench import wait_until
from tests.lab.fis_lease import Lease
from tests.lab.twin import Twin, twin
from tests.shelf import Shelf


@pytest.fixture(scope="module")
def running_lab(shelf: Shelf) -> Twin:
    """A lab that is up until another kind is asked for."""
    return shelf.take(twin)


@pytest.fixture
def lab(running_lab: Twin) -> Twin:
    """The lab, after it has recovered from the test before."""
    wait_until(running_lab.is_well, 30, "the lab is well")
    return running_lab


@pytest.fixture
def fis(lab: Twin) -> Iterator[Lease]:
    """FIS on the lab; no experiment outlives the test."""
    lease = Lease(lab)
    try:
        yield lease
    finally:
        lease.close()
