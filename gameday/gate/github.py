"""A gate as GitHub's workflow commands: what a pull request shows at the line of the experiment.

`::error file=F,line=N,title=T::message`. Everything is escaped as GitHub's own toolkit does it, so that no text of ours
can end a command or begin another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gameday.block import place_of
from gameday.errors import UsageError
from gameday.gate.summary import headline
from gameday.source import Source

LEVELS = {"passed": "", "known": "notice", "quarantined": "warning", "failed": "error", "aborted": "error"}
MOST_LETTERS = 4000  # GitHub keeps 64 kB of a message, and shows far less


def commands(gate: Mapping[str, Any], report_url: str = "") -> Iterator[str]:
    """Yield one command for each experiment that did not just pass, and one for the gate's outcome."""
    more = f"\n{report_url}" if report_url else ""
    for row in gate["experiments"]:
        level = LEVELS.get(row["result"], "error" if row["exit"] else "notice")
        if level:
            title = f"{row['result']}: {row['title']}"
            yield command(
                level, f"{headline(row)}{more}", file=row["file"], line=str(_line(Path(row["file"]))), title=title
            )
    title = f"gate {gate['suite']['name']}: {gate['outcome']}"
    message = gate["why"][0] if gate["why"] else gate["outcome"]
    yield command("error" if gate["exit"] else "notice", f"{message}{more}", title=title)


def command(level: str, message: str, **properties: str) -> str:
    """Return one workflow command."""
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {told}::{_data(message[:MOST_LETTERS])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _line(file: Path) -> int:
    """Return the line of the experiment's objectives; 1 where they cannot be found."""
    with suppress(UsageError):
        source = Source.yaml(file)
        where = place_of(source.data) if isinstance(source.data, dict) else None
        return source.locate((*where, "objectives"), at_key=True)[0] if where else 1
    return 1
