"""The board of key figures: on the terminal, as Markdown, and as one page that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import jinja2

from gameday.analysis.board import Board
from reports.html import prose
from reports.md import safe
from reports.parts.kpi_tables import Table, heading, sections

TEMPLATES = Path(__file__).parents[1]


def text(board: Board) -> str:
    """Return it for a terminal."""
    lines = [f"Key figures of delivery, {heading(board)}"]
    for section in sections(board):
        for table in section.tables:
            lines += ["", f"{section.title}: {table.title}", *_columns(table)]
            why = zip(table.rows, table.why, strict=False)  # a table without targets has no reasons
            lines += [f"  {row[0]}: {row[-1]}, {reason}" for row, reason in why]
            lines += [f"  {line}" for line in table.said]
    return "\n".join(lines)


def markdown(board: Board) -> str:
    """Return it for a pull request or a wiki."""
    lines = ["# Key figures of delivery", "", heading(board), ""]
    for section in sections(board):
        lines += [f"## {safe(section.title)}", ""]
        for table in section.tables:
            marks = "|---|" + "---:|" * (len(table.head) - 2) + ("---|" if table.met else "---:|")
            lines += [f"### {safe(table.title)}", "", _row(table.head), marks, *map(_row, _explained(table)), ""]
            lines += [f"- {safe(line)}" for line in table.said] + [""]
    return "\n".join([*lines, *(f"- {safe(line)}" for line in board.skipped)]).rstrip() + "\n"


def html(board: Board) -> str:
    """Return it as a page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, whole=whole)
    template = environment.get_template("pages/kpi.j2")
    return template.render(heading=heading(board), sections=sections(board), skipped=board.skipped)


def whole(cell: str) -> str:
    """Return a cell in which a number is not parted from its unit at the end of a line."""
    return cell.replace(" ", "\u00a0").replace("\u00a0to\u00a0", " to ").replace(",\u00a0", ", ")


FORMATS: Mapping[str, tuple[str, Callable[[Board], str]]] = {"html": ("kpi.html", html), "md": ("kpi.md", markdown)}


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(safe, cells)) + " |"


def _explained(table: Table) -> list[tuple[str, ...]]:
    """Return the rows with the reasons in their last cells."""
    if not table.met:
        return list(table.rows)
    return [(*row[:-1], f"{row[-1]}: {why}") for row, why in zip(table.rows, table.why, strict=True)]


def _columns(table: Table) -> list[str]:
    """Return the rows in columns, numbers to the right."""
    rows = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return ["  " + "  ".join(line) for line in lines]
