"""The commands of a shell text: their words with places, as far as it can be told without running anything.

What the shell would fill in (`$NAME`, `$(...)`) stays a `Hole`, so that everything around it can be judged. Commands
inside `$(...)` are commands too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

KEYWORDS = {"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "time", "sudo", "exec"}
DECLARES = {"export", "readonly", "local", "declare"}
_NAME = re.compile(r"[A-Za-z_]\w*")
_SPECIAL = re.compile(r"[0-9?@*#$!-]")
_ASSIGNS = re.compile(r"([A-Za-z_]\w*)\+?=")
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w .:/-]*>")
_REDIRECTS = re.compile(r"(\d*|&)(<<<|<<-?|>>|<>|>&|<&|[<>])")
_BREAKS = " \t\n;&|()<>"


@dataclass(frozen=True, slots=True)
class Hole:
    """What the shell fills in: a variable by its *name*, or what *commands* print; a `<placeholder>` is neither.

    *without* is what `${NAME#...}` takes off.
    """

    offset: int
    text: str  # as it is written
    name: str = ""
    commands: tuple[Simple, ...] = ()
    without: str = ""

    def filled(self, known: Mapping[str, str]) -> str | Hole:
        """Return what stands there once the *known* variables are; of `${NAME#...}` the form `#*TEXT` is known."""
        value = known.get(self.name)
        if value is None or not self.without:
            return self if value is None else value
        _, found, rest = value.partition(self.without.removeprefix("#*"))
        return rest if found and self.without.startswith("#*") else self

    @property
    def is_placeholder(self) -> bool:
        """Whether a person is meant to write something here."""
        return self.text.startswith("<")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: plain text and holes, in order, without its quotes."""

    offset: int
    parts: tuple[str | Hole, ...]

    @property
    def text(self) -> str:
        """The word with its holes as they are written."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    @property
    def holes(self) -> tuple[Hole, ...]:
        """What is not known before it runs."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    def filled(self, known: Mapping[str, str]) -> Word:
        """Return the word with the variables that are *known* written out."""
        return Word(self.offset, tuple(part.filled(known) if isinstance(part, Hole) else part for part in self.parts))


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command: what it assigns, and its words; *stop* is where it ends in the text."""

    offset: int
    stop: int
    words: tuple[Word, ...] = ()
    assigned: tuple[tuple[str, Word], ...] = ()
    aside: tuple[Word, ...] = ()  # files that it reads or writes by `<` and `>`

    def everything(self) -> Iterator[Simple]:
        """Yield what runs inside of its words first, then itself."""
        values = [word for _, word in self.assigned]
        for word in (*values, *self.words, *self.aside):
            for hole in word.holes:
                for inner in hole.commands:
                    yield from inner.everything()
        yield self

    def holes(self) -> Iterator[Hole]:
        """Yield every hole of its own words."""
        for word in (*[word for _, word in self.assigned], *self.words, *self.aside):
            yield from word.holes


class ShellError(Exception):
    """The text is no shell text; *offset* says where, the message what to write instead."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def read(text: str) -> list[Simple]:
    """Return the commands of *text* in order. Raises ShellError: a quote or a bracket is never closed."""
    return _Reader(text).commands()


