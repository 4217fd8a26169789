"""What the coordinator's keys mean: from presses to commands, with a line that is typed and an abort that asks first.

A key counts for what the screen showed when it was pressed: an answer goes to the question that was shown, and each
showing takes one answer, so that a key pressed twice does not answer what nobody has read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from gameday.day.commands import Command, Kind
from gameday.day.desk.drawing import Desktop
from gameday.day.desk.presses import BACKSPACE, CLEAR, ENTER, ESCAPE, WORD, Press
from gameday.day.desk.view import View

LONGEST = 500  # of a note, in characters
ABOUT = {"d": "diagnosis", "m": "mitigation", "c": "communication", "x": "decision"}
SURE = "abort the day? what runs is ended and put back"
PROMPTS = {"note": "note (d: m: c: x:)", "inject": "inject now (Enter: the next)", "tick": "step of"}
Mode = Literal["", "sure", "note", "inject", "tick"]


def note_parts(text: str) -> tuple[str, str]:
    """Return what a note is about, and its words: `d: the pool is full` is a diagnosis; else it is a `note`."""
    prefix, colon, words = text.partition(":")
    about = ABOUT.get(prefix.strip().lower(), "") if colon else ""
    return (about, words.strip()) if about and words.strip() else ("note", text.strip())


@dataclass(slots=True)
class Keys:
    """The coordinator's hands: which mode they are in, and what has been asked of them."""

    desktop: Desktop = field(default_factory=Desktop)
    _mode: Mode = ""
    _view: View | None = None
    _answered: bool = False

    def shown(self, view: View) -> None:
        """The screen shows *view* from here on; keys mean what it says."""
        self._view, self._answered = view, False

    def press(self, press: Press) -> list[Command]:
        """Return what a key asks for: nothing, or one command."""
        self.desktop = replace(self.desktop, notice="")
        if press.pasted:
            return self._paste(press.pasted)
        if self._mode == "sure":
            return self._sure(press.key.lower())
        if self._mode:
            return self._line(press.key)
        return self._key(press.key.lower())

    # -- one key, one command ---------------------------------------------------------------------------

    def _key(self, key: str) -> list[Command]:
        was_help = self.desktop.help
        self.desktop = replace(self.desktop, help=key == "?" and not was_help)
        if key in ("y", "n") and self._asked:
            return self._answer("yes" if key == "y" else "no")
        if key in ("g", "h"):
            kind: Kind = "go" if key == "g" else "hold"
            return [Command(kind)]
        if key == "a":
            self._open("sure", SURE, None)
        elif key in ("n", "/"):
            self._open("note", PROMPTS["note"], "")
        elif key in ("i", "t"):
            self._choose(key)
        elif key == "p":
            self.desktop = replace(self.desktop, public=not self.desktop.public)
        elif key == "y":
            self._say("nothing is asked")
        elif key not in ("?", ESCAPE, ENTER, " "):
            self._say(f"{key} is no key here; ? shows them")
        return []

    @property
    def _asked(self) -> bool:
        return self._view is not None and bool(self._view.question)

    def _answer(self, word: str) -> list[Command]:
        if self._answered:
            return []
        self._answered = True
        return [Command("answer", word)]

    def _sure(self, key: str) -> list[Command]:
        if key in ("y", "n", ESCAPE):
            self._shut()
        return [Command("abort")] if key == "y" else []

    # -- a line -------------------------------------------------------------------------------------------

    def _choose(self, key: str) -> None:
        """Open the line that takes an inject's or a step's number."""
        view = self._view
        if view is None:
            return
        if key == "i":
            coming = [number for number, name in view.ready.items() if name in view.due]
            names = [f"{number} {'' if self.desktop.public else view.ready[number]}" for number in coming]
            if coming:
                self._open("inject", PROMPTS["inject"], "", names)
            else:
                self._say("no inject is to come while this goes on")
        elif not view.book:
            self._say("no runbook belongs to this; write RUNBOOK#STEP after `gameday note --step`")
        else:
            steps = [f"{number} {step}" for number, step in enumerate(view.steps, 1)]
            self._open("tick", f"{PROMPTS['tick']} {view.book}", "", steps)

    def _line(self, key: str) -> list[Command]:
        typed = self.desktop.typed or ""
        if key == ESCAPE:
            self._shut()
        elif key == ENTER:
            return self._entered(typed.strip())
        elif key == BACKSPACE:
            self._type(typed[:-1])
        elif key in (CLEAR, WORD):
            self._type("" if key == CLEAR else typed.rstrip().rpartition(" ")[0])
        elif len(key) == 1:
            self._type(typed + key)
        return []

    def _paste(self, text: str) -> list[Command]:
        """A pasted text goes into a line that is being typed, and nowhere else: its letters are no keys."""
        if self._mode in ("", "sure"):
            self._say("pasted text is no key; n takes it as a note")
        else:
            self._type((self.desktop.typed or "") + " ".join(text.split()))
        return []

    def _entered(self, text: str) -> list[Command]:
        mode, view = self._mode, self._view
        if mode == "note":
            self._shut()
            return [Command("note", text)] if text else []
        if view is None:
            return []
        if mode == "inject":
            return self._inject(view, text)
        if not text:
            self._shut()
            return []
        return self._tick(view, text)

    def _inject(self, view: View, text: str) -> list[Command]:
        name = view.ready.get(int(text), "") if text.isdecimal() else text if text in view.ready.values() else ""
        self._shut()
        if text and not name:
            self._say(f"no inject {text} is left to fire")
            return []
        return [Command("inject", name)]

    def _tick(self, view: View, text: str) -> list[Command]:
        self._shut()
        book, hash_, step = text.rpartition("#")
        if not step.isdecimal() or (hash_ and not book):
            self._say(f"{text} is no step; write its number, or RUNBOOK#NUMBER")
            return []
        return [Command("tick", f"{book or view.book}#{int(step)}")]

    # -- what the desktop shows -----------------------------------------------------------------------------

    def _open(self, mode: Mode, prompt: str, typed: str | None, choices: list[str] | None = None) -> None:
        self._mode = mode
        self.desktop = replace(self.desktop, prompt=prompt, typed=typed, choices=choices or [], help=False)

    def _shut(self) -> None:
        self._mode = ""
        self.desktop = replace(self.desktop, prompt="", typed=None, choices=[])

    def _type(self, text: str) -> None:
        self.desktop = replace(self.desktop, typed=text[:LONGEST])

    def _say(self, notice: str) -> None:
        self.desktop = replace(self.desktop, notice=notice)
