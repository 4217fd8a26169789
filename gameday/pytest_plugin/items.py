"""An experiment as a test: it passes when the verdict is held, and on nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.pytest_plugin.desk import DESK, failing, settled
from gameday.pytest_plugin.played import message


class ExperimentItem(pytest.Item):
    """One experiment. Its title and tags are keywords, so that `-k rds` picks it; `-m gameday` picks all of them."""

    def __init__(self, *, title: str, line: int, tags: tuple[str, ...], **more: Any) -> None:
        super().__init__(**more)
        self.title = title
        self.line = line
        self.add_marker("gameday")
        self.extra_keyword_matches.update((title, *tags))

    def runtest(self) -> None:
        """Play it. What is not held fails, with one message; a refusal may be a skip."""
        desk = self.config.stash[DESK]
        with failing():
            played = settled(self, desk.play(self.path))
        if played.word == "held":
            return
        if played.word == "refused" and desk.options.refused == "skip":
            pytest.skip(message(played, self.line))
        pytest.fail(message(played, self.line), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the title stands, and the title."""
        return self.path, self.line - 1, self.title
