"""The way of the write-ahead log to an asynchronous standby: a link that delivers late.

A commit is acknowledged when the primary has it; the standby gets it `LAG_MS` later. When the primary's machine dies,
what it has not sent yet dies with it: that is what the link still holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from lab.faults import Fault
from lab.links import STARTED_S, Links
from lab.settings import LabError

NAME = "wal"
LAG_MS = 800.0


@dataclass(slots=True)
class WalLink:
    """Listens on `port`; the standby connects there. Raises LabError when the link process is gone."""

    links: Links
    port: int

    def lead_to(self, primary_port: int) -> None:
        """Lead to this server from now on, without delay: a handshake through one would take seconds."""
        target = ("127.0.0.1", primary_port)
        if NAME in self._open_links():
            self.links.clear(NAME)
            self.links.retarget(NAME, target)
        else:
            self.links.open(NAME, ("127.0.0.1", self.port), target)

    def _open_links(self) -> Iterable[str]:
        """Return the links that are open; the link process may be starting still, beside the pair."""
        deadline = time.monotonic() + STARTED_S
        while True:
            try:
                return self.links.describe()
            except LabError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def lag(self) -> None:
        """Deliver late from now on."""
        self.links.set(NAME, Fault(latency_ms=LAG_MS))

    def cut(self) -> None:
        """Lose what is on the way, and let nothing pass until it leads somewhere again."""
        with suppress(LabError):  # without a link process nothing is on the way
            self.links.set(NAME, Fault(refuse=True, latency_ms=LAG_MS))  # late as well: it may read on until the reset
            self.links.reset(NAME)
