"""How a watcher tells people: a function of a kind, a title and lines. A channel that fails never stops a rollback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gameday.model import Json


class Delivery(Protocol):
    """What became of one message on one channel."""

    @property
    def channel(self) -> str:
        """Its name."""

    @property
    def ok(self) -> bool:
        """Whether the channel took it."""

    @property
    def detail(self) -> str:
        """What it answered."""


Tell = Callable[[str, str, list[str]], Sequence[Delivery]]


def nobody(kind: str, title: str, lines: list[str]) -> Sequence[Delivery]:
    """Tell nobody: no channel is configured, and the record says so."""
    return ()


def told(deliveries: Sequence[Delivery]) -> list[dict[str, Json]]:
    """Return deliveries as `watch.json` has them."""
    return [{"channel": each.channel, "ok": each.ok, "detail": each.detail} for each in deliveries]
