"""The board of key figures as text, Markdown and page: the same words, and nothing that a name could break."""

from __future__ import annotations

import random
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gameday.analysis.board import Board, board
from gameday.analysis.history import read
from gameday.analysis.stats import Span
from gameday.config import Targets
from reports.pages.kpi import html, markdown, text, whole
from tests.gameday.analysis.releases import DAY_S, NOW, findings, gate, some_watches, write

NASTY = "a|b <script>alert(1)</script> @team `x"


@pytest.fixture
def found(tmp_path: Path) -> Board:
    """A board with every kind of table, and names that mean something in HTML and in Markdown."""
    for each in some_watches(random.Random(2)):
        document = {**each.document, "service": NASTY}
        write(tmp_path, each.ended - 200, "watch.json", f"watch-{each.number}", document)
    write(tmp_path, NOW - DAY_S, "gate.json", "gate", gate(1, NOW - DAY_S, "failed"))
    write(tmp_path, NOW - DAY_S, "findings.json", "run", findings("held", 3.0, NASTY))
    write(tmp_path, NOW, "gate.json", "newer", {"schema": 2})
    return board(read(tmp_path), Span(NOW - 28 * DAY_S, NOW), Targets())


def test_names_do_no_harm(found: Board) -> None:
    """A service's name is text on the page, and one cell of Markdown that calls nobody."""
    page, marked = html(found), markdown(found)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "@team" not in marked
    for table in re.findall(r"(?:^\|.*\n)+", marked, re.M):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table


def test_page_is_whole_and_asks_nobody(found: Board) -> None:
    """Every element is closed, every table has as many cells as its head, and there is no address to load from."""
    page = html(found)
    body = page[page.index("<main>") : page.index("</main>") + len("</main>")]
    for table in ElementTree.fromstring(body.replace("&nbsp;", " ")).iter("table"):
        assert len({len(row) for row in table.iter("tr")}) == 1
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page


def test_all_three_say_the_same(found: Board) -> None:
    """Every number of the text stands on the page; what was left out is named on both."""
    page = re.sub(r"<[^>]+>", " ", html(found)).replace("\u00a0", " ")
    marked = markdown(found)
    for kpi in found.environments[0].services[0].kpis:
        assert kpi.title in text(found) and kpi.title in page
        assert f"{kpi.met.value}: {kpi.why}" in marked
    assert "update gameday" in page and "update gameday" in marked


def test_number_and_unit_stay_together() -> None:
    """A line may end at `to` and after a comma, nowhere else."""
    assert whole("16 min 20 s to 2 h, 3 of 4") == "16\u00a0min\u00a020\u00a0s to 2\u00a0h, 3\u00a0of\u00a04"
