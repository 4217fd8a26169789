"""The coordinator's whole screen: from a view of the day and a size in cells to what rich prints, and nothing else.

What decides is never cut at 80 columns and 24 rows: how the day stands, verdicts, the question and its keys, abort.
Wider screens get more columns. A screen that is too small gets these alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from gameday.day.desk import panels, sides
from gameday.day.desk.panels import BAD, DIM, HEAD, LOUD, WARN, Panel, Rows, row, wrapped
from gameday.day.desk.view import View
from gameday.day.desk.words import clock, cut, span, visible, zone_word

LEAST = (80, 24)
PHASES = {"opened": ("NOT BEGUN", "bold black on cyan"), "begun": ("GOING ON", "bold black on green"),
          "held": ("ON HOLD", "bold black on yellow"), "aborting": ("ABORTING", "bold white on red"),
          "ended": ("ENDED", "bold reverse")}  # fmt: skip
KEYS = (("a", "abort"), ("g", "go"), ("h", "hold"), ("n", "note"), ("i", "inject"), ("t", "tick"), ("p", "public"),
        ("?", "help"))  # fmt: skip
HELP = (
    ("g", "go: begin, or go on after a hold or a pause"),
    ("h", "hold: nothing new begins; what runs goes on, its guards too"),
    ("a", "abort the day: what runs is ended and put back; asks first"),
    ("y  n", "the answer to the question, while there is one; else n is note"),
    ("n", "note: a line, Enter; begin it with d: diagnosis, m: mitigation, c: communication, x: decision"),
    ("/", "note, also while a question waits"),
    ("i", "inject now: Enter for the next due, or its number"),
    ("t", "tick a step of the runbook: its number, or RUNBOOK#NUMBER"),
    ("p", "public: hides what is not announced (*), for a screen that others see"),
    ("Esc", "leave a line, or this help"),
    ("Ctrl-C", "as abort, when it is not asked first; the experiment puts everything back"),
)


@dataclass(frozen=True, slots=True)
class Desktop:
    """What the screen shows beside the day: what is being typed, and how."""

    prompt: str = ""  # what is asked of the coordinator's own key, as `abort the day? y/n`
    typed: str | None = None  # the line so far; None: no line is typed
    choices: Sequence[str] = ()
    help: bool = False
    public: bool = False
    notice: str = ""


def draw(view: View, desktop: Desktop, width: int, height: int) -> Group:
    """Return the screen, *height* rows of *width* cells."""
    head, foot = _head(view, desktop, width), _foot(view, desktop, width, height)
    room = max(0, height - len(head) - len(foot))
    if desktop.help:
        body = _help(width)
    elif width < LEAST[0] or height < LEAST[1]:
        body = _small(view, desktop, width)
    else:
        body = _body(view, desktop.public, width, room)
    rows = [*head, *body[:room], *[row()] * (room - len(body)), *foot][-height:]
    return Group(*(_filled(line, width) for line in rows))


# -- the head: which day, how it stands, what time it is ------------------------------------------------


def _head(view: View, desktop: Desktop, width: int) -> Rows:
    word, style = PHASES[view.state.phase]
    word += f": {visible(view.state.outcome)}" if view.state.outcome else ""
    badge = f" {word} "
    public = " PUBLIC " if desktop.public else ""
    where = f" on {view.plan.environment} "
    title = f" {visible(view.plan.title)}"
    room = width - cell_len(badge) - cell_len(public)
    name = cut(title, room - cell_len(where)) + where if room > cell_len(where) + 12 else cut(title, max(0, room))
    rows = [row((name, "bold reverse"), (public, "bold black on magenta"), (badge, style)), _times(view, width)]
    if view.state.why and view.state.phase in ("opened", "aborting", "ended"):
        rows += wrapped(visible("; ".join(view.state.why)), width, BAD, 3)
    return rows


def _times(view: View, width: int) -> Text:
    zone, now, state = view.plan.when.zone, view.now, view.state
    here = f"{clock(now, zone)} {zone_word(now, zone)}"
    cells = [(f" {here}", LOUD), ("" if zone == "UTC" else f"   {clock(now)} UTC", "")]
    if state.began is not None:
        until = state.ended or now
        left_s = state.began + view.plan.when.lasts_s - until
        over = left_s <= 0
        cells.append((f"   {span(until - state.began)} since the begin", ""))
        style = BAD if over else WARN if left_s < 600 else ""
        cells.append((f"   {span(abs(left_s))} {'over the window' if over else 'left'}", style))
    else:
        cells.append((f"   a window of {span(view.plan.when.lasts_s)}", ""))
    return row(*cells)


def _filled(line: Text, width: int) -> Text:
    """Return a row in exactly *width* cells."""
    filled = line.copy()
    filled.truncate(width, overflow="ellipsis", pad=True)
    return filled


# -- the body: columns of panels ------------------------------------------------------------------------


def _body(view: View, public: bool, width: int, room: int) -> Rows:
    events = sides.events(view, public)
    left = [panels.agenda(view, public), panels.injects(view, public)]
    now = [panels.checklist(view)] if view.state.phase == "opened" else [panels.running(view, public),
                                                                       panels.guards(view)]  # fmt: skip
    day, people = sides.budget(view), sides.clocks(view)
    if width < 110:
        return _beside([[*left, people], [*now, day, events]], width, room)
    roles = sides.roles(view)
    columns: list[list[Panel | None]] = [[*left, roles], [*now, day, people]]
    if width >= 160:
        columns = [left, [*now, day], [people, roles]]
    wanted = max(sum(1 + panel.wants for panel in column if panel) + 1 for column in columns)
    top = min(wanted, room - 8)
    upper = _beside(columns, width, top)
    return upper + _stack([events], width, room - len(upper))


def _beside(columns: Sequence[Sequence[Panel | None]], width: int, room: int) -> Rows:
    """Return columns of panels side by side."""
    each = (width - 3 * (len(columns) - 1)) // len(columns)
    widths = [each] * (len(columns) - 1) + [width - (each + 3) * (len(columns) - 1)]
    drawn = [_stack(column, wide, room) for column, wide in zip(columns, widths, strict=True)]
    rows = []
    for cells in zip_longest(*drawn):
        line = row()
        for number, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
            filled = _filled(cell if cell is not None else row(), wide)
            line.append_text(row((" │ ", DIM)) + filled if number else filled)
        rows.append(line)
    return rows


def _stack(found: Iterable[Panel | None], width: int, room: int) -> Rows:
    """Return panels one under another: each what it needs, then row by row what it would like, in turn."""
    shown = [panel for panel in found if panel]
    while len(shown) > 1 and sum(1 + panel.least for panel in shown) > room:
        shown.pop()
    given = [panel.least for panel in shown]
    spare = room - sum(given) - len(shown)
    while spare > 0 and any(panel.wants > rows for panel, rows in zip(shown, given, strict=True)):
        for index, panel in enumerate(shown):
            if spare > 0 and panel.wants > given[index]:
                given[index], spare = given[index] + 1, spare - 1
    lines: Rows = []
    for panel, rows in zip(shown, given, strict=True):
        lines += [row((cut(f"── {panel.title} " + "─" * width, width + 1)[:width], HEAD)), *panel.draw(width, rows)]
    return lines[:room]


def _small(view: View, desktop: Desktop, width: int) -> Rows:
    """Return what a screen that is too small still tells."""
    item = view.current
    lines = [*panels.running(view, desktop.public).draw(width, 4)]
    if item:
        lines.insert(0, row((cut(visible(item.name), width), LOUD)))
    ended = [(panels.outcome(view, each), each) for each in view.plan.agenda if view.of(each).ended is not None]
    lines += [row((cut(f"{word} ", len(word) + 1), style), (cut(visible(each.name), width - len(word) - 1), ""))
              for (word, style), each in reversed(ended)]  # fmt: skip
    return [*lines, row((cut(f"(more on a screen of {LEAST[0]}x{LEAST[1]})", width), DIM))]


def _help(width: int) -> Rows:
    rows = [row((cut("── Keys " + "─" * width, width), HEAD))]
    for key, meaning in HELP:
        lines = wrapped(meaning, width - 10, "", 3)
        rows += [row((cut(f" {key if number == 0 else ''}", 10), LOUD)) + line for number, line in enumerate(lines)]
    return rows


# -- the foot: what is asked, what is typed, which keys there are ---------------------------------------


def _foot(view: View, desktop: Desktop, width: int, height: int) -> Rows:
    rows: Rows = []
    if desktop.notice:
        rows += wrapped(visible(desktop.notice), width, WARN, 2)
    if view.question:
        style = DIM if desktop.prompt else "bold black on yellow"  # what is typed now does not answer it
        most = height // 3 if height >= LEAST[1] else height - 6
        lines = wrapped(visible(f"? {view.question}"), width, "", max(2, most))
        rows += [row((cut(line.plain, width), style)) for line in lines]
    if desktop.prompt:
        rows += _typing(desktop, width, max(8, height // 2))
    return rows + _keys(desktop, bool(view.question), width)


def _typing(desktop: Desktop, width: int, most: int) -> Rows:
    choices = [row((cut(f"  {visible(choice)}", width), "")) for choice in desktop.choices[:most]]
    if desktop.typed is None:
        return [*choices, *wrapped(visible(desktop.prompt), width, "bold white on red", 2)]
    text = visible(desktop.typed)
    room = max(1, width - cell_len(desktop.prompt) - 3)
    while cell_len(text) > room:  # the end is where one writes
        text = text[1:]
    return [*choices, row((desktop.prompt, LOUD), (f" {text}", ""), ("▏", "bold blink"))]


def _keys(desktop: Desktop, asked: bool, width: int) -> Rows:
    if desktop.typed is not None:
        return [row(("Enter", LOUD), (" takes the line   ", DIM), ("Esc", LOUD), (" leaves it", DIM))]
    if desktop.prompt:
        return [row(("y", LOUD), (" yes   ", DIM), ("n", LOUD), (" no", DIM))]
    keys = [("y", "yes"), ("n", "no"), *((("/", word) if key == "n" else (key, word)) for key, word in KEYS)]
    lines, used = [row()], 0
    for key, word in keys if asked else KEYS:
        size = len(key) + len(word) + 3
        if used and used + size - 2 > width:
            lines, used = [*lines, row()], 0
        lines[-1].append(key, "bold red" if word == "abort" else "bold reverse" if word in ("yes", "no") else LOUD)
        lines[-1].append(f" {word}  ", "bold" if word in ("abort", "yes", "no") else DIM)
        used += size
    return lines
