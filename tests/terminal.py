"""A terminal that a test, or a script, can look at and type into: a command in a pseudo-terminal under pyte.

    with Terminal(["gameday", "play", "plans/first-game-day.yaml"], (120, 40)) as terminal:
        terminal.wait_for("go or no-go", 60)
        terminal.press("g")
        terminal.picture(Path("day.html"))

The command is the leader of a session of its own with this as its controlling terminal, as under a real one.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

TAKES_IT = "import fcntl,os,sys,termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
COLOURS = {"default": "#d6d9de", "black": "#15181e", "red": "#ff6b68", "green": "#5fd38d", "brown": "#ffd166",
           "blue": "#6ea8fe", "magenta": "#d9a0ff", "cyan": "#56d4dd", "white": "#f4f6f8",
           "brightblack": "#838b98"}  # fmt: skip
PAPER = "#15181e"


class Emulated(pyte.Screen):
    """pyte's screen with an alternate one beside it, and faint letters as grey ones."""

    other: Any = None

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """Keep the screen when the alternate one is asked for."""
        if kwargs.get("private") and 1049 in modes and self.other is None:
            self.other = (deepcopy(self.buffer), deepcopy(self.cursor))
            self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """Bring the kept screen back."""
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and 1049 in modes and self.other is not None:
            (self.buffer, self.cursor), self.other = self.other, None
            self.dirty.update(range(self.lines))

    def select_graphic_rendition(self, *attrs: int, **kwargs: Any) -> None:
        """Show faint as grey; pyte knows no faint."""
        plain = 38 not in attrs and 48 not in attrs
        super().select_graphic_rendition(*(90 if plain and one == 2 else one for one in attrs), **kwargs)


class Terminal:
    """One command in one terminal of *size* (columns, rows)."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int] = (80, 24), *, env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:  # fmt: skip
        self.screen = Emulated(*size)
        self.raw = b""  # everything that came
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self.master, self.slave = os.openpty()  # the slave stays open here, so that its state can be asked later
        self._resize(size)
        self.before = self.attributes()
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKES_IT, *command], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, cwd=cwd, env={**kept, "TERM": "xterm-256color", **(env or {})},
        )  # fmt: skip
        self._over, self._paused = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._pump, daemon=True, name="terminal")
        self._thread.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def press(self, keys: str | bytes) -> None:
        """Type *keys*; Enter is `\\r`, Esc `\\x1b`."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def rows(self) -> list[str]:
        """Return the rows of the screen, without what is blank behind them."""
        with self._lock:
            return [row.rstrip() for row in self.screen.display]

    def text(self) -> str:
        """Return the screen as text."""
        return "\n".join(self.rows())

    def wait_for(self, text: str, within_s: float = 20.0) -> str:
        """Wait until the screen shows *text*, and return the screen. Raises AssertionError with what it shows."""
        until = time.monotonic() + within_s
        while text not in (shown := self.text()):
            if time.monotonic() > until:
                raise AssertionError(f"{text!r} was not shown within {within_s:g} s; the screen shows:\n{shown}")
            time.sleep(0.02)
        return shown

    def wait(self, within_s: float = 20.0) -> int:
        """Wait for the command's end, and for the last that it wrote; return its exit code."""
        code = self.process.wait(within_s)
        time.sleep(0.1)
        return code

    def resize(self, size: tuple[int, int]) -> None:
        """Make the terminal another size, as somebody who draws its window larger."""
        with self._lock:
            self.screen.resize(size[1], size[0])
        self._resize(size)

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Read nothing that comes, as a terminal whose line has stopped."""
        self._paused.set()
        try:
            yield
        finally:
            self._paused.clear()

    def attributes(self) -> list[Any]:
        """Return how the terminal is set, as `tcgetattr` has it."""
        return termios.tcgetattr(self.slave)

    def close(self) -> None:
        """End the command, if it goes on, and the terminal."""
        with suppress(ProcessLookupError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._over.set()
        self._thread.join(10)
        os.close(self.master)
        os.close(self.slave)

    def picture(self, path: Path) -> None:
        """Write the screen as a page for a browser, one cell as wide as another."""
        with self._lock:
            lines = ["".join(_cell(self.screen.buffer[y][x]) for x in range(self.screen.columns))
                     for y in range(self.screen.lines)]  # fmt: skip
        style = f"margin:0;padding:12px;background:{PAPER};font:16px/20px 'DejaVu Sans Mono',monospace"
        body = "".join(f"<div style='white-space:pre;height:20px'>{line}</div>" for line in lines)
        path.write_text(f"<!doctype html><meta charset='utf-8'><body style=\"{style}\">{body}</body>", encoding="utf-8")

    def _resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def _pump(self) -> None:
        while not self._over.is_set():
            if self._paused.is_set():
                time.sleep(0.02)
            elif select.select([self.master], [], [], 0.1)[0]:
                with suppress(OSError):
                    data = os.read(self.master, 65536)
                    with self._lock:
                        self.raw += data
                        self._stream.feed(data)


def _cell(cell: Any) -> str:
    ink, paper = COLOURS.get(cell.fg, f"#{cell.fg}"), PAPER if cell.bg == "default" else COLOURS.get(cell.bg, "#444")
    if cell.reverse:
        ink, paper = paper, ink
    weight = ";font-weight:bold" if cell.bold else ""
    return f"<span style='color:{ink};background:{paper}{weight}'>{escape(cell.data)}</span>"
