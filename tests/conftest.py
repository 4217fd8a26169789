"""What all tests share: one lab at a time in each process, and who runs beside whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.groups import Groups, turn
from tests.shelf import Shelf


@pytest.fixture(scope="session")
def shelf() -> Iterator[Shelf]:
    """The one shared lab of this process."""
    shelf = Shelf()
    try:
        yield shelf
    finally:
        shelf.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long groups first; the order is the same in every process."""
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups | None:
    """Hand out groups instead of files."""
    return Groups(config, log) if config.getoption("dist") == "loadfile" else None
