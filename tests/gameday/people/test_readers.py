"""A service that is away or silent costs the day a bounded time and one line; real sockets, nobody behind them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from gameday.aws import Aws
from gameday.config import Environment, People, StatusPage
from gameday.people import readers
from gameday.people.readers import Readers


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """A socket of this machine at which nobody listens yet."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        yield made


@pytest.fixture
def environment(door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A lab whose status page is there."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PAGE_KEY", "k")
    page = StatusPage("env:PAGE_KEY", "p", f"http://127.0.0.1:{door.getsockname()[1]}")
    return Environment("lab", "eu-west-1", people=People(statuspage=page), name="lab")


def test_a_service_that_is_away_is_said_once(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not again by a day that is resumed, and nothing else is told of it."""
    monkeypatch.setattr(readers, "PAUSE_S", 0.01)
    first = Readers(environment, Aws(environment), 0.0, set())
    (unread,) = first.new()
    assert (unread.kind, unread.data) == ("people.unread", {"service": "Statuspage"})
    assert "the connection was refused" in unread.text
    assert first.new() == []
    assert Readers(environment, Aws(environment), 0.0, {unread.key}).new() == []


def test_a_service_that_never_answers_is_left_behind(
    environment: Environment, door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day goes on when the time is up, and does not ask again while the last question is open."""
    monkeypatch.setattr(readers, "WITHIN_S", 0.4)
    door.listen()
    asked, began = Readers(environment, Aws(environment), 0.0, set()), time.monotonic()
    (unread,) = asked.new()
    assert unread.kind == "people.unread" and time.monotonic() - began < 5
    assert "within 0.4 s" in unread.text
    assert asked.new() == []


@pytest.mark.parametrize(
    ("endpoint", "key", "why"),
    [("https://api.statuspage.io/v1", "k", "nothing leaves a lab"), ("http://127.0.0.1:9", "", "PAGE_KEY is not set")],
)
def test_nothing_leaves_a_lab_and_a_key_is_needed(
    endpoint: str, key: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said as any other reason, without a request."""
    monkeypatch.setenv("PAGE_KEY", key)
    page = StatusPage("env:PAGE_KEY", "p", endpoint)
    lab = Environment("lab", "eu-west-1", people=People(statuspage=page), name="lab")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (unread,) = Readers(lab, Aws(lab), 0.0, set()).new()
    assert unread.kind == "people.unread" and why in unread.text
