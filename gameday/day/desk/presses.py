"""From a terminal's bytes to keys: letters, Enter, Backspace, Esc, and pasted text as one piece.

What a terminal sends for arrows, function keys, a mouse or an answer to a question is no key here, also when it comes
in pieces; nor is what somebody pastes. Something that has no end is given up after a moment, so that keys work again.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

ESC = "\x1b"
ALONE_S = 0.3  # after this long without more, ESC was the key; terminals send a sequence in one go
LOST_S = 2.0  # a sequence, or a paste, that has not ended by then will not
PASTE, PASTED = f"{ESC}[200~", f"{ESC}[201~"
ENTER, BACKSPACE, ESCAPE, CLEAR, WORD = "enter", "backspace", "escape", "clear", "word"
NAMED = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\x15": CLEAR, "\x17": WORD}

_CSI = re.compile(r"(?:\x1b\[|\x9b)(?!M)[0-?]*[ -/]*[@-~]")
_MOUSE = re.compile(r"(?:\x1b\[|\x9b)M[\s\S]{3}")  # the old way: three bytes follow
_SS3 = re.compile(r"(?:\x1bO|\x8f)[\s\S]")
_STRING = re.compile(r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[\s\S]*?(?:\x07|\x1b\\|\x9c)")
_ALT = re.compile(r"\x1b[^\x1b\[O\]PX^_\x9b]")
_WHOLE = (_MOUSE, _CSI, _SS3, _STRING, _ALT)
_BEGINNING = re.compile(
    r"(?:\x1b\[|\x9b)(?:[0-?]*[ -/]*|M[\s\S]{0,2})$|\x1bO?$|\x8f$|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[\s\S]*$"
)


@dataclass(frozen=True, slots=True)
class Press:
    """A key by its character or its name, or a text that was pasted."""

    key: str = ""
    pasted: str = ""


@dataclass(slots=True)
class Presses:
    """Remembers what has begun and is not whole yet."""

    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _rest: str = ""
    _since: float = 0.0

    def feed(self, data: bytes, now: float) -> list[Press]:
        """Return the keys in *data* and in what was left before. *now* is a monotonic time in seconds.

        Call it with nothing, too, so that time ends what has no end.
        """
        if data:
            self._rest += self._decoder.decode(data)
            self._since = now
        found = []
        while self._rest and (press := self._next(now - self._since)) is not None:
            found.append(press)
        return [press for press in found if press.key or press.pasted]

    def _next(self, waited_s: float) -> Press | None:
        """Take one thing off the front; None: it is not whole yet."""
        if self._rest.startswith(PASTE):
            return self._paste(waited_s)
        for form in _WHOLE:
            if match := form.match(self._rest):
                return self._take(match.end(), Press())
        if _BEGINNING.match(self._rest):
            return self._begun(waited_s)
        key = self._rest[0]
        return self._take(1, Press(NAMED.get(key) or (key if key.isprintable() else "")))

    def _begun(self, waited_s: float) -> Press | None:
        if self._rest == ESC:
            return self._take(1, Press(ESCAPE)) if waited_s >= ALONE_S else None
        return self._take(len(self._rest), Press()) if waited_s >= LOST_S else None

    def _paste(self, waited_s: float) -> Press | None:
        end = self._rest.find(PASTED)
        if end < 0:
            return self._take(len(self._rest), Press()) if waited_s >= LOST_S else None
        return self._take(end + len(PASTED), Press(pasted=self._rest[len(PASTE) : end]))

    def _take(self, count: int, press: Press) -> Press:
        self._rest = self._rest[count:]
        return press
