"""What people say while a day goes on, and the steps of runbooks that they tick: written into the day's events."""

from __future__ import annotations

from pathlib import Path

from gameday import runbooks
from gameday.day.events import Timeline
from gameday.errors import UsageError

FOLDER = Path("docs") / "runbooks"


def tick(timeline: Timeline, step: str, suite: Path, who: str, at: float | None = None) -> str:
    """Tick a step, `RUNBOOK#NUMBER`, and return its text. Raises UsageError: there is no such step."""
    name, _, number = step.rpartition("#")
    if not name or not number.isdigit():
        raise UsageError(f"{step}: write RUNBOOK#NUMBER, as in incident-response#3")
    path = find(name, suite)
    known = steps(path)
    if not 0 < int(number) <= len(known):
        raise UsageError(f"{path} has no step {number}; it has {len(known)}")
    text, book = known[int(number) - 1], named(path, suite)
    timeline.add("step.ticked", f"{path.stem} {number}: {text}", who=who, at=at, runbook=book, step=int(number),
                 text=text)  # fmt: skip
    return text


def named(path: Path, suite: Path) -> str:
    """Return a runbook as plans name it: from the suite's root, where it lies below that."""
    whole, root = path.resolve(), suite.resolve()
    return (whole.relative_to(root) if whole.is_relative_to(root) else whole).as_posix()


def find(name: str, suite: Path) -> Path:
    """Return the file of a runbook: a path, from here or from the suite, or the name of one in docs/runbooks."""
    places = [Path(name), suite / name, suite / FOLDER / name, suite / FOLDER / f"{name}.md"]
    for path in places:
        if path.is_file():
            return path
    known = sorted(path.stem for path in (suite / FOLDER).glob("*.md"))
    raise UsageError(f"no runbook {name!r}; known: {', '.join(known) or f'none in {FOLDER}'}")


def steps(path: Path) -> list[str]:
    """Return the steps of a runbook, the first is step 1. Raises UsageError: it cannot be read."""
    return [step.text for step in runbooks.read(path).steps]
