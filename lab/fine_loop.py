"""asyncio's event loop with timers that are exact to a tenth of a millisecond, which a link's delays need.

epoll waits in whole milliseconds, so asyncio's timers come up to 1 ms late on Linux (and uvloop's, which count in whole
milliseconds too, up to half a one early). `select` takes microseconds, and an epoll is itself a file that `select` can
wait for: the whole milliseconds are left to epoll, the rest of the last one to `select`. kqueue is exact by itself.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
import sys
import time
from collections.abc import Coroutine
from typing import Any

Events = list[tuple[selectors.SelectorKey, int]]

if sys.platform == "linux":

    class FineSelector(selectors.EpollSelector):
        """epoll that also waits for parts of a millisecond."""

        def select(self, timeout: float | None = None) -> Events:
            """Wait until a file is ready or `timeout` seconds are over, not a millisecond more."""
            if timeout is None or timeout <= 0:
                return super().select(timeout)
            until = time.monotonic() + timeout
            whole_s = (math.floor(timeout * 1e3) - 1) / 1e3  # epoll rounds up: one less never ends too late
            if whole_s > 0 and (ready := super().select(whole_s)):
                return ready
            rest_s = until - time.monotonic()
            if rest_s > 0:
                select.select([self.fileno()], [], [], rest_s)
            return super().select(0)

else:
    FineSelector = selectors.DefaultSelector


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on such a loop."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(FineSelector())) as runner:
        runner.run(main)
