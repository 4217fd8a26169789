"""The coordinator's screen as text, at the sizes that terminals have: nothing that decides is cut."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from gameday.day.desk.drawing import Desktop, draw
from gameday.day.desk.view import View
from gameday.day.desk.words import bar, clock, cut, span, squeezed, visible
from gameday.day.events import Event
from gameday.day.plan import Inject, Item
from gameday.day.state import ItemState, fold
from tests.gameday.day.scenes import EVENTS, NOW, PLAN, SCENES, asking, ended, going_on, opened

SIZES = ((80, 24), (120, 40), (200, 60), (97, 31))
VERDICTS = ("held", "broke", "inconclusive", "invalid", "aborted", "refused", "interrupted")


def shown(view: View, size: tuple[int, int] = (80, 24), desktop: Desktop | None = None) -> list[str]:
    """Return the rows of the screen without colours."""
    console = Console(file=StringIO(), width=size[0], height=size[1], color_system=None)
    with console.capture() as captured:
        console.print(draw(view, desktop or Desktop(), *size))
    return captured.get().splitlines()


@pytest.mark.parametrize("size", [*SIZES, (60, 20), (40, 10), (20, 5)])
@pytest.mark.parametrize("scene", SCENES)
def test_a_screen_is_as_large_as_the_terminal(scene: str, size: tuple[int, int]) -> None:
    """Every scene fills its terminal exactly, row by row, and never more."""
    rows = shown(SCENES[scene](), size)
    assert len(rows) == size[1]
    assert {cell_len(row) for row in rows} == {size[0]}


@pytest.mark.parametrize("size", [*SIZES, (40, 14)])
def test_what_decides_is_whole_at_every_size(size: tuple[int, int]) -> None:
    """The question, its keys, abort and how the day stands can be read whole, also on a screen that is too small."""
    text = "\n".join(shown(asking(), size))
    assert " ".join(asking().question.split()) in " ".join(text.replace("\n", " ").split())
    assert "GOING ON" in text
    assert "a abort" in text
    assert "y yes" in text
    assert "n no" in text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("verdict", [*VERDICTS, "undo incomplete"])
def test_a_verdict_is_never_cut(verdict: str, size: tuple[int, int]) -> None:
    """Whatever an experiment's verdict and however long its name, the verdict stands in its row."""
    plan = replace(PLAN, agenda=[Item("a-very-long-name-of-an-experiment-that-nobody-can-read", "x.yaml")])
    exit_code, word = (6, "aborted") if verdict == "undo incomplete" else (1, verdict)
    state = fold([])
    state.items[plan.agenda[0].name] = ItemState("ended", NOW - 90, NOW, word, exit_code)
    rows = shown(View(plan, state, [], NOW), size)
    assert any("a-very" in row and f" {verdict} " in row and "1:30" in row for row in rows)


def test_a_long_agenda_shows_what_goes_on_and_counts_the_verdicts_before() -> None:
    """Of twenty entries those around the one that goes on are shown; the verdicts above them are counted."""
    plan = replace(PLAN, agenda=[Item(f"item-{number:02}", "x.yaml") for number in range(20)])
    state = fold([])
    for number in range(9):
        state.items[f"item-{number:02}"] = ItemState("ended", NOW, NOW, "broke" if number == 1 else "held", 0)
    state.items["item-09"] = ItemState("going on", NOW - 5)
    text = "\n".join(shown(View(plan, state, [], NOW)))
    assert "item-09" in text
    assert "item-10" in text
    assert re.search(r"before: \d+ held, 1 broke", text)
    assert re.search(r"and \d+ more", text)


def test_a_crowded_day_keeps_what_goes_on_and_the_nearest_guard() -> None:
    """With more of everything than there is room for, nothing that decides is pushed off the screen."""
    base = going_on()
    assert base.live is not None
    plan = replace(
        PLAN,
        agenda=[*PLAN.agenda, *[Item(f"more-{number}", "x.yaml") for number in range(12)]],
        injects=[Inject(f"inject-{number}", "failover", message="m") for number in range(12)],
    )
    far = [replace(base.live.guards[0], title=f"load.far_{number}") for number in range(12)]
    live = replace(base.live, guards=[*far, *base.live.guards])
    text = "\n".join(shown(replace(asking(), plan=plan, live=live)))
    for wanted in ("slow-database", "p99_ms", "QueueDepth", "looked into why?", "a abort", "errors 0.40%", "page"):
        assert wanted in text
    assert re.search(r"and \d+ more, further", text)


@pytest.mark.parametrize("size", SIZES)
def test_the_figures_of_the_run_and_its_guards_are_read(size: tuple[int, int]) -> None:
    """Phase, load, each guard's reading and what is left to it are on the screen; what is unknown says so."""
    rows = shown(going_on(), size)
    text = "\n".join(rows)
    for wanted in ("fault", "60/s", "errors 0.40%", "p99 2440", "2440 ms", "OK", "12:03:22 CET", "11:03:22 UTC",
                   "1:43:20 left", "16:40 since", "held", "in 0:47", "Rita", "in time"):  # fmt: skip
        assert wanted in text
    near = next(row for row in rows if "2440 ms" in row and "█" in row)
    assert near.count("█") < near.count("░")
    assert any("no data" in row and "unknown" in row for row in rows)


