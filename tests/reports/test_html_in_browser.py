"""The page in a real browser: nothing asked of the network, nothing on the console, nothing wider than a phone.

Speaks the DevTools protocol over a pipe, so that it needs nothing but a chromium; without one it is skipped.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.record import Record
from reports import html

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--remote-debugging-pipe",
]
PATIENCE_S = 60.0
WIDTHS = (320, 390, 768, 1024, 1280)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")


class Browser:
    """One chromium with one page."""

    def __init__(self, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        fds = f"3<&{to_read} 4>&{to_write}"
        command = f'exec "$0" "$@" {fds}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to one command; events that come first are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def show(self, page: Path, width: int, *, dark: bool = False) -> None:
        """Load *page* in a viewport of *width*."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 700
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def ask(self, expression: str) -> Any:
        """Return what a JavaScript expression says."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def saw(self, *methods: str) -> list[dict[str, Any]]:
        """Return the events of these kinds."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def close(self) -> None:
        """End the browser and its children."""
        os.close(self._write)
        os.close(self._read)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._read], [], [], PATIENCE_S)[0], "the browser does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "the browser ended"
            self._rest += chunk
        raw, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        return message


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser for the tests of this file."""
    started = Browser(tmp_path_factory.mktemp("profile"))
    try:
        yield started
    finally:
        started.close()


def write(folder: Path, *records: Record) -> Path:
    """Write the page."""
    page = folder / "report.html"
    page.write_text(html.render(records), encoding="utf-8")
    return page


def test_the_page_is_quiet_and_asks_for_nothing(
    browser: Browser, recorded: Callable[..., Record], tmp_path: Path
) -> None:
    """One request, for the page itself; no message on the console; no script of the recorded data runs."""
    evil = "<script>console.error('ran')</script><img src=http://127.0.0.1:9/x>"
    page = write(tmp_path, recorded(title=evil, why=(evil,)), recorded(run="cut-short", files=("plan", "marks")))
    browser.show(page, 1280)
    assert browser.ask("document.title") == "2 runs"
    assert [sent["request"]["url"] for sent in browser.saw("Network.requestWillBeSent")] == [page.as_uri()]
    assert browser.saw("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(
    browser: Browser, recorded: Callable[..., Record], tmp_path: Path, width: int
) -> None:
    """From a small phone to a desk: no sideways scrolling, one chart shown, no letter below 12 pixels but on 320."""
    long = "a-very-long-name-without-a-space-" * 6
    page = write(tmp_path, recorded(), recorded(run="second", title=long, why=(long,), verdict="broke"))
    browser.show(page, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    shown = browser.ask("[...document.querySelectorAll('svg.chart')].filter(one => one.clientWidth > 0).length")
    assert shown == 2
    smallest = browser.ask(
        "Math.min(...[...document.querySelectorAll('svg.chart')].filter(one => one.clientWidth > 0)"
        ".map(one => 12 * one.clientWidth / one.viewBox.baseVal.width),"
        "...[...document.querySelectorAll('body *')].filter(one => !one.closest('svg'))"
        ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert smallest >= (10 if width == 320 else 12)


def test_labels_of_the_chart_do_not_overlap(browser: Browser, recorded: Callable[..., Record], tmp_path: Path) -> None:
    """Flags, phases, ticks and keys keep apart, on a phone and on a desk, and none leaves the picture."""
    page = write(tmp_path, recorded())
    for width in WIDTHS:
        browser.show(page, width)
        overlaps = browser.ask(
            "(() => { const svg = [...document.querySelectorAll('svg.chart')].find(one => one.clientWidth > 0);"
            "const frame = svg.getBoundingClientRect();"
            "const all = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);"
            "const bad = all.filter(([, a]) => a.left < frame.left - 1 || a.right > frame.right + 1).map(([t]) => t);"
            "all.forEach(([s, a], i) => all.slice(i + 1).forEach(([t, b]) => {"
            "if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)"
            "bad.push(s + ' / ' + t); })); return bad; })()"
        )
        assert overlaps == [], f"at {width} px"


def test_the_pointer_reads_a_second(browser: Browser, recorded: Callable[..., Record], tmp_path: Path) -> None:
    """Under the pointer the read-out names the second, its requests, its latency and the metrics."""
    browser.show(write(tmp_path, recorded()), 1280)
    said = browser.ask(
        "(() => { const svg = document.querySelector('svg.chart.wide'), frame = svg.getBoundingClientRect();"
        "svg.dispatchEvent(new PointerEvent('pointermove', {clientX: frame.left + frame.width / 2, clientY: 300}));"
        "return document.querySelector('.readout').textContent; })()"
    )
    assert all(word in said for word in (" s · ", " good", " failed", "p50 ", "p99 ", "error rate ", "healthy hosts "))
