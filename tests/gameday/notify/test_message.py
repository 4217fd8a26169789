"""The words of a message: what it begins with, what it always carries, and what gives way when it is too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.notify.message import Message, cut_bytes, plain
from gameday.notify.slack import LONGEST_FIELD, LONGEST_SECTION, blocks, escaped
from gameday.notify.sns import subject
from gameday.redact import Redactor

RUN = "2026-12-01T10-00-00Z-first"
GAME_DAY = Message("game day", "It begins", ("Three experiments.",), RUN, "team resilience", "gameday halt")


@pytest.mark.parametrize(
    ("kind", "drill", "begins"),
    [
        ("game day", False, "[GAME DAY] It begins"),
        ("drill", False, "[GAME DAY] It begins"),
        ("gate", False, "[GAME DAY] It begins"),
        ("rolled back", True, "[GAME DAY] It begins"),
        ("rolled back", False, "[ROLLBACK] It begins"),
        ("rollback failed", False, "[ROLLBACK FAILED] It begins"),
        ("well", False, "[RELEASE] It begins"),
        ("blind", False, "[BLIND] It begins"),
    ],
)
def test_practice_is_told_from_the_real_thing(kind: str, drill: bool, begins: str) -> None:
    """Whatever is about practice begins with [GAME DAY], and nothing else does."""
    assert plain(replace(GAME_DAY, kind=kind, drill=drill), 10_000).startswith(begins)


def test_every_message_says_run_owner_and_how_to_abort() -> None:
    """In the text, in Slack's blocks; who is not named is said to be missing."""
    text = plain(GAME_DAY, 10_000)
    assert text.splitlines()[1:] == [
        "Three experiments.", f"Run: {RUN}", "Owner: team resilience", "To abort: gameday halt",
    ]  # fmt: skip
    for part in (RUN, "team resilience", "gameday halt"):
        assert part in str(blocks(GAME_DAY)[-1])
    assert "Owner: nobody is named" in plain(replace(GAME_DAY, owner=""), 10_000)


@pytest.mark.parametrize("most", [400, 5_000, 250_000])
def test_what_is_too_long_loses_its_middle(most: int) -> None:
    """Bytes count, not letters; the headline and the foot stay whole."""
    text = plain(replace(GAME_DAY, lines=("é" * 300_000,)), most)
    assert len(text.encode()) <= most
    assert text.startswith("[GAME DAY] It begins\n") and "[cut]" in text
    assert text.endswith("To abort: gameday halt")


def test_even_a_headline_that_is_too_long_leaves_room_for_the_foot() -> None:
    """A title of a thousand words."""
    text = plain(replace(GAME_DAY, title="word " * 1_000), 1_000)
    assert len(text.encode()) <= 1_000 and text.endswith("To abort: gameday halt")


@pytest.mark.parametrize("most", range(0, 12))
def test_cutting_never_exceeds_its_limit(most: int) -> None:
    """Not even where the note does not fit."""
    assert len(cut_bytes("éééééééééééé", most).encode()) <= most


def test_slack_is_sent_no_markup_of_others() -> None:
    """Nobody is mentioned by a text from elsewhere, and no entity is cut in two."""
    assert escaped("<!channel> & co", 100) == "&lt;!channel&gt; &amp; co"
    for most in range(6, 40):
        short = escaped("&" * 50, most)
        assert len(short) <= most and short.removesuffix(" [cut]").replace("&amp;", "") == ""


def test_slack_blocks_keep_to_their_limits() -> None:
    """150 of a header, 3,000 of a section, ten fields of 2,000."""
    long = replace(
        GAME_DAY,
        title="t" * 500,
        lines=("<" * 9_000,),
        fields={f"{n}" + "n" * 3_000: "&" * 3_000 for n in range(30)},
        owner="o" * 9_000,
    )
    header, section, figures, foot = blocks(long)
    assert len(header["text"]["text"]) <= 150  # type: ignore[index, call-overload, arg-type]
    assert len(section["text"]["text"]) <= LONGEST_SECTION  # type: ignore[index, call-overload, arg-type]
    assert len(figures["fields"]) == 10  # type: ignore[arg-type]
    every = [*figures["fields"], *foot["elements"]]  # type: ignore[misc]
    assert all(len(one["text"]) <= LONGEST_FIELD for one in every)


def test_a_subject_is_what_every_protocol_takes() -> None:
    """Printable ASCII on one line, fewer than 100 characters."""
    made = subject("[GAME DAY] Zürich\tis\x07 back " + "x" * 200)
    assert made.startswith("[GAME DAY] Z?rich is  back") and len(made) < 100 and made.isprintable()


def test_secrets_are_taken_out_before_anything_is_sent() -> None:
    """In title, lines, fields and links; half a pair of surrogates, which no service takes, goes too."""
    said = replace(
        GAME_DAY, title="with hunter2!x", lines=("hunter2!x \ud83d",), fields={"token": "abc12345", "n": "hunter2!x"},
        links={"log": "https://x.example/?q=hunter2!x"},
    ).clean(Redactor("hunter2!x"))  # fmt: skip
    text = plain(said, 10_000)
    assert "hunter2" not in text and "abc12345" not in text and text.count("[redacted]") == 5
    text.encode()


def test_how_bad_it_is_follows_from_the_kind() -> None:
    """Unless the message says it."""
    assert [replace(GAME_DAY, kind=kind).weight for kind in ("rollback failed", "rolled back", "blind", "well")] == [
        "critical", "error", "warning", "info",
    ]  # fmt: skip
    assert replace(GAME_DAY, severity="warning").weight == "warning"