@dataclass
class _Reader:
    text: str
    at: int = 0
    depth: int = 0
    heredocs: list[str] = field(default_factory=list)

    def commands(self, until: str = "") -> list[Simple]:
        """Return commands up to *until*, which is read too."""
        if self.depth > 20:
            raise ShellError(self.at, "nested deeper than 20; split the command")
        found: list[Simple] = []
        while self.at < len(self.text):
            one = self._simple(until)
            if one.words or one.assigned or one.aside:
                found.append(one)
            if self.at < len(self.text) and until and self.text.startswith(until, self.at):
                self.at += len(until)
                return found
            self._separator()
        if until:
            raise ShellError(len(self.text), f"`{until}` is missing; close what was opened")
        return found

    def _separator(self) -> None:
        if self.at >= len(self.text):
            return
        newline = self.text[self.at] == "\n"
        self.at += 1
        if newline:
            while self.heredocs:
                self._skip_heredoc(self.heredocs.pop(0))

    def _skip_heredoc(self, end: str) -> None:
        while self.at < len(self.text):
            stop = self.text.find("\n", self.at)
            line = self.text[self.at : stop if stop >= 0 else len(self.text)]
            self.at = stop + 1 if stop >= 0 else len(self.text)
            if line.strip() == end:
                return
        raise ShellError(len(self.text), f"the text that ends with {end} never ends; write {end} on a line of its own")

    def _simple(self, until: str) -> Simple:
        words: list[Word] = []
        aside: list[Word] = []
        self._blank()
        begin = self.at
        while self.at < len(self.text) and self.text[self.at] not in "\n;|()" and not self._at(until):
            redirect = None if _PLACEHOLDER.match(self.text, self.at) else _REDIRECTS.match(self.text, self.at)
            if redirect:
                self.at = redirect.end()
                self._blank()
                word = self._word(until)
                (self.heredocs.append(word.text) if redirect[2] in ("<<", "<<-") else aside.append(word))
            elif self.text[self.at] == "&":
                break
            else:
                words.append(self._word(until))
            self._blank()
        return _sorted(begin, self.at, words, aside)

    def _at(self, until: str) -> bool:
        return bool(until) and self.text.startswith(until, self.at)

    def _blank(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] == "#" and (self.at == 0 or self.text[self.at - 1] in " \t\n;&|("):
                stop = self.text.find("\n", self.at)
                self.at = stop if stop >= 0 else len(self.text)
            else:
                return

    def _word(self, until: str) -> Word:
        begin, parts = self.at, _Parts()
        while self.at < len(self.text) and not self._at(until):
            letter = self.text[self.at]
            placeholder = _PLACEHOLDER.match(self.text, self.at)
            if placeholder:
                parts.add(Hole(self.at, placeholder[0]))
                self.at = placeholder.end()
            elif letter in _BREAKS:
                break
            elif letter == "'":
                parts.add(self._single())
            elif letter == '"':
                self._double(parts)
            else:
                self._bare(parts, letter)
        if self.at == begin:
            self.at += 1  # a bracket where a word is expected: left out
        return Word(begin, tuple(part for part in parts.all if part != ""))

    def _bare(self, parts: _Parts, letter: str) -> None:
        if letter == "\\":
            following = self.text[self.at + 1 : self.at + 2]
            parts.add("" if following == "\n" else following)
            self.at += 2
        elif letter in "$`":
            self._hole(parts)
        else:
            parts.add(letter)
            self.at += 1

    def _single(self) -> str:
        stop = self.text.find("'", self.at + 1)
        if stop < 0:
            raise ShellError(self.at, "this quote is never closed; close it with '")
        quoted, self.at = self.text[self.at + 1 : stop], stop + 1
        return quoted

    def _double(self, parts: _Parts) -> None:
        begin = self.at
        self.at += 1
        parts.add("")
        while self.at < len(self.text) and self.text[self.at] != '"':
            letter = self.text[self.at]
            if letter == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                self._bare(parts, letter)
            elif letter in "$`":
                self._hole(parts)
            else:
                parts.add(letter)
                self.at += 1
        if self.at >= len(self.text):
            raise ShellError(begin, 'this quote is never closed; close it with "')
        self.at += 1

    def _hole(self, parts: _Parts) -> None:
        begin, name, inner, without = self.at, "", list[Simple](), ""
        if self.text[self.at] == "`":
            self.at += 1
            inner = self._inside("`")
        elif self.text.startswith("$((", self.at):
            stop = self.text.find("))", self.at)
            if stop < 0:
                raise ShellError(self.at, "`$((` is never closed; close it with `))`")
            self.at = stop + 2
        elif self.text.startswith("$(", self.at):
            self.at += 2
            inner = self._inside(")")
        elif self.text.startswith("${", self.at):
            stop = self.text.find("}", self.at)
            if stop < 0:
                raise ShellError(self.at, "`${` is never closed; close it with `}`")
            found = _NAME.match(self.text, self.at + 2)
            name = found[0] if found else ""
            without = self.text[found.end() : stop] if found else ""
            self.at = stop + 1
        elif found := _NAME.match(self.text, self.at + 1):
            name, self.at = found[0], found.end()
        elif _SPECIAL.match(self.text, self.at + 1):
            self.at += 2
        else:
            parts.add("$")
            self.at += 1
            return
        parts.add(Hole(begin, self.text[begin : self.at], name, tuple(inner), without))

    def _inside(self, until: str) -> list[Simple]:
        self.depth += 1
        found = self.commands(until)
        self.depth -= 1
        return found


class _Parts:
    """Pieces of a word; text that follows text is one piece."""

    def __init__(self) -> None:
        self.all: list[str | Hole] = []

    def add(self, part: str | Hole) -> None:
        last = self.all[-1] if self.all else None
        if isinstance(part, str) and isinstance(last, str):
            self.all[-1] = last + part
        else:
            self.all.append(part)


def _sorted(begin: int, stop: int, words: list[Word], aside: list[Word]) -> Simple:
    """Return a command with what stands before its name taken apart: keywords, and what it assigns."""
    assigned: list[tuple[str, Word]] = []
    while words and words[0].text in KEYWORDS:
        words = words[1:]
    if words and words[0].text == "for" and len(words) > 1:
        return Simple(begin, stop, (), ((words[1].text, Word(words[1].offset, (Hole(words[1].offset, "$()"),))),), ())
    if words and words[0].text == "read":
        names = [word for word in words[1:] if _NAME.fullmatch(word.text)]
        return Simple(begin, stop, (), tuple((word.text, Word(word.offset, (Hole(begin, "$()"),))) for word in names))
    declares = bool(words) and words[0].text in DECLARES
    words = words[1:] if declares else words
    while words and words[0].parts and isinstance(words[0].parts[0], str):
        found = _ASSIGNS.match(words[0].parts[0])
        if not found:
            break
        rest = words[0].parts[0][found.end() :]
        parts = ((rest,) if rest else ()) + words[0].parts[1:]
        assigned.append((found[1], Word(words[0].offset, parts)))
        words = words[1:]
    return Simple(begin, stop, () if declares else tuple(words), tuple(assigned), tuple(aside))
