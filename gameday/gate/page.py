"""A gate as one self-contained page, complete without a network or JavaScript; it links to each run's report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gameday.analysis.compare import shown

FACES = {"passed": "good", "known": "good", "failed": "bad", "undo incomplete": "bad", "aborted": "bad",
         "inconclusive": "doubt", "interrupted": "doubt", "refused": "doubt", "quarantined": "doubt"}  # fmt: skip


def render(gate: Mapping[str, Any]) -> str:
    """Return the page of a `gate.json`."""
    here = Path(__file__).parent
    loader = jinja2.FileSystemLoader(here)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    css = Markup((here / "page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.j2").render(gate=gate, css=css, shown=shown, face=_face)


def _face(word: str) -> str:
    return FACES.get(word, "quiet")
