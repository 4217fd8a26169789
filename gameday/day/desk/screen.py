"""The coordinator's desk on a terminal: the day drawn over the whole screen, and keys.

Keys and drawing share the loop of the day, and neither ever waits. However the process ends (an error, SIGTERM, Ctrl-Z
and back), the terminal is given back as it was.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections import deque
from dataclasses import replace
from types import FrameType
from typing import IO, cast

from rich.console import Console
from rich.live import Live as Painter

from gameday.day.commands import Command
from gameday.day.desk.drawing import draw
from gameday.day.desk.keys import Keys
from gameday.day.desk.presses import Presses
from gameday.day.desk.tty import Tty
from gameday.day.desk.view import View
from gameday.day.desk.words import visible

SAID_S = 8.0  # how long a sentence stays
SAID = 200  # sentences that are printed again once the terminal is as it was
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
PASTES, NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"


def usable(source: int = 0, target: int = 1) -> bool:
    """Return whether these are a terminal that can be drawn on; else the day is told in lines."""
    return os.isatty(source) and os.isatty(target) and not Console(force_terminal=True).is_dumb_terminal


class Screen:
    """A `Desk` on the terminal of two descriptors. Raises OSError: they are none."""

    def __init__(self, source: int = 0, target: int = 1) -> None:
        self._tty = Tty(source, target)
        self._console = Console(
            file=cast("IO[str]", self._tty), force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._painter: Painter | None = None
        self._keys, self._presses = Keys(), Presses()
        self._view: View | None = None
        self._drawn_for: tuple[int, int] = (0, 0)
        self._found: list[Command] = []
        self._said: deque[tuple[float, str]] = deque(maxlen=SAID)
        self._closed = False
        self._heard: list[int] = []
        atexit.register(self._leave)
        self._listen()
        self._enter()

    def commands(self) -> list[Command]:
        """Return what was asked by keys since the last time; never waits."""
        self._take(self._tty.read())
        found, self._found = self._found, []
        return found

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a command was asked for; what is typed meanwhile shows at once."""
        until = time.monotonic() + seconds
        while not self._found and (left_s := until - time.monotonic()) > 0:
            self._take(self._tty.read(left_s))

    def show(self, view: View) -> None:
        """Draw *view*, unless the terminal still has to take what was drawn before."""
        self._view = view
        self._enter()
        self._keys.shown(view)
        self._draw(view)

    def say(self, line: str) -> None:
        """Show a sentence for some seconds; it is printed again when the screen is closed."""
        self._said.append((time.monotonic(), visible(line)))
        if self._closed:
            self._print()

    def close(self) -> None:
        """Give the terminal back, and print what was said."""
        if self._closed:
            return
        self._closed = True
        self._leave()
        for number in self._heard:
            if signal.getsignal(number) == self._signalled:
                signal.signal(number, signal.SIG_DFL)
        atexit.unregister(self._leave)
        self._print()

    # -- drawing --------------------------------------------------------------------------------------------

    def _draw(self, view: View) -> None:
        if self._painter is None or self._tty.gone or self._tty.stuck:
            return
        size = self._tty.size
        if size != self._drawn_for:
            self._console.size, self._drawn_for = size, size
            self._tty.write("\x1b[2J")
        desktop = self._keys.desktop
        newest = self._said[-1] if self._said else (0.0, "")
        if not desktop.notice and newest[1] and time.monotonic() - newest[0] < SAID_S:
            desktop = replace(desktop, notice=newest[1])
        self._painter.update(draw(view, desktop, *size), refresh=True)

    def _take(self, data: bytes) -> None:
        """Take what was typed, and draw what it changed."""
        before = self._keys.desktop
        for press in self._presses.feed(data, time.monotonic()):
            self._found += self._keys.press(press)
        if self._view and self._keys.desktop != before:
            self._draw(replace(self._view, now=time.time()))

    def _print(self) -> None:
        """Print what was said on the screen as it is outside."""
        while self._said:  # other threads may say something meanwhile
            self._tty.say(f"{self._said.popleft()[1]}\n")

    # -- taking the terminal and giving it back -------------------------------------------------------------

    def _enter(self) -> None:
        if self._painter is not None or self._closed or not self._tty.enter():
            return
        self._drawn_for = (0, 0)
        self._painter = Painter(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._painter.start()
        self._tty.write(PASTES)

    def _leave(self) -> None:
        painter, self._painter = self._painter, None
        if painter is not None:
            self._tty.write(NO_PASTES)
            painter.stop()
        self._tty.leave()

    def _listen(self) -> None:
        """Hear the signals that end, stop and continue a process, where nobody else has said what they mean."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (*ENDING, signal.SIGTSTP, signal.SIGCONT):
            if signal.getsignal(number) == signal.SIG_DFL:
                self._heard.append(number)
                signal.signal(number, self._signalled)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGCONT:
            self._leave()  # after SIGSTOP, which nobody hears, the shell has put the terminal as it likes it
            self._enter()
            return
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # what it means to a process that shows nothing; SIGTSTP comes back from here
        signal.signal(number, self._signalled)
