"""Runs a query of Logs Insights: the events go through its commands, newest first, and become rows of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from lab.aws.logs_query_commands import (
    DEFAULT_LIMIT,
    Column,
    Command,
    Dedup,
    Display,
    Fields,
    Filter,
    Limit,
    Parse,
    Sort,
    Stats,
)
from lab.aws.logs_query_evaluate import compute_of, summary_of, test_of
from lab.aws.logs_query_syntax import Field
from lab.aws.logs_query_values import Row, Value, number, text

Step = Callable[[Iterable[Row]], Iterable[Row]]
PLAIN = (Column("@timestamp", Field("@timestamp")), Column("@message", Field("@message")))


@dataclass(slots=True)
class Plan:
    """The steps of a query and the columns that it shows. Making one finds the errors that the parser cannot."""

    commands: Sequence[Command]
    limit: int = DEFAULT_LIMIT
    steps: list[Step] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    displayed: bool = False
    matched: int = 0  # rows that the filters let pass

    def __post_init__(self) -> None:
        self.limit = next((c.rows for c in reversed(self.commands) if isinstance(c, Limit)), self.limit)
        counted = False
        for command in self.commands:
            if not counted and not isinstance(command, Fields | Display | Filter | Parse):
                self.steps.append(self._count)
                counted = True
            self.steps.append(self._step(command))
        if not counted:
            self.steps.append(self._count)

    def run(self, rows: Iterable[Row]) -> list[Row]:
        """Let rows (newest first) go through."""
        for step in self.steps:
            rows = step(rows)
        return list(islice(rows, self.limit))

    def result(self, row: Row) -> list[dict[str, str]]:
        """Return a row as GetQueryResults gives it; fields that it lacks are left out."""
        names = self.shown or [column.name for column in PLAIN]
        pairs = [(name, row.get(name)) for name in names]
        pairs.append(("@ptr", row.pointer()))
        return [{"field": name, "value": text(value)} for name, value in pairs if value is not None]

    def _count(self, rows: Iterable[Row]) -> Iterable[Row]:
        every = list(rows)  # also those that a limit cuts off are counted
        self.matched = len(every)
        return every

    def _step(self, command: Command) -> Step:
        match command:
            case Fields(columns):
                self._show(columns)
                return _added(columns)
            case Display(columns):
                self.shown, self.displayed = [], False
                self._show(columns)
                self.displayed = True
                return _added(columns)
            case Filter(node):
                test = test_of(node)
                return lambda rows: filter(test, rows)
            case Parse():
                return _parsed(command)
            case Stats():
                self.shown, self.displayed = [], False
                self._show((*command.by, *command.columns))
                return _grouped(command)
            case Sort():
                return _sorted(command)
            case Limit(count):
                return lambda rows: islice(rows, count)
            case Dedup(columns):
                return _single(columns)

    def _show(self, columns: Sequence[Column]) -> None:
        if not self.displayed:
            self.shown += [column.name for column in columns if column.name not in self.shown]


def _added(columns: Sequence[Column]) -> Step:
    """Compute what is not just a field of that name."""
    computed = [(each.name, compute_of(each.node)) for each in columns if each.node != Field(each.name)]
    if not computed:
        return lambda rows: rows

    def step(rows: Iterable[Row]) -> Iterable[Row]:
        for row in rows:
            for name, compute in computed:
                if name not in row.own or row.event is not None:
                    row.own[name] = compute(row)
            yield row

    return step


def _parsed(command: Parse) -> Step:
    source, search = compute_of(command.source), command.pattern.search

    def step(rows: Iterable[Row]) -> Iterable[Row]:
        for row in rows:
            found = search(text(source(row)))
            if found is not None:
                row.own.update(zip(command.names, found.groups(), strict=True))
            yield row

    return step


def _grouped(command: Stats) -> Step:
    keys = [(column.name, compute_of(column.node)) for column in command.by]
    sums = [(column.name, summary_of(column.node)) for column in command.columns]

    def step(rows: Iterable[Row]) -> Iterable[Row]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(compute(row) for _, compute in keys), []).append(row)
        for values, members in groups.items():
            row = Row()
            row.own = dict(zip((name for name, _ in keys), values, strict=True))
            row.own |= {name: compute(members) for name, compute in sums}
            yield row

    return step


def _sorted(command: Sort) -> Step:
    keys = [(_by_name(column), descending) for column, descending in command.keys]

    def step(rows: Iterable[Row]) -> Iterable[Row]:
        ordered = list(rows)
        for compute, descending in reversed(keys):  # sorting is stable: the most important key comes last
            present = [(value, row) for row in ordered if (value := compute(row)) is not None]
            missing = [row for row in ordered if compute(row) is None]
            present.sort(key=lambda pair: _rank(pair[0]), reverse=descending)
            ordered = [row for _, row in present] + missing
        return ordered

    return step


def _by_name(column: Column) -> Callable[[Row], Value]:
    compute = compute_of(column.node)
    return lambda row: row.own[column.name] if column.name in row.own else compute(row)


def _rank(value: Value) -> tuple[int, float, str]:
    """Numbers before texts."""
    found = number(value)
    return (1, 0.0, text(value)) if found is None else (0, found, "")


def _single(columns: Sequence[Column]) -> Step:
    keys = [_by_name(column) for column in columns]

    def step(rows: Iterable[Row]) -> Iterable[Row]:
        seen: set[tuple[str, ...]] = set()
        for row in rows:
            values = [key(row) for key in keys]
            if None in values:  # a missing value is no duplicate of another
                yield row
                continue
            shown = tuple(map(text, values))
            if shown not in seen:
                seen.add(shown)
                yield row

    return step
