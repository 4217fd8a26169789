"""One message to all channels at once, within a few seconds, whatever becomes of each.

Each channel has a thread of its own and a module of its own (`gameday.notify.KIND`). What may pass is tried again until
the time is up: as soon as the service allows, at most three times where it says nothing. A thread that hangs is left
behind: it ends with the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

from gameday.aws import Aws
from gameday.config import Channel
from gameday.model import iso
from gameday.notify.channels import Channels
from gameday.notify.message import Delivery, Message
from gameday.notify.order import Failed, Order, Passed, Sent, TryAgain
from gameday.notify.references import Vault
from gameday.notify.rules import SECRET
from gameday.redact import Redactor

WITHIN_S = 8.0
MOST_TRIES = 3
FIRST_PAUSE_S = 0.3
INSTALL = "pip install 'foodconnect-gameday[notify]'"
NOTHING: Mapping[str, str] = MappingProxyType({})
Act = Callable[[Order], Sent]


class _Kind(Protocol):
    """What a channel's module has."""

    def deliver(self, order: Order) -> Sent:
        """Say it. Raises NotSent."""

    def look(self, order: Order) -> Sent:
        """See, without telling anybody anything, whether it could be said. Raises NotSent."""


def send(
    channels: Channels,
    message: Message,
    refs: Mapping[str, str] = NOTHING,
    *,
    within_s: float = WITHIN_S,
    redactor: Redactor | None = None,
) -> list[Delivery]:
    """Say *message* in every channel that it is meant for; *refs* are those of earlier deliveries by channel.

    Never raises for a channel, and returns after *within_s* seconds at the latest. *redactor* knows the run's secrets.
    """
    return _everywhere(channels, message, refs, within_s, redactor or Redactor(), lambda kind: kind.deliver)


def check(channels: Channels, *, within_s: float = WITHIN_S) -> list[Delivery]:
    """Return whether each channel would work, as far as can be seen without telling anybody anything."""
    nothing = Message("check", "", (), "", "", "")
    return _everywhere(channels, nothing, NOTHING, within_s, Redactor(), lambda kind: kind.look)


def _everywhere(
    channels: Channels,
    message: Message,
    refs: Mapping[str, str],
    within_s: float,
    redactor: Redactor,
    act_of: Callable[[_Kind], Act],
) -> list[Delivery]:
    deadline = time.monotonic() + within_s
    vault = Vault(redactor)
    vault.learn(getattr(one, key) for one in channels.named.values() for key in (*SECRET, "url"))
    said = message.clean(redactor)
    found: dict[str, Delivery | None] = {}

    def work(name: str, channel: Channel) -> None:
        order = Order(
            channel, said, channels.environment, Aws(channels.environment), vault, within_s, refs.get(name, "")
        )
        ok, detail, ref = _try(order, deadline, act_of)
        found[name] = None if ok is None else Delivery(name, ok, redactor.text(detail), iso(time.time()), ref)

    threads = [threading.Thread(target=work, args=one, daemon=True) for one in channels.named.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"not done within {within_s:g} s; it may have arrived"
    all_ = [found.get(name, Delivery(name, False, late, iso(time.time()))) for name in channels.named]
    return [one for one in all_ if one is not None]


def _try(order: Order, deadline: float, act_of: Callable[[_Kind], Act]) -> tuple[bool | None, str, str]:
    """Return (came through, how or why not, ref); None for a channel that the message is not meant for."""
    tries = 0
    while True:
        tries += 1
        left = deadline - time.monotonic()
        try:
            act = act_of(cast("_Kind", import_module(f"gameday.notify.{order.channel.kind}")))
            sent = act(_within(order, left))
            return True, sent.detail, sent.ref
        except Passed:
            return None, "", ""
        except TryAgain as error:
            pause = error.after_s if error.after_s is not None else FIRST_PAUSE_S * 2 ** (tries - 1)
            if time.monotonic() + pause >= deadline or (error.after_s is None and tries == MOST_TRIES):
                return False, f"{error} ({tries} {'try' if tries == 1 else 'tries'})", ""
            time.sleep(pause)
        except Failed as error:
            return False, str(error), ""
        except ModuleNotFoundError as error:
            return False, f"{error.name} is not installed; {INSTALL}", ""
        except Exception as error:  # noqa: BLE001  a channel that fails, however it does, never fails the run
            return False, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", ""


def _within(order: Order, left_s: float) -> Order:
    return replace(order, timeout_s=max(0.1, left_s - 0.2))  # its own answer comes before the end of everybody's time
