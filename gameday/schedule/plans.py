"""A plan as a schedule needs it: its name, its file, its values; and texts of it that are safe on one line."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from gameday.day import reading
from gameday.day.plan import Plan
from gameday.errors import UsageError

FOLDER = Path("plans")
_ODD = re.compile(r"[^0-9A-Za-z._-]+")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One plan with its file, as seen from the suite's folder."""

    file: str
    plan: Plan

    @property
    def name(self) -> str:
        """Return the file's stem, which names the plan's days."""
        return Path(self.file).stem

    @property
    def id(self) -> str:
        """Return the name of its schedule."""
        return id_of(self.name)

    @property
    def title(self) -> str:
        """Return the title on one line."""
        return one_line(self.plan.title)

    def repeats(self) -> bool:
        """Return whether the day comes again and again. Raises UsageError: it is not due at any time."""
        if self.plan.when.date is None and self.plan.when.cron is None:
            raise UsageError(
                f"{self.file}: nothing to schedule; write `when: {{date: 2026-12-03}}` or `when: {{cron: ...}}`"
            )
        return self.plan.when.cron is not None


def id_of(name: str) -> str:
    """Return a name that every scheduler takes: letters, digits, `.`, `_` and `-`, at most 48, this plan's alone."""
    plain = _ODD.sub("-", name).strip("-.") or "plan"
    if plain == name and len(plain) <= 48:
        return plain
    return f"{plain[:39]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def one_line(text: str, most: int = 200) -> str:
    """Return *text* without line breaks and control characters, cut to *most* characters."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else plain[: most - 3] + "..."


def ranges(numbers: tuple[int, ...]) -> str:
    """Return sorted numbers as schedulers write them: `1-5,9`; `*` for none, which means every one."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs]
    return ",".join(parts) or "*"


def load(name: str, root: Path) -> Scheduled:
    """Return the plan called *name*: a file, or the name of one in `plans/`.

    Raises InputError with its problems; UsageError: there is no such plan.
    """
    path = reading.find(name, root)
    plan = reading.read(path, root).plan
    resolved, folder = path.resolve(), root.resolve()
    return Scheduled(str(resolved.relative_to(folder) if resolved.is_relative_to(folder) else path), plan)


def all_plans(root: Path) -> list[str]:
    """Return the names of the plans of a suite, sorted."""
    return [each.stem for each in reading.plans_of(root)]
