"""A terminal, taken and given back exactly as it was: keys come at once, and nothing that it does can hold us up.

A terminal that has stopped (its line is slow, its window is frozen) takes no more text: what does not fit is kept,
never waited for, because the loop that shows the day is the one that watches over it. The output is opened once more,
so that its not waiting is ours alone and not the shell's.
"""

from __future__ import annotations

import os
import select
import termios
import time
from contextlib import suppress
from typing import Any

PATIENCE_S = 0.5  # for the last words to a terminal, which give it back
SIZE = (80, 24)  # of a terminal that does not say


class Tty:
    """The terminal of two descriptors; *entered* while it is ours."""

    encoding = "utf-8"  # rich asks it, as of a file

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.given = target
        self.target = _again(target)
        self.entered = False
        self.gone = False  # hung up: there is nobody any more
        self._before: list[Any] = []
        self._left = b""  # what the terminal has not taken yet

    def enter(self) -> bool:
        """Take the terminal, unless another job has it; return whether it is ours."""
        if self.entered or self.gone or not self._ours():
            return self.entered
        try:
            self._before = termios.tcgetattr(self.source)
            mode = termios.tcgetattr(self.source)
            mode[0] &= ~termios.IXON  # Ctrl-S must not stop the screen
            mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)  # ISIG stays: Ctrl-C and Ctrl-Z are signals
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 0, 0
            termios.tcsetattr(self.source, termios.TCSANOW, mode)
        except termios.error:
            self.gone = True
            return False
        self.entered = True
        return True

    def leave(self) -> None:
        """Give the terminal back; what was typed ahead is not the shell's to run."""
        if not self.entered:
            return
        self.entered = False
        self._last_words()
        if not self._ours():  # stopped, and going on behind another job: touching it would stop us again
            return
        with suppress(termios.error):
            termios.tcsetattr(self.source, termios.TCSANOW, self._before)
            termios.tcflush(self.source, termios.TCIFLUSH)

    def say(self, text: str) -> None:
        """Write *text*, whole if the terminal takes it soon."""
        self.write(text)
        self._last_words()

    def read(self, within_s: float = 0.0) -> bytes:
        """Return what was typed; waits for the first of it at most so long."""
        if not self.entered or self.gone:
            time.sleep(within_s)
            return b""
        try:
            if not select.select([self.source], [], [], within_s)[0]:
                return b""
            if data := os.read(self.source, 4096):
                return data
        except OSError:
            self.gone = True
            return b""
        line = select.poll()
        line.register(self.source, 0)
        self.gone = bool(line.poll(0))  # hung up; else what was there to read has been thrown away since
        return b""

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        with suppress(OSError):
            columns, rows = os.get_terminal_size(self.given)
            return (columns, rows) if columns and rows else SIZE
        return SIZE

    # -- as a file for rich ---------------------------------------------------------------------------------

    def write(self, text: str) -> int:
        """Send *text*, or keep what is not taken now."""
        self._left += text.encode("utf-8", "replace")
        self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is kept, as far as the terminal takes it."""
        try:
            while self._left and not self.gone and select.select([], [self.target], [], 0)[1]:
                self._left = self._left[os.write(self.target, self._left[:4096]) :]
        except BlockingIOError:
            return
        except OSError:
            self.gone, self._left = True, b""

    @property
    def stuck(self) -> bool:
        """Whether the terminal has not taken all of it."""
        self.flush()
        return bool(self._left)

    def isatty(self) -> bool:
        """Whether it is a terminal: yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.target

    def _last_words(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while self.stuck and not self.gone and time.monotonic() < until:
            time.sleep(0.01)
        self._left = b""

    def _ours(self) -> bool:
        """Whether we are the terminal's foreground: a job in the background that touched it would be stopped."""
        try:
            return os.tcgetpgrp(self.source) == os.getpgrp()
        except OSError:
            return True  # it is nobody's terminal in this session


def _again(descriptor: int) -> int:
    """Open a terminal once more, without waiting; the same descriptor where that cannot be."""
    try:
        opened = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return descriptor
    if os.fstat(opened).st_rdev == os.fstat(descriptor).st_rdev:
        return opened
    os.close(opened)
    return descriptor
