"""What people say while a day goes on, and the steps of runbooks that they tick: written into the day's events."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from gameday.day.events import Timeline
from gameday.errors import UsageError

FOLDER = Path("docs") / "runbooks"


def tick(timeline: Timeline, step: str, suite: Path, who: str, at: float | None = None) -> str:
    """Tick a step, `RUNBOOK#NUMBER`, and return its text. Raises UsageError: there is no such step."""
    name, _, number = step.rpartition("#")
    if not name or not number.isdigit():
        raise UsageError(f"{step}: write RUNBOOK#NUMBER, as in incident-response#3")
    path = find(name, suite)
    text = _text(path, int(number))
    timeline.add("step.ticked", f"{path.stem} {number}: {text}", who=who, at=at, runbook=str(path.stem),
                 step=int(number))  # fmt: skip
    return text


def find(name: str, suite: Path) -> Path:
    """Return the file of a runbook: a path, from here or from the suite, or the name of one in docs/runbooks."""
    places = [Path(name), suite / name, suite / FOLDER / name, suite / FOLDER / f"{name}.md"]
    for path in places:
        if path.is_file():
            return path
    known = sorted(path.stem for path in (suite / FOLDER).glob("*.md"))
    raise UsageError(f"no runbook {name!r}; known: {', '.join(known) or f'none in {FOLDER}'}")


def _text(path: Path, number: int) -> str:
    if not find_spec("gameday.runbooks.reading"):
        return ""
    steps = import_module("gameday.runbooks").read(path).steps
    found = next((str(step.text) for step in steps if step.number == number), None)
    if found is None:
        raise UsageError(f"{path} has no step {number}; it has {len(steps)}")
    return found
