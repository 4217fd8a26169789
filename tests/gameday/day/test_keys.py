"""What reaches the program when a key is pressed, and what that means to the day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.day.commands import Command
from gameday.day.desk.keys import Keys, note_parts
from gameday.day.desk.presses import BACKSPACE, CLEAR, ENTER, ESCAPE, Press, Presses
from gameday.day.desk.view import View
from tests.gameday.day.scenes import asking, going_on

ENTERED, ESCAPED = "\r", "\x1b"


def pressed(view: View, keys: str, hands: Keys | None = None) -> list[Command]:
    """Return the commands of keys that are pressed one after another, the screen showing *view* before each."""
    hands, found = hands or Keys(), []
    for key in keys:
        hands.shown(view)
        found += hands.press(Press({"\r": ENTER, "\x1b": ESCAPE, "\x7f": BACKSPACE, "\x15": CLEAR}.get(key, key)))
    return found


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"gh", ["g", "h"]),
        (b"\r\n", [ENTER, ENTER]),
        (b"\x7f\x08\x15", [BACKSPACE, BACKSPACE, CLEAR]),
        ("ü漢".encode(), ["ü", "漢"]),
        (b"\x1b[A\x1b[1;5C\x1bOP\x1b[15~a", ["a"]),  # arrows, Ctrl-arrow, F1, F5
        (b"\x1b[Ma !y\x1b[<0;3;4Mg", ["y", "g"]),  # a mouse, the old way and the new
        (b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\\x1b]11;a\x07g", ["g"]),  # a terminal's answers about its colours
        (b"\x1bP1$r0m\x1b\\\x1b_a\x1b\\h", ["h"]),
        (b"\x1ba\x1by", []),  # with Alt
        (b"\xc2\x9b3~a", ["a"]),  # a sequence that begins with one character
        (b"\x00\x01\x02\xff", ["\ufffd"]),
    ],
)
def test_only_keys_are_keys(data: bytes, keys: list[str]) -> None:
    """Letters and the keys that edit a line are pressed; what a terminal sends for anything else is not."""
    assert [press.key for press in Presses().feed(data, 0.0)] == keys
    slow, found = Presses(), []
    for one in data:  # the same in pieces, as over a slow line
        found += [press.key for press in slow.feed(bytes([one]), 0.0)]
    assert found == keys


def test_esc_alone_is_a_key_after_a_moment() -> None:
    """Esc counts once nothing has followed it; until then it may begin a sequence."""
    presses = Presses()
    assert presses.feed(b"\x1b", 0.0) == []
    assert presses.feed(b"", 0.1) == []
    assert presses.feed(b"", 0.5) == [Press(ESCAPE)]


@pytest.mark.parametrize("begun", [b"\x1b[12", b"\x1b]0;never ends", b"\x1b[200~pasted, and cut off", b"\x1bO"])
def test_what_never_ends_is_given_up(begun: bytes) -> None:
    """A sequence or a paste without an end does not swallow the abort that comes later."""
    presses = Presses()
    assert presses.feed(begun, 0.0) == []
    assert presses.feed(b"", 5.0) == []
    assert presses.feed(b"a", 6.0) == [Press("a")]


def test_a_paste_is_one_piece() -> None:
    """Pasted text arrives whole and as itself, also when it holds keys, Enter and sequences, and comes in pieces."""
    presses, found = Presses(), []
    for part in (b"g\x1b[20", b"0~ay\rabc", b"\x1b[A\x1b[201", b"~h"):
        found += presses.feed(part, 0.0)
    assert found == [Press("g"), Press(pasted="ay\rabc\x1b[A"), Press("h")]


@pytest.mark.parametrize(
    ("keys", "commands"),
    [
        ("g", [Command("go")]),
        ("H", [Command("hold")]),
        ("a", []),
        ("an", []),
        ("a\x1b", []),
        ("axgy", [Command("abort")]),
        ("any", []),
        ("nd: the pool is full\r", [Command("note", "d: the pool is full")]),
        ("nga\x7f\x7f hay\r", [Command("note", "hay")]),
        ("nwrong\x15right\r", [Command("note", "right")]),
        ("nga\x1bg", [Command("go")]),
        ("n  \r", []),
        ("i\r", [Command("inject", "")]),
        ("i2\r", [Command("inject", "false-alarm")]),
        ("ilead-leaves\r", [Command("inject", "lead-leaves")]),
        ("i1\r", []),  # it has been fired
        ("i99\ri\x1b", []),
        ("t3\r", [Command("tick", "docs/runbooks/service-degradation.md#3")]),
        ("tdocs/other.md#12\r", [Command("tick", "docs/other.md#12")]),
        ("tabc\rt#4\rt\r", []),
        ("y", []),
        ("?g?\x1bzq1\r ", [Command("go")]),
        ("p", []),
    ],
)
def test_keys_are_commands(keys: str, commands: list[Command]) -> None:
    """Each key asks for what the help says, a line takes letters, and abort asks first."""
    assert pressed(going_on(), keys) == commands


@pytest.mark.parametrize(
    ("keys", "commands"),
    [
        ("y", [Command("answer", "yes")]),
        ("N", [Command("answer", "no")]),
        ("/why?\r", [Command("note", "why?")]),
        ("any", [Command("answer", "yes")]),
        ("ay", [Command("abort")]),
        ("/y\x1bn", [Command("answer", "no")]),
    ],
)
def test_a_question_takes_yes_and_no(keys: str, commands: list[Command]) -> None:
    """While something is asked, y and n answer it; in a line they are letters, and after a they are about the abort."""
    assert pressed(asking(), keys) == commands


def test_one_showing_takes_one_answer() -> None:
    """A y that is pressed twice does not answer a second question, nor one that was not yet shown."""
    hands = Keys()
    assert hands.press(Press("y")) == []
    hands.shown(asking())
    assert [*hands.press(Press("y")), *hands.press(Press("y"))] == [Command("answer", "yes")]
    hands.shown(replace(asking(), question="and now?"))
    assert hands.press(Press("n")) == [Command("answer", "no")]


def test_a_paste_is_no_command() -> None:
    """Pasted text aborts nothing and answers nothing; in a line it is text, and its line breaks send nothing."""
    hands = Keys()
    hands.shown(asking())
    assert hands.press(Press(pasted="ay\ry")) == []
    assert "no key" in hands.desktop.notice
    assert pressed(asking(), "a", hands) == []
    assert hands.press(Press(pasted="y")) == []
    assert pressed(asking(), "n/", hands) == []
    assert hands.press(Press(pasted="c: told\r\nsupport\x1b[A")) == []
    assert pressed(asking(), "\r", hands) == [Command("note", "c: told support\x1b[A")]


def test_what_the_hands_do_is_shown() -> None:
    """The desktop shows the line, what can be chosen, and why a key did nothing."""
    hands = Keys()
    pressed(replace(going_on(), steps=("look at the alarm", "roll back")), "t", hands)
    assert hands.desktop.prompt == "step of docs/runbooks/service-degradation.md"
    assert list(hands.desktop.choices) == ["1 look at the alarm", "2 roll back"]
    pressed(going_on(), "\x1bi", hands)
    assert list(hands.desktop.choices) == ["2 false-alarm"]
    pressed(going_on(), "99\r", hands)
    assert "no inject 99" in hands.desktop.notice
    pressed(going_on(), "pi", hands)
    assert list(hands.desktop.choices) == ["2 "]
    pressed(replace(going_on(), due={}), "\x1bi", hands)
    assert "no inject is to come" in hands.desktop.notice
    assert hands.desktop.public


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("d: the pool", ("diagnosis", "the pool")),
        ("M:rolled back", ("mitigation", "rolled back")),
        ("c: told support", ("communication", "told support")),
        ("x: we go on", ("decision", "we go on")),
        ("see: this", ("note", "see: this")),
        ("d:", ("note", "d:")),
        (" plain ", ("note", "plain")),
    ],
)
def test_a_note_says_what_it_is_about(text: str, parts: tuple[str, str]) -> None:
    """One letter and a colon say what a note is about; any other colon is the note's own."""
    assert note_parts(text) == parts
