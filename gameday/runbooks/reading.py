"""A page of Markdown as steps and commands: runbooks, playbooks, procedures, and whatever else a user calls so.

One convention, and it reads well on GitHub: under `## Steps` each step is a heading `### 3. Find what changed
(5-15 min)`; a command stands in a fence marked `bash` (every line is one) or `console` (lines that begin with `$ `).
Any Markdown can be read; what is missing is a problem with a place, told by `gameday.runbooks.drift`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gameday.errors import Problem
from gameday.runbooks import shell
from gameday.source import read_text

SHELLS = ("bash", "sh", "shell", "zsh", "console", "shell-session", "sh-session")
SESSIONS = ("console", "shell-session", "sh-session")  # with what is printed between the commands
STEPS, DRILLED_BY = "Steps", "Drilled by"
BLOCKS = (("for", "done"), ("while", "done"), ("until", "done"), ("if", "fi"))
_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([\w+-]*)(.*)$")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")
_STEP = re.compile(r"^(?:Step\s+)?(\d+)[.):]\s+(.*)$", re.IGNORECASE)
_BAND = re.compile(
    r"\(\s*(?:(\d+)\s*(?:-|\u2013|to)\s*(\d+)\s*min|(\d+)\s*\+\s*min|(throughout))\.?\s*\)\s*$", re.IGNORECASE
)
_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]\n]|\[[^\]\n]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_CODE = re.compile(r"(`+)(.+?)\1")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command line as it stands in the page; *line* counts from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. *band* is as it is written, `5-15 min`, `30+ min` or `throughout`; empty: none."""

    number: int
    text: str
    band: str = ""
    commands: tuple[Command, ...] = ()
    line: int = 0

    @property
    def band_s(self) -> tuple[float, float | None] | None:
        """From when until when, in seconds since the page began to matter; the end is None for `30+ min`."""
        found = _BAND.search(f"({self.band})")
        if not found or found[4]:
            return None
        if found[3]:
            return int(found[3]) * 60.0, None
        return int(found[1]) * 60.0, int(found[2]) * 60.0


@dataclass(frozen=True, slots=True)
class Link:
    """A link to *target*."""

    line: int
    column: int
    target: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of some *level*, 1 to 6."""

    line: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """The commands of one fence: a text of the same lines, with what is no command left blank."""

    line: int  # of the text's first line
    columns: tuple[int, ...]  # by how much each line stands to the right of the text's
    text: str

    def place(self, offset: int) -> tuple[int, int]:
        """Return (line, column) in the page, counted from 1, of an offset in the text."""
        row = self.text.count("\n", 0, offset)
        column = offset - (self.text.rfind("\n", 0, offset) + 1)
        return self.line + row, column + 1 + (self.columns[row] if row < len(self.columns) else 0)

    def commands(self) -> list[shell.Simple]:
        """Return the commands. Raises shell.ShellError."""
        return shell.read(self.text)


@dataclass(frozen=True, slots=True)
class Runbook:
    """A page that was read. Nothing in it was judged."""

    path: Path
    title: str
    drilled_by: tuple[str, ...]  # targets of the links under `## Drilled by`
    steps: tuple[Step, ...]
    headings: tuple[Heading, ...] = ()
    links: tuple[Link, ...] = ()
    scripts: tuple[Script, ...] = ()
    explained: frozenset[str] = frozenset()  # variables that its prose names as `$NAME`
    unclosed: int = 0  # the line of a fence that never ends

    def problem(self, line: int, column: int, message: str) -> Problem:
        """Return *message* with its place."""
        return Problem(str(self.path), line, column, message)


def read(path: Path) -> Runbook:
    """Return the page at *path*.

    Raises UsageError: it cannot be read; InputError: it is no text.
    """
    lines = _Lines()
    for number, line in enumerate(read_text(path).split("\n"), 1):
        lines.take(number, line)
    lines.end()
    titles = [heading.text for heading in lines.headings if heading.level == 1]
    return Runbook(
        path,
        titles[0] if titles else path.stem,
        tuple(link.target for link in lines.links if _under(lines.headings, link.line) == DRILLED_BY),
        tuple(_steps(lines)),
        tuple(lines.headings),
        tuple(lines.links),
        tuple(lines.scripts),
        frozenset(lines.explained),
        lines.fence_line,
    )


@dataclass
class _Lines:
    """Takes a page line by line and keeps what is in it."""

    headings: list[Heading] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    explained: set[str] = field(default_factory=set)
    fence: str = ""
    fence_line: int = 0
    language: str = ""
    held: list[tuple[int, str]] = field(default_factory=list)  # (columns cut off, line) of the fence that is open
    indent: int = 0

    def take(self, number: int, line: str) -> None:
        found = _FENCE.match(line)
        if self.fence:
            if found and found[2].startswith(self.fence) and not (found[3] + found[4]).strip():
                self._close()
            else:
                cut = min(self.indent, len(line) - len(line.lstrip()))
                self.held.append((cut, line[cut:]))
        elif found and not (found[2][0] == "`" and "`" in found[4]):
            self.fence, self.fence_line, self.language = found[2], number, found[3].lower()
            self.indent, self.held = len(found[1]), []
        elif heading := _HEADING.match(line):
            self.headings.append(Heading(number, len(heading[1]), heading[2]))
            self._prose(number, line)
        else:
            self._prose(number, line)

    def end(self) -> None:
        if self.fence:
            self._close(keep=True)

    def _close(self, keep: bool = False) -> None:
        if self.language in SHELLS and self.held:
            rows = _commands_only(self.held) if self.language in SESSIONS else self.held
            text = "\n".join(line for _, line in rows)
            self.scripts.append(Script(self.fence_line + 1, tuple(cut for cut, _ in rows), text))
        self.fence = ""
        self.fence_line = self.fence_line if keep else 0

    def _prose(self, number: int, line: str) -> None:
        for code in _CODE.finditer(line):
            self.explained.update(_VARIABLE.findall(code[2]))
        plain = _CODE.sub(lambda code: " " * len(code[0]), line)
        for link in _LINK.finditer(plain):
            self.links.append(Link(number, link.start(1) + 1, line[link.start(1) : link.end(1)]))


def _commands_only(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the lines of a session with what it printed left blank, and without the prompts."""
    found, goes_on = [], False
    for cut, line in rows:
        prompt = "> " if goes_on and line.startswith("> ") else "$ "
        if line.startswith(prompt):
            found.append((cut + 2, line[2:]))
        else:
            found.append((cut, line if goes_on else ""))
        goes_on = found[-1][1].endswith("\\")
    return found


