"""The parts of the coordinator's screen: each a title and rows, told how much room it has.

A panel knows what it must not lose when room is short: the agenda keeps what goes on and counts the verdicts that it
leaves out, the guards keep those nearest to their limit, the events the newest. A verdict is never cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from gameday.day.desk.live import OLD_S, GuardLine, Live
from gameday.day.desk.view import View
from gameday.day.desk.words import bar, clock, cut, span, squeezed, visible
from gameday.day.plan import CheckItem, Inject, Item

GOOD, BAD, WARN, DIM, LOUD, HEAD = "green", "bold red", "yellow", "dim", "bold", "bold cyan"
VERDICTS = {"held": GOOD, "broke": BAD, "aborted": BAD, "undo incomplete": BAD, "interrupted": BAD}
MARKS = {"held": "✓", "broke": "✗", "done": "✓", "skipped": "-", "going on": "▶", "open": "·"}
ANSWERS = {"yes": ("✓", GOOD), "no": ("✗", BAD), "unknown": ("?", WARN)}
Rows = list[Text]
WIDE = 54  # a panel with room for what is good to know, not only for what decides


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the screen. *draw* gets a width and a number of rows in cells, and returns at most so many rows."""

    title: str
    wants: int
    least: int
    draw: Callable[[int, int], Rows]


def fixed(title: str, rows: Callable[[int], Rows], wants: int, least: int | None = None) -> Panel:
    """Return a panel whose rows only depend on the width; the first ones count most."""
    return Panel(title, wants, wants if least is None else least, lambda width, room: rows(width)[:room])


def row(*cells: tuple[str, str]) -> Text:
    """Return one row of (text, style); nothing in it is markup."""
    return Text.assemble(*cells, no_wrap=True, overflow="crop")


# -- the agenda -----------------------------------------------------------------------------------------


def agenda(view: View, hidden: bool) -> Panel:
    """The agenda: state, verdict and time of each entry. *hidden*: what is not announced is not told."""
    items = view.plan.agenda
    return Panel("Agenda", len(items), min(len(items), 3), lambda width, room: _agenda(view, hidden, width, room))


def _agenda(view: View, hidden: bool, width: int, room: int) -> Rows:
    items = view.plan.agenda
    first, last = _window([view.of(item).state for item in items], room)
    widest = max((cell_len(outcome(view, item)[0]) for item in items[first:last]), default=0)
    rows = [_item(view, item, hidden, width, widest) for item in items[first:last]]
    if first:
        rows.insert(0, row((cut(f"  {_counted(view, items[:first])}", width), DIM)))
    if last < len(items):
        rows.append(row((cut(f"  and {len(items) - last} more", width), DIM)))
    return rows


