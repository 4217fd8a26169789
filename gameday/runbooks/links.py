"""Links of a page: files that are there, and headings inside of them. Addresses elsewhere are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from gameday.errors import Problem, UsageError
from gameday.runbooks.reading import Heading, Runbook, read

_ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//|\$)", re.IGNORECASE)


def problems(page: Runbook, root: Path) -> Iterator[Problem]:
    """Yield each link of *page* that leads nowhere; what begins with `/` is looked for from *root*."""
    for link in page.links:
        if _ELSEWHERE.match(link.target):
            continue
        name, _, anchor = unquote(link.target).partition("#")
        there = _file(page, name, root)
        try:
            exists = there.exists()
        except (OSError, ValueError):
            exists = False
        if not exists:
            yield page.problem(link.line, link.column, f"no {name!r} is there; name a file, from this page's folder")
        elif anchor and there.suffix == ".md" and anchor not in _anchors_of(there, page):
            said = f"{name or 'this page'} has no heading #{anchor}; name one that is there"
            yield page.problem(link.line, link.column, said)


def _file(page: Runbook, name: str, root: Path) -> Path:
    if not name:
        return page.path
    return root / name.lstrip("/") if name.startswith("/") else page.path.parent / name


def _anchors_of(there: Path, page: Runbook) -> frozenset[str]:
    if there == page.path:
        return anchors(page.headings)
    return _anchors_at(there.resolve())


@lru_cache(maxsize=64)
def _anchors_at(path: Path) -> frozenset[str]:
    try:
        return anchors(read(path).headings)
    except UsageError:
        return frozenset()


def anchors(headings: tuple[Heading, ...]) -> frozenset[str]:
    """Return the anchors that GitHub gives to headings."""
    found: dict[str, int] = {}
    names = set()
    for heading in headings:
        name = re.sub(r"[^\w\- ]", "", heading.text.lower()).replace(" ", "-")
        count = found.get(name, 0)
        found[name] = count + 1
        names.add(f"{name}-{count}" if count else name)
    return frozenset(names)
