"""The coordinator's desk in a real pseudo-terminal: what it shows, what keys do, and how the terminal is given back."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.day.desk.screen import usable
from tests.terminal import Terminal

ROOT = Path(__file__).parents[3]
LONG_S = 30.0  # the machine may be busy
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


def scene(name: str, size: tuple[int, int] = (80, 24), **env: str) -> Terminal:
    """Show a scene in a terminal of its own."""
    return Terminal([sys.executable, "-m", "tests.gameday.day.scenes", name], size, cwd=ROOT, env=env)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A day that asks something, on a terminal of 80 by 24."""
    with scene("asking") as found:
        found.wait_for("anybody has looked into why?", LONG_S)
        yield found


def given_back(terminal: Terminal) -> bool:
    """Return whether the terminal is as it was, with its own screen and its cursor, and takes pastes as text."""
    ends = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l")
    begins = (b"\x1b[?1049h", b"\x1b[?25l", b"\x1b[?2004h")
    whole = all(terminal.raw.rfind(end) > terminal.raw.rfind(begin) > -1
                for begin, end in zip(begins, ends, strict=True))  # fmt: skip
    return whole and terminal.attributes() == terminal.before


def test_a_coordinator_presses_keys(terminal: Terminal) -> None:
    """A question is answered, a note typed, another size taken, an abort asked about and meant; all is given back."""
    assert "a abort" in terminal.text()
    assert terminal.attributes() != terminal.before
    terminal.press("y")
    terminal.wait_for("heard answer yes.")
    terminal.press("\x1b[A\x1b[200~ay\x1b[201~")
    terminal.wait_for("pasted text is no key")
    terminal.press("/d: the pool is full")
    terminal.wait_for("note (d: m: c: x:) d: the pool is full")
    terminal.press("\r")
    terminal.wait_for("heard note d: the pool is full.")
    terminal.resize((120, 40))
    terminal.wait_for("Theo Scribe")
    assert len(terminal.rows()) == 40
    assert terminal.rows()[-1].startswith("y yes")
    terminal.press("a")
    terminal.wait_for("abort the day? what runs is ended and put back")
    assert terminal.process.poll() is None
    terminal.press("y")
    assert terminal.wait(LONG_S) == 0
    assert given_back(terminal)
    assert terminal.text().splitlines()[0] == "heard answer yes."
    assert "heard abort." in terminal.text()
    assert b"\x1b[2J" in terminal.raw


def test_an_error_and_a_signal_give_the_terminal_back() -> None:
    """A bug and SIGTERM end the process as they always do, and leave a terminal that can be worked in."""
    with scene("going-on") as terminal:
        terminal.wait_for("QueueDepth", LONG_S)
        terminal.press("ncrash\r")
        assert terminal.wait(LONG_S) == 1
        assert given_back(terminal)
        assert "RuntimeError: a bug of ours" in terminal.text()
    with scene("going-on", NO_COLOR="1") as terminal:
        terminal.wait_for("QueueDepth", LONG_S)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait(LONG_S) == -signal.SIGTERM
        assert given_back(terminal)
        assert not COLOUR.search(terminal.raw)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_takes_it_again() -> None:
    """Stopped from the keyboard, the shell has its own terminal; brought back, the day is on the screen again."""
    with Terminal(["bash", "--norc", "--noprofile", "-i"], (100, 30), cwd=ROOT, env={"PS1": "shell> "}) as terminal:
        terminal.wait_for("shell>", LONG_S)
        terminal.press(f"{sys.executable} -m tests.gameday.day.scenes going-on\r")
        terminal.wait_for("QueueDepth", LONG_S)
        assert COLOUR.search(terminal.raw)
        terminal.press("\x1a")
        terminal.wait_for("Stopped", LONG_S)
        assert "QueueDepth" not in terminal.text()
        terminal.press("echo it is $((40 + 2))\r")
        terminal.wait_for("it is 42", LONG_S)
        terminal.press("bg\r")
        terminal.press("echo behind $((40 + 3))\r")
        terminal.wait_for("behind 43", LONG_S)
        assert "QueueDepth" not in terminal.text()
        terminal.press("fg\r")
        terminal.wait_for("QueueDepth", LONG_S)
        terminal.press("a")
        terminal.wait_for("abort the day?", LONG_S)
        terminal.press("y")
        terminal.wait_for("heard abort.\nshell>", LONG_S)
        terminal.press("exit\r")
        assert terminal.wait(LONG_S) == 0


def test_a_terminal_that_takes_no_more_holds_nobody_up() -> None:
    """While nobody reads the terminal the loop goes on: keys are still heard, and what is new is drawn later."""
    with scene("going-on") as terminal:
        terminal.wait_for("QueueDepth", LONG_S)
        with terminal.unread():
            terminal.press("p" * 40)  # each draws the whole screen
            time.sleep(1)
            terminal.press("ay")
            assert terminal.process.wait(LONG_S) == 0


def test_a_pipe_is_no_desk() -> None:
    """Without a terminal, or with one that cannot be drawn on, the day is told in lines instead."""
    with Path("/dev/null").open() as null:
        assert not usable(null.fileno(), null.fileno())
    program = "from gameday.day.desk.screen import usable; print('usable', usable())"
    for kind, said in (("xterm", "usable True"), ("dumb", "usable False")):
        with Terminal([sys.executable, "-c", program], cwd=ROOT, env={"TERM": kind}) as terminal:
            terminal.wait_for(said, LONG_S)