def _under(headings: list[Heading], line: int) -> str:
    """Return the heading of level 2 that a line stands under."""
    before = [heading for heading in headings if heading.level <= 2 and heading.line <= line]
    return before[-1].text if before and before[-1].level == 2 else ""


def _steps(lines: _Lines) -> Iterator[Step]:
    under = [heading for heading in lines.headings if _under(lines.headings, heading.line) == STEPS]
    for heading in under:
        found = _STEP.match(heading.text) if heading.level == 3 else None
        if not found:
            continue
        until = next((other.line for other in lines.headings if other.line > heading.line and other.level <= 3), None)
        inside = [one for one in lines.scripts if heading.line < one.line and (until is None or one.line < until)]
        band = _BAND.search(found[2])
        text = found[2][: band.start()].strip() if band else found[2]
        commands = tuple(command for script in inside for command in command_lines(script))
        yield Step(int(found[1]), text, band[0].strip("() ") if band else "", commands, heading.line)


def command_lines(script: Script) -> list[Command]:
    """Return the command lines of a fence, each whole as it is written; none where the shell could not read it."""
    try:
        simples = script.commands()
    except shell.ShellError:
        return []
    found: dict[int, Command] = {}
    end = -1
    for simple in simples:
        if simple.offset <= end:
            continue
        begin = script.text.rfind("\n", 0, simple.offset) + 1
        end = _end_of_line(script.text, begin, simple.stop)
        line = script.place(simple.offset)[0]
        found.setdefault(line, Command(line, script.text[begin:end].strip()))
    return list(found.values())


def _is_open(text: str) -> bool:
    """Return whether a loop or an `if` has not come to its end."""
    return any(re.match(rf"\s*{begin}\b", text) and not re.search(rf"\b{end}\b", text) for begin, end in BLOCKS)


def _end_of_line(text: str, begin: int, offset: int) -> int:
    """Return where the command line that begins there ends: a newline after a backslash, `|` or `&&` does not end it,
    nor one inside of a loop.
    """
    stop = text.find("\n", offset)
    while stop >= 0 and (text[:stop].rstrip(" ").endswith(("\\", "|", "&&")) or _is_open(text[begin:stop])):
        stop = text.find("\n", stop + 1)
    return stop if stop >= 0 else len(text)
