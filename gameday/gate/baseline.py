"""The good gates before this one, read from their `gate.json`: what to compare with, and what was there then.

Good is a gate of the same suite on the same environment that passed. Of each experiment the measures of the newest good
ones count, so a gate that left some out with `--changed-only` takes nothing away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gameday.config import Environment
from gameday.errors import UsageError
from gameday.model import Json

FILE = "gate.json"
FINGERPRINT = "fingerprint.json"
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Good gates, newest first, and what each saw of the system (None: it is not known)."""

    gates: tuple[Document, ...] = ()
    seen: tuple[Mapping[str, Any] | None, ...] = ()

    @property
    def fingerprint(self) -> Mapping[str, Any] | None:
        """What the newest one saw."""
        return self.seen[0] if self.seen else None

    def passed(
        self, file: str, sha256: str, values: Mapping[str, object]
    ) -> tuple[str, Mapping[str, Any] | None] | None:
        """Return the newest good gate that played this very experiment and passed it, with what it saw; None: none did.

        That a gate was good is not enough: the experiment may be newer, changed since, or have been left out of it.
        """
        for gate, seen in zip(self.gates, self.seen, strict=True):
            for each in gate.get("experiments", []):
                same = (each.get("file"), each.get("sha256"), each.get("set") or {}) == (file, sha256, dict(values))
                if same and each.get("result") == "passed":
                    return str(gate.get("gate")), seen
        return None

    def measures(self, file: str, values: Mapping[str, object], keep: int) -> list[dict[str, float | None]]:
        """Return {name: value} of the newest *keep* good plays of an experiment with these values.

        One that got worse, and passed since that is only told, is none: else a few of them would be the new measure.
        """
        found = []
        for gate in self.gates:
            for each in gate.get("experiments", []):
                same = each.get("file") == file and (each.get("set") or {}) == dict(values)
                worse = any(row.get("worse") for row in each.get("compared") or [])
                if same and each.get("result") == "passed" and not worse:
                    found.append({str(row["name"]): row.get("now") for row in each.get("compared") or []})
        return found[:keep]

    def seconds(self, file: str) -> list[float]:
        """Return how long one try of an experiment took in the good gates, the newest first."""
        return [
            float(each["seconds"]) / max(1, len(each.get("runs") or [1]))
            for gate in self.gates
            for each in gate.get("experiments", [])
            if each.get("file") == file and each.get("result") == "passed" and each.get("seconds")
        ]

    def as_json(self) -> dict[str, Json] | None:
        """Return the newest good gate as `gate.json` names it; None: there is none."""
        if not self.gates:
            return None
        newest = self.gates[0]
        release = newest.get("release") or {}
        return {"gate": newest.get("gate"), "release": release.get("id"), "ended": newest.get("ended")}


def good_gates(runs: Path, suite: str, environment: Environment) -> Baseline:
    """Return the good gates of *suite* on *environment* in the runs folder."""
    folders = sorted((path.parent for path in runs.glob(f"*-gate-*/{FILE}")), reverse=True)
    found = [(folder, document) for folder in folders if (document := read(folder / FILE)) is not None]
    good = [(folder, document) for folder, document in found if _is_good(document, suite, environment)]
    return Baseline(tuple(document for _, document in good), tuple(_saved(folder) for folder, _ in good))


def given(path: Path, suite: str, environment: Environment) -> Baseline:
    """Return the one good gate that the user named: its `gate.json`, or its folder.

    Raises UsageError: it is none, or it says nothing about this suite on this environment.
    """
    file = path / FILE if path.is_dir() else path
    document = read(file)
    if document is None:
        raise UsageError(f"--baseline {path}: no gate.json of a gate; name one, or leave it out to use the runs folder")
    if not _is_good(document, suite, environment):
        name, place = (document.get("suite") or {}).get("name"), (document.get("environment") or {}).get("name")
        raise UsageError(
            f"--baseline {path}: suite {name} on {place}, {document.get('outcome')}; "
            f"a passed gate of suite {suite} on {environment.name} is needed"
        )
    return Baseline((document,), (_saved(file.parent),))


def read(file: Path) -> Document | None:
    """Return a `gate.json`; None when it is not one that this version can read."""
    with suppress(OSError, ValueError):
        document = json.loads(file.read_text())
        if isinstance(document, dict) and document.get("schema") == 1 and _whole(document):
            return cast("Document", document)
    return None


def _whole(document: Document) -> bool:
    """Whether the parts that are read here have their form: one broken file must not end every gate after it."""
    rows = document.get("experiments")
    forms = all(isinstance(document.get(name), dict) for name in ("suite", "environment", "release"))
    return forms and isinstance(rows, list) and all(_whole_row(row) for row in rows)


def _whole_row(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("compared"), list) or not isinstance(row.get("runs"), list):
        return False
    numbers = [row.get("seconds"), *(each.get("now") for each in row["compared"] if isinstance(each, dict))]
    named = all(isinstance(each, dict) and "name" in each for each in row["compared"])
    return named and isinstance(row.get("set"), dict) and all(isinstance(n, int | float | None) for n in numbers)


def _is_good(document: Document, suite: str, environment: Environment) -> bool:
    """Whether a gate passed, and is of the same suite and place. Of labs the build is the release: it may differ."""
    place = document.get("environment") or {}
    same = all(place.get(key) == getattr(environment, key) for key in ("name", "kind", "account", "region"))
    return same and document.get("outcome") == "passed" and (document.get("suite") or {}).get("name") == suite


def _saved(folder: Path) -> Mapping[str, Any] | None:
    with suppress(OSError, ValueError):
        saved = json.loads((folder / FINGERPRINT).read_text())
        if isinstance(saved, dict):
            return cast("Mapping[str, Any]", saved)
    return None


def estimate_s(known: Sequence[float], phases: float) -> float:
    """Return how long an experiment will take: as the slowest of the last good ones, else as long as its phases."""
    return max(known[:5]) if known else phases