def test_old_figures_are_not_shown_as_what_is() -> None:
    """A run that has stopped saying anything shows no figures and no bar as if they were true."""
    text = "\n".join(shown(replace(going_on(), now=NOW + 9)))
    assert "its figures are 9 s old: not known" in text
    assert "0.40%" not in text
    assert "0.4%" not in text


def test_no_live_figures_say_so() -> None:
    """An experiment that has not begun to speak, or is writing its findings, is shown as that."""
    assert any("no figures: it begins" in row for row in shown(replace(going_on(), live=None)))


def test_the_peoples_clock_runs_against_its_bands() -> None:
    """A step in time, one that is late, and one that is overdue while it is waited for, are told apart by words."""
    clocks = (("page", 32.0, 120.0), ("acknowledge", 400.0, 300.0), ("diagnose", None, 60.0))
    rows = shown(replace(going_on(), clocks=clocks), (120, 40))
    assert any("page" in row and "0:32 of 2:00" in row and "in time" in row for row in rows)
    assert any("acknowledge" in row and "late Rita Responder" in row for row in rows)
    assert any("diagnose" in row and "1:30" in row and "overdue" in row for row in rows)


def test_a_page_that_nobody_has_acknowledged_is_loud() -> None:
    """Until somebody acknowledges a page, the screen counts since when."""
    events = [event for event in EVENTS if event.kind != "page.acknowledged"]
    assert any("PAGE not acknowledged for 0:58" in row for row in shown(View(PLAN, fold(events), events, NOW)))


def test_a_spent_budget_and_why_the_day_ended_are_told() -> None:
    """The end of a day shows its outcome, why, what is left changed, and the budget as spent."""
    text = "\n".join(shown(ended()))
    for wanted in ("ENDED: undo incomplete", "the day's budget of 500 failed requests is spent", "SPENT", "skipped"):
        assert wanted in text


def test_the_go_no_go_list_shows_its_answers() -> None:
    """Before the day begins the list stands where the experiment will, with what was answered."""
    rows = shown(opened())
    assert any("✓ Does everybody know how to abort? yes" in row for row in rows)
    assert any(row.rstrip().endswith("unknown") for row in rows)
    assert any("Is the status page's draft ready?" in row and row.startswith("?") for row in rows)


def test_in_public_nothing_unannounced_is_told() -> None:
    """On a screen that others see, unannounced entries, injects and their events have no names."""
    state = fold(EVENTS[:4])
    text = "\n".join(shown(replace(going_on(), state=state), desktop=Desktop(public=True)))
    assert "(not announced)" in text
    assert "PUBLIC" in text
    for secret in ("slow-database", "support-call", "false-alarm", "0:47"):
        assert secret not in text.partition("── Events")[0].replace("delay the database", "")
    assert "support calls" not in text


def test_words_of_others_do_nothing_to_the_terminal() -> None:
    """Escape sequences, changes of direction and line breaks in a message are shown as codes; markup is text."""
    evil = "\x1b]0;owned\x07 \x1b[2J a\u202eb\u2028c \x9b31m [red]x[/red] \ud800 \n y"
    events = [Event(NOW, "chat.said", evil, "\x1b[1mRita")]
    console = Console(file=StringIO(), width=200, height=60, color_system=None)
    with console.capture() as captured:
        console.print(draw(View(PLAN, fold(events), events, NOW, question=evil), Desktop(notice=evil), 200, 60))
    text = captured.get()
    assert not set(text) & set("\x1b\x07\u202e\u2028\x9b\ud800\r\t")
    assert "\\x1b]0;owned\\x07" in text
    assert "[red]x[/red]" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("plain ü 漢 ✓", "plain ü 漢 ✓"), ("\t", "\\t"), ("\x7f", "\\x7f"), ("\u200b", "\\u200b"), ("\ue000", "\\ue000")],
)
def test_what_cannot_be_seen_is_shown_by_its_code(text: str, said: str) -> None:
    """Letters and signs of every script pass; what would act, or not show, is a code."""
    assert visible(text) == said


def test_times_and_texts_fit() -> None:
    """Spans, clocks and cut texts are what a screen has room for."""
    assert [span(0), span(65.9), span(3723), span(-61)] == ["0:00", "1:05", "1:02:03", "-1:01"]
    assert [clock(NOW), clock(NOW, "Europe/Berlin"), clock(NOW, "No/Where")] == ["11:03:22", "12:03:22", "11:03:22"]
    assert [cut("abcdef", 4), cut("ab", 4), cut("漢字漢字", 5), cut("x", 0)] == ["abc…", "ab  ", "漢字…", ""]
    assert squeezed("foodconnect-chaos-stop", 12) == "foodc…s-stop"
    assert [bar(0.5, 4), bar(2, 2), bar(-1, 2)] == ["██░░", "██", "░░"]


def test_help_says_what_every_key_does() -> None:
    """The help names every key of the key line, and how a note says what it is about."""
    text = "\n".join(shown(going_on(), desktop=Desktop(help=True)))
    for wanted in ("abort the day", "hold: nothing new", "d: diagnosis", "x: decision", "inject now", "RUNBOOK#NUMBER"):
        assert wanted in text
