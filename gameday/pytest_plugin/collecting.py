"""Which files are experiments, and what is wrong with them: told with FILE:LINE:COL before anything is played.

A file is one when two of the three keys that make an experiment stand at its top; plans, suites, workflows and every
other YAML or JSON are left alone. Nothing that a file names is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.errors import GamedayError
from gameday.pytest_plugin.desk import DESK
from gameday.pytest_plugin.items import ExperimentItem
from gameday.pytest_plugin.played import shown

SUFFIXES = (".yaml", ".yml", ".json")
KEYS = {"title", "method", "steady-state-hypothesis"}
FIRST_BYTES = 2**17  # no experiment is larger
_ANYWHERE = re.compile(r"""["']?\b(title|method|steady-state-hypothesis)["']?\s*:""")
_AT_TOP = re.compile(r"""(?m)^["']?(title|method|steady-state-hypothesis)["']?\s*:""")


def is_experiment(path: Path) -> bool:
    """Return whether a file is, or was meant to be, an experiment of Chaos Toolkit."""
    if path.suffix not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            text = file.read(FIRST_BYTES).decode(errors="replace")
    except OSError:
        return False
    if not _two(_ANYWHERE, text):
        return False
    from gameday.source import Source

    try:
        data = Source.yaml(path).data
    except GamedayError:  # a broken experiment is one still: collecting it tells where it is broken
        return _two(_ANYWHERE if path.suffix == ".json" else _AT_TOP, text)
    return isinstance(data, dict) and len(KEYS & data.keys()) >= 2


def _two(key: re.Pattern[str], text: str) -> bool:
    return len(set(key.findall(text))) >= 2


class ExperimentFile(pytest.File):
    """One experiment file; it holds one item."""

    def collect(self) -> Iterator[ExperimentItem]:
        """Yield the experiment. Raises CollectError with every reason not to play it."""
        from gameday.source import Source

        try:
            source = Source.yaml(shown(self.path))
            self.config.stash[DESK].check(self.path)
        except GamedayError as error:
            raise self.CollectError(str(error)) from None
        data = source.data if isinstance(source.data, dict) else {}
        tags = data.get("tags")
        item: ExperimentItem = ExperimentItem.from_parent(
            self,
            name=self.path.stem,
            title=" ".join(str(data["title"]).split()),
            line=source.locate(("title",), at_key=True)[0],
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        )
        yield item
