"""A plain load: so many requests a second to one address, for so many seconds.

python -m benchmarks._bench_load URL RATE SECONDS
"""

from __future__ import annotations

import sys
import threading
import time
import urllib.request
from contextlib import suppress

THREADS = 12


def main() -> None:
    """Send until the time is over."""
    url, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_send, args=(url, THREADS / rate, until)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
        time.sleep(1 / rate)
    for thread in threads:
        thread.join()


def _send(url: str, every_s: float, until: float) -> None:
    due = time.monotonic()
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            answer.read()
        due += every_s


if __name__ == "__main__":
    main()
