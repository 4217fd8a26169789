"""The board of key figures as tables of words, the same on the terminal, in Markdown and on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gameday.analysis.board import Board, DrillBoard, EnvironmentBoard, GateBoard, ServiceBoard
from gameday.analysis.kpi import Kpi, Spread
from reports.parts.words import quantity, seconds

NOTHING = "-"
KPI_HEAD = ("Key figure", "n", "Median or rate", "p10 to p90", "95 % interval", "Target", "Met")
DRILL_HEAD = ("What", "Ended", "n", "Median recovery", "p10 to p90", "Median detection")
GATE_HEAD = ("Time", "n", "Median", "p10 to p90")


@dataclass(frozen=True, slots=True)
class Table:
    """One table with what is to be said below it.

    Where its rows have targets, `met` has the last cell of each (`yes`, `no`, `unknown`), and `why` the reason.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    said: tuple[str, ...] = ()
    met: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One environment."""

    title: str
    tables: tuple[Table, ...]


def heading(board: Board) -> str:
    """Return the window as people read it: `2026-11-01 00:00 to 2026-12-01 00:00 UTC`."""
    return f"{_day(board.window.start)} to {_day(board.window.end)} UTC"


def sections(board: Board) -> list[Section]:
    """Return the tables of each environment."""
    return [Section(_environment(each), tuple(_tables(each))) for each in board.environments]


def _environment(each: EnvironmentBoard) -> str:
    return f"{each.name} (the lab: practice, not production)" if each.kind == "lab" else each.name


def _tables(each: EnvironmentBoard) -> list[Table]:
    tables = [_service(one) for one in each.services]
    if each.gates:
        tables.append(_gates(each.gates))
    if each.drills:
        said = "practice on releases that are bad on purpose: not the recovery of failed deployments above"
        tables.append(_drills("Drills of bad releases", each.drills, said))
    if each.trials:
        said = "recovery after an injected fault, of runs that held or broke: not a key figure of delivery"
        tables.append(_drills("Recovery in experiments", each.trials, said))
    return tables


def _service(one: ServiceBoard) -> Table:
    name = "/".join(filter(None, (one.place.cluster, one.place.service))) or "a service without a name"
    tally = f"deployments known since {_day(one.known_from)} UTC: {_counts(one.outcomes)}"
    rows = tuple(_kpi(kpi) for kpi in one.kpis)
    met, why = tuple(kpi.met.value for kpi in one.kpis), tuple(kpi.why for kpi in one.kpis)
    return Table(name, KPI_HEAD, rows, (tally, *one.notes), met, why)


def _kpi(kpi: Kpi) -> tuple[str, ...]:
    value = NOTHING if kpi.value is None else _value(kpi.value, kpi.unit)
    ends = kpi.interval and _range(*kpi.interval, kpi.unit)
    target = f"{'>' if kpi.more else '<'} {_value(kpi.target, kpi.unit)}"
    spread = NOTHING if kpi.low is None or kpi.high is None else _range(kpi.low, kpi.high, kpi.unit)
    return kpi.title, _n(kpi.n, kpi.missing), value, spread, ends or NOTHING, target, kpi.met.value


def _gates(gates: GateBoard) -> Table:
    times = (
        ("gate, from its beginning to its verdict", gates.took),
        ("release, from its commit to the verdict", gates.from_commit),
        ("release, from the push of its image to the verdict", gates.from_push),
    )
    rows = tuple((what, _n(each.n, each.missing), _median(each), _spread(each)) for what, each in times)
    stopped = f"stopped before production: {gates.stopped} releases, of which {gates.passed_later} passed a later gate"
    return Table("Gates", GATE_HEAD, rows, (_counts(gates.outcomes), stopped))


def _drills(title: str, drills: Sequence[DrillBoard], said: str) -> Table:
    rows = tuple(
        (
            each.what,
            _counts(each.outcomes),
            _n(each.recovery.n, each.recovery.missing),
            _median(each.recovery),
            _spread(each.recovery),
            _median(each.detection) if each.detection else NOTHING,
        )
        for each in drills
    )
    return Table(title, DRILL_HEAD, rows, (said,))


def _counts(tally: Mapping[str, int]) -> str:
    """Return `12 good, 1 failed`."""
    return ", ".join(f"{count} {word}" for word, count in tally.items() if count) or "none"


def _n(n: int, missing: int) -> str:
    return f"{n} of {n + missing}" if missing else str(n)


def _median(spread: Spread) -> str:
    return NOTHING if spread.median is None else seconds(spread.median)


def _spread(spread: Spread) -> str:
    return NOTHING if spread.low is None or spread.high is None else _range(spread.low, spread.high, "s")


def _value(value: float, unit: str) -> str:
    return f"{value:.3g} a week" if unit == "/week" else quantity(value, unit)


def _range(low: float, high: float, unit: str) -> str:
    if unit == "/week":
        return f"{low:.3g} to {high:.3g}"
    return f"{quantity(low, unit)} to {'any' if math.isinf(high) else quantity(high, unit)}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