def _window(states: Sequence[str], room: int) -> tuple[int, int]:
    """Return which entries are shown, from and to, when two rows may be needed to tell of the others."""
    if len(states) <= room:
        return 0, len(states)
    done = sum(state in ("ended", "skipped") for state in states)
    inner = max(1, room - 2)
    first = min(max(0, done - inner // 2), len(states) - inner)
    if first <= 1:
        return 0, max(1, room - 1)
    return (first, first + inner) if first + inner < len(states) else (len(states) - max(1, room - 1), len(states))


def _counted(view: View, items: Iterable[Item]) -> str:
    counts = Counter(outcome(view, item)[0] for item in items)
    return "before: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def _item(view: View, item: Item, hidden: bool, width: int, widest: int) -> Text:
    state = view.of(item)
    word, style = outcome(view, item)
    mark = MARKS.get(word) or MARKS.get(state.state, "!")
    secret = hidden and not item.announced and state.state == "open"
    name = "(not announced)" if secret else visible(item.name) + ("" if item.announced else " *")
    name += f"  {_side(item, state.why)}" if width >= WIDE and not secret else ""
    loud = LOUD if state.state == "going on" else ""
    room = width - 2 - 1 - widest - 1 - 7
    return row((f"{mark} ", style), (cut(name, room), loud), (" ", ""), (cut(word, widest), style), (" ", ""),
               (f"{_length(view, item):>7}", loud or DIM))  # fmt: skip


def _side(item: Item, why: str) -> str:
    condition = f"only if {item.only_if}" if item.only_if else ""
    return visible(why or condition)


def outcome(view: View, item: Item) -> tuple[str, str]:
    """Return the word for an entry, and its style: its verdict once it has one."""
    state = view.of(item)
    if state.exit == 6:
        return "undo incomplete", BAD
    if state.state == "ended":
        word = state.verdict or ("done" if not state.exit else f"exit {state.exit}")
        return visible(word), VERDICTS.get(word, "" if word == "done" else WARN)
    return {"open": ("", DIM), "going on": ("going on", "bold cyan")}.get(state.state, (state.state, DIM))


def _length(view: View, item: Item) -> str:
    state = view.of(item)
    if state.began is None:
        return span(item.pause_s) if item.pause_s is not None and state.state == "open" else ""
    if item.pause_s is not None and state.ended is None:
        return span(max(0.0, state.began + item.pause_s - view.now))
    return span((state.ended or view.now) - state.began)


# -- the go/no-go list ----------------------------------------------------------------------------------


def checklist(view: View) -> Panel:
    """The go/no-go list with its answers."""
    lines = view.plan.checklist
    return Panel("Go or no-go", max(1, len(lines)), min(3, max(1, len(lines))), lambda w, room: _checks(view, w, room))


def _checks(view: View, width: int, room: int) -> Rows:
    first_number = 0 if 0 in view.state.answers else 1  # the day may count from either
    answers = [view.state.answers.get(number, "") for number, _ in enumerate(view.plan.checklist, first_number)]
    done = sum(map(bool, answers))
    first = max(0, min(done - room + 2, len(answers) - room))
    pairs = list(zip(view.plan.checklist, answers, strict=True))[first : first + room]
    return [_check(line, answer, width) for line, answer in pairs] or [row(("no list: nothing is asked", DIM))]


def _check(line: CheckItem, answer: str, width: int) -> Text:
    mark, style = ANSWERS.get(answer, ("·", DIM))
    text = line.ask or f"the suite looks at: {line.look}"
    word = f" {answer}" if answer else "" if line.must else " may be no"
    return row((f"{mark} ", style), (cut(visible(text), width - 2 - cell_len(word)), ""), (word, style))


# -- what runs ------------------------------------------------------------------------------------------


def running(view: View, hidden: bool) -> Panel:
    """The experiment that runs, its phase, and the load's figures; or what goes on instead."""
    return fixed("Now", lambda width: _running(view, hidden, width), 4, 3)


def _running(view: View, hidden: bool, width: int) -> Rows:
    item, ran = view.current, view.state.running
    if ran is None:
        return _waiting(view, item, width)
    name = visible(ran.inject or ran.item or ran.file)
    secret = hidden and ran.inject and not _announced(view, ran.inject)
    title = "(not announced)" if secret else name + (" (inject)" if ran.inject else "")
    since = span(view.now - ran.since)
    head = row((cut(title, width - len(since) - 1), LOUD), (f" {since}", ""))
    if view.live is None:
        return [head, row((cut("no figures: it begins, or writes its findings", width), DIM))]
    return [head, _phase(view.live, view.now, width), *_figures(view.live, view.now, width)]


def _announced(view: View, name: str) -> bool:
    return any(inject.name == name and inject.announced for inject in view.plan.injects)


def _waiting(view: View, item: Item | None, width: int) -> Rows:
    if item is None:
        return [row((cut("nothing runs", width), DIM))]
    played = any(event.kind == "run.ended" and event.item == item.name for event in view.events)
    text = "has been played, waits for people" if played else "begins"
    if item.pause_s is not None:
        text = f"pause, {_length(view, item)} left"
    return [row((cut(f"{visible(item.name)}: {text}", width), LOUD)), *wrapped(visible(item.note), width, "", 3)]


def _phase(live: Live, now: float, width: int) -> Text:
    passed = f" {span(now - live.since)}" if live.since else ""
    style = BAD if live.phase in ("fault", "aborted", "interrupted") else "bold cyan"
    room = max(0, width - cell_len(live.phase) - 1 - len(passed))
    return row((visible(live.phase), style), (cut(f" {visible(live.doing)}", room + 1), ""), (passed, ""))


def _figures(live: Live, now: float, width: int) -> Rows:
    if live.age_s(now) > OLD_S:
        return [row((cut(f"its figures are {live.age_s(now):.0f} s old: not known", width), WARN))]
    if not live.figures:
        return [row((cut("no load", width), DIM))]
    errors, rate = live.figures.get("error_ratio"), live.figures.get("rate")
    share = "no answers" if errors is None else f"errors {errors:.2%}"
    style = BAD if errors is None or errors > 0.01 else WARN if errors else GOOD
    many = f"{rate:.0f}/s" if rate is not None else "?/s"
    delays = "  ".join(_delay(live, name) for name in ("p50", "p95", "p99")) + " ms"
    return [row((f"{many:>6}  ", LOUD), (cut(share, width - 8), style)), row((cut(f"{delays}", width), ""))]


def _delay(live: Live, name: str) -> str:
    value = live.figures.get(f"{name}_ms")
    return f"{name} {'?' if value is None else f'{value:.0f}'}"


# -- guards ---------------------------------------------------------------------------------------------


def guards(view: View) -> Panel | None:
    """Each guard with its reading, its limit, and a bar of what is left to it; None: none is known of."""
    if view.live is None or not view.live.guards:
        return None
    lines = view.live.guards
    fresh = view.live.age_s(view.now) <= OLD_S
    return Panel("Guards", len(lines), min(len(lines), 3), lambda width, room: _guards(lines, fresh, width, room))


def _guards(lines: Sequence[GuardLine], fresh: bool, width: int, room: int) -> Rows:
    shown = list(lines)
    if len(shown) > room:  # those that trip or cannot see first
        shown = sorted(
            shown, key=lambda line: -1.0 if line.answer != "yes" else 1.0 if line.left is None else line.left
        )
        rest = len(shown) - (room - 1)
        return [*(_guard(line, fresh, width) for line in shown[: room - 1]),
                row((cut(f"and {rest} more, further from their limits", width), DIM))]  # fmt: skip
    return [_guard(line, fresh, width) for line in shown]


def _guard(line: GuardLine, fresh: bool, width: int) -> Text:
    wide = width >= WIDE
    limit = line.limit if wide else line.limit.partition(" over ")[0].replace("<= ", "≤").replace(">= ", "≥")
    bars, readings, limits = max(7, min(24, width // 5)), 8, 20 if wide else 9
    name = squeezed(_short(visible(line.title)), max(8, width - readings - limits - bars - 3))
    known = fresh and line.answer in ("yes", "no")
    style = _guard_style(line) if known else WARN
    reading = cut(visible(line.reading) if fresh else "old", readings)
    return row((name, ""), (f" {reading.strip():>{readings}} ", style), (cut(visible(limit), limits), DIM),
               (" ", ""), (_guard_bar(line, bars) if known else cut("unknown", bars), style))  # fmt: skip


def _short(title: str) -> str:
    return title.removeprefix("load.").removeprefix("alarm ").rpartition("/")[2] or title


def _guard_bar(line: GuardLine, width: int) -> str:
    if line.answer == "no":
        return cut("TRIPS", width)
    return bar(1.0 if line.left is None else line.left, width)


def _guard_style(line: GuardLine) -> str:
    if line.answer == "no":
        return BAD
    return GOOD if line.left is None or line.left > 0.5 else WARN if line.left > 0.2 else BAD


# -- injects --------------------------------------------------------------------------------------------


def injects(view: View, hidden: bool) -> Panel | None:
    """What is put into the day: when it is due, or when it was."""
    found = view.plan.injects
    if not found:
        return None
    draw: Callable[[int, int], Rows] = lambda width, room: _injects(view, hidden, width, room)  # noqa: E731
    return Panel("Injects", len(found), min(2, len(found)), draw)


def _injects(view: View, hidden: bool, width: int, room: int) -> Rows:
    over = {str(event.data.get("name")): event.kind for event in view.events if event.kind.startswith("inject.")}
    numbered = list(enumerate(view.plan.injects, 1))
    if len(numbered) > room:  # what is still to come counts most
        numbered.sort(key=lambda pair: (pair[1].name in over, view.due.get(pair[1].name, float("inf"))))
    return [_inject(view, number, each, over.get(each.name, ""), hidden, width) for number, each in numbered[:room]]


def _inject(view: View, number: int, inject: Inject, kind: str, hidden: bool, width: int) -> Text:
    secret = hidden and not inject.announced
    what = "(not announced)" if secret else f"{visible(inject.name)}{'' if inject.announced else ' *'}"
    state, style = ("", "") if secret else _inject_state(view, inject, kind)
    label = "" if secret or width < WIDE else f" {inject.kind:<10}"
    state = " " * (14 - cell_len(state)) + state
    room = width - 3 - cell_len(label) - 1 - cell_len(state)
    return row((f"{number:>2} ", LOUD), (cut(what, room), ""), (label, DIM), (" ", ""), (state, style))


def _inject_state(view: View, inject: Inject, kind: str) -> tuple[str, str]:
    if kind in ("inject.failed", "inject.over"):
        return ("failed", BAD) if kind == "inject.failed" else ("over", DIM)
    if inject.name in view.state.fired:
        return f"since {clock(view.state.fired[inject.name], view.plan.when.zone)}", "magenta"
    due = view.due.get(inject.name)
    if due is None:
        return squeezed(f"with {visible(inject.during)}", 14).rstrip(), DIM
    wait_s = due - view.now
    return (f"in {span(wait_s)}", WARN if wait_s < 30 else LOUD) if wait_s > 0 else ("due", WARN)


def wrapped(text: str, width: int, style: str, most: int) -> Rows:
    """Return *text* in rows of *width* cells, at most so many; the last one shows whether there is more."""
    if not text:
        return []
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, width)
    shown = lines[:most]
    if len(lines) > most:
        shown[-1] = cut(shown[-1] + " …", width) if cell_len(shown[-1]) + 2 <= width else cut(shown[-1] + "…", width)
    return [row((line, style)) for line in shown]


def _pieces(word: str, width: int) -> list[str]:
    pieces = [""]
    for one in word:
        if cell_len(pieces[-1]) + cell_len(one) > width:
            pieces.append("")
        pieces[-1] += one
    return pieces
