"""How a watcher tells people: a function of a kind, a title and lines. A channel that fails never stops a rollback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

    @property
    def ref(self) -> str:
        """What a later message of the same thread names; "" where a channel has no threads."""


Tell = Callable[[str, str, list[str]], Sequence[Delivery]]


def nobody(kind: str, title: str, lines: list[str]) -> Sequence[Delivery]:
    """Tell nobody: no channel is configured, and the record says so."""
    return ()


def told(deliveries: Sequence[Delivery]) -> list[dict[str, Json]]:
    """Return deliveries as `watch.json` has them."""
    return [{"channel": each.channel, "ok": each.ok, "detail": each.detail, "ref": each.ref} for each in deliveries]


def threads(notified: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    """Return the thread of each channel from `watch.json`, so that a resumed watch goes on in it."""
    found: dict[str, str] = {}
    for each in notified:
        if each.get("ok") and each.get("ref"):
            found.setdefault(str(each["channel"]), str(each["ref"]))
    return found
