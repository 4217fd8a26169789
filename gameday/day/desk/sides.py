"""The parts of the coordinator's screen that tell of people and of the day as a whole: clock, budget, roles, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.cells import cell_len
from rich.text import Text

from gameday.day.desk.panels import BAD, DIM, GOOD, LOUD, WARN, WIDE, Panel, Rows, fixed, row, wrapped
from gameday.day.desk.view import ClockLine, View
from gameday.day.desk.words import bar, clock, cut, span, squeezed, visible
from gameday.day.events import Event

STYLES = {"page": WARN, "alarm": WARN, "note": "cyan", "chat": "cyan", "inject": "magenta", "day": LOUD, "item": LOUD,
          "status-page": "cyan", "people": BAD, "people.read": DIM}  # fmt: skip
TELLING = ("name", "alarm", "step", "verdict", "answer", "incident", "status", "outcome")  # where an event has no words


# -- the people's clock ---------------------------------------------------------------------------------


def clocks(view: View) -> Panel:
    """How fast people are, each step against its band; and what nobody has acknowledged."""
    wants = max(1, len(view.clocks)) + len(_unacknowledged(view))
    return fixed("People's clock", lambda width: _clocks(view, width), wants, min(wants, 3))


def _clocks(view: View, width: int) -> Rows:
    pages = [row((cut(text, width), BAD)) for text in _unacknowledged(view)]
    lines = [_clock(view, line, width) for line in view.clocks]
    return pages + (lines or [row((cut("users have not been hit yet", width), DIM))])


def _unacknowledged(view: View) -> list[str]:
    waiting = [page["triggered"] for page in view.state.pages.values()
               if "triggered" in page and not {"acknowledged", "resolved"} & page.keys()]  # fmt: skip
    return [f"PAGE not acknowledged for {span(view.now - at)}" for at in waiting]


def _clock(view: View, line: ClockLine, width: int) -> Text:
    name, seconds, band_s = line
    running = seconds is None and view.hit_at is not None
    passed = view.now - view.hit_at if seconds is None and view.hit_at is not None else seconds
    word, style = _met(seconds, passed, band_s)
    mark = {"in time": "✓", "late": "✗", "overdue": "✗"}.get(word, "·" if seconds is None else "✓")
    shown = "" if passed is None else f"{span(passed)}{'+' if running else ''}"
    limit = f" of {span(band_s)}" if band_s is not None else ""
    who = visible(_by_whom(view)) if "acknowledge" in name and seconds is not None else ""
    if who and width < WIDE:  # the mark says whether it was in time; who it was, nothing else says
        word, who = who.partition(" ")[0], ""
    bars = 6 if passed is not None and band_s and width >= WIDE else 0
    label = min(12 if width < WIDE else 24, max(cell_len(visible(name)) for name, *_ in view.clocks))
    drawn = f" {bar(passed / band_s, bars)}" if bars and passed is not None and band_s else ""
    room = max(0, width - 2 - label - 8 - 9 - len(drawn))
    return row((f"{mark} ", style), (squeezed(visible(name), label), ""), (f"{shown:>8}", LOUD), (f"{limit:<9}", DIM),
               (drawn, style), (cut(f" {word} {who}".rstrip(), room), style))  # fmt: skip


def _met(seconds: float | None, passed: float | None, band_s: float | None) -> tuple[str, str]:
    """Return the word for a step of the clock, and its style."""
    if passed is None or band_s is None:
        return ("waited for" if passed is None else "", DIM)
    if seconds is None:
        return ("", WARN if passed > 0.7 * band_s else DIM) if passed <= band_s else ("overdue", BAD)
    return ("in time", GOOD) if seconds <= band_s else ("late", BAD)


def _by_whom(view: View) -> str:
    return next((event.who for event in reversed(view.events) if event.kind == "page.acknowledged"), "")


# -- the day's budget and rules -------------------------------------------------------------------------


def budget(view: View) -> Panel:
    """What the day has cost its users so far, against what it may, and how near its stop rules are."""
    count = 1 + sum(bound is not None for bound in (view.plan.budget.failed_requests, view.plan.budget.error_ratio))
    wants = count + len(_rules(view))
    return fixed("Budget of the day", lambda width: _budget(view, width), wants, min(wants, 2))


def _budget(view: View, width: int) -> Rows:
    requests, errors = _spent(view)
    limits = view.plan.budget
    rows = []
    if limits.failed_requests is not None:
        rows.append(_share("failed", f"{errors} of {limits.failed_requests}", errors, limits.failed_requests, width))
    if limits.error_ratio is not None:
        ratio = errors / requests if requests else 0.0
        text = f"{ratio:.2%} of {limits.error_ratio:.2%}"
        rows.append(_share("errors", text, ratio, limits.error_ratio, width))
    bounded = limits.failed_requests is not None or limits.error_ratio is not None
    told = f"{requests} requests, {errors} failed" + ("" if bounded else "; no limit")
    return [*rows, *(row((cut(text, width), WARN if near else DIM)) for text, near in _rules(view)),
            row((cut(told, width), DIM))]  # fmt: skip


def _spent(view: View) -> tuple[int, int]:
    """Return requests and errors of the day, those of the run that goes on among them."""
    figures: Mapping[str, float | None] = view.live.figures if view.live and view.state.running else {}
    return (
        view.state.requests + int(figures.get("requests") or 0),
        view.state.errors + int(figures.get("errors") or 0),
    )


def _share(name: str, text: str, value: float, limit: float, width: int) -> Text:
    """Return a row whose bar is what is left."""
    left = 1 - value / limit if limit else (1.0 if not value else 0.0)
    style = BAD if left <= 0.2 else WARN if left <= 0.5 else GOOD
    bars = max(6, min(24, width // 5))
    room = width - 8 - 1 - bars
    word = cut("SPENT", bars) if left < 0 else bar(left, bars)
    return row((cut(name, 8), ""), (cut(text, room), style), (" ", ""), (word, style))


def _rules(view: View) -> list[tuple[str, bool]]:
    verdicts = [state.verdict for state in view.state.items.values() if state.state == "ended"]
    stop = view.plan.stop
    found = []
    if stop.broke:
        count = verdicts.count("broke")
        found.append((f"stops after {stop.broke} that broke: {count} so far", count + 1 >= stop.broke > 1))
    if stop.inconclusive:
        count = sum(verdict in ("inconclusive", "invalid", "refused") for verdict in verdicts)
        found.append((f"stops after {stop.inconclusive} without a proof: {count} so far",
                      count + 1 >= stop.inconclusive > 1))  # fmt: skip
    return found


# -- who is there, and what has happened ----------------------------------------------------------------


def roles(view: View) -> Panel:
    """Who takes part, and who is away."""
    named = view.plan.roles.named()
    return fixed("People", lambda width: [_role(view, role, who, width) for role, who in named.items()], len(named), 0)


def _role(view: View, role: str, people: list[str], width: int) -> Text:
    shown = ", ".join(visible(one) + (" (away)" if one in view.state.away else "") for one in people)
    away = any(one in view.state.away for one in people)
    return row((cut(role, 19), DIM), (cut(shown, width - 19), WARN if away else ""))


def events(view: View, hidden: bool) -> Panel:
    """The newest events, the newest last."""
    shown = [event for event in view.events if not (hidden and _secret(view, event))]
    draw: Callable[[int, int], Rows] = lambda width, room: _events(view, shown, width, room)  # noqa: E731
    return Panel("Events", max(1, len(shown)), 2, draw)


def _secret(view: View, event: Event) -> bool:
    """Return whether an event tells of what was not announced."""
    name = event.data.get("inject") or (event.data.get("name") if event.kind.startswith("inject.") else "")
    return any(inject.name == name and not inject.announced for inject in view.plan.injects)


def _events(view: View, shown: list[Event], width: int, room: int) -> Rows:
    rows: Rows = []
    for event in reversed(shown[-room:]):
        if len(rows) >= room:
            break
        rows = _event(view, event, width, 2 if width < WIDE else 1) + rows
    return rows[-room:] or [row((cut("nothing has happened yet", width), DIM))]


def _event(view: View, event: Event, width: int, most: int) -> Rows:
    at = clock(event.at, view.plan.when.zone)
    who = "" if event.who in ("", "the suite") else f"{visible(event.who)}: "
    style = STYLES.get(event.kind) or STYLES.get(event.kind.partition(".")[0], "")
    lines = wrapped(f"{who}{visible(told(event))}", width - 9, style, most)
    return [row(((at if number == 0 else "").ljust(9), DIM)) + line for number, line in enumerate(lines)]


def told(event: Event) -> str:
    """Return an event in a few words: its own, else what it is and of what."""
    kind = event.kind.replace(".", " ").replace("-", " ")
    facts = [str(event.data[name]) for name in TELLING if event.data.get(name) not in (None, "")]
    if not event.text:
        return " ".join([kind, *filter(None, [event.item]), *facts])
    if event.kind not in ("item.ended", "item.skipped") or event.item in event.text:
        return event.text
    return f"{event.item} {event.data.get('verdict') or event.kind.partition('.')[2]}: {event.text}"
