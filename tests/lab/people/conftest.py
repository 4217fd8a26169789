"""The stand-ins as their own process, for all tests of this folder; each test leaves its incidents resolved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.people.child import start
from lab.settings import Settings
from tests.lab.bench import own_children
from tests.lab.people.caller import People
from tests.lab.twin import SHORT
from tests.ports import free_port_base


@pytest.fixture(scope="session")
def running_people() -> Iterator[People]:
    """The process, as long as the session."""
    with own_children() as (folder, children):
        settings = Settings(home=folder, port_base=free_port_base(), simulated=SHORT)
        start(settings, children)
        yield People(settings)


@pytest.fixture
def people(running_people: People) -> People:
    """The process; nobody responds unless the test wants it."""
    running_people.script(responds=False, bridges=False, refuse={}, acknowledge_s=0.2, chat_s=0.1, status_page_s=0.1)
    return running_people
