"""Records of releases as gates, watchers and runs leave them: files, seeded, with their truth beside them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.model import iso

NOW = 1_796_126_400.0  # 2026-12-01T12:00:00Z
DAY_S = 86400.0
CLUSTER, SERVICE = "foodconnect-cluster", "foodconnect-backend"
FAILED = ("rolled back", "rolled back by ecs", "rollback failed")
UNKNOWN = ("blind", "superseded", "interrupted")


def stamp(at: float) -> str:
    """Return a time as it begins a folder's name."""
    return iso(at)[:19].replace(":", "-") + "Z"


def arn(number: int) -> str:
    """Return the ARN of a service deployment."""
    return f"arn:aws:ecs:eu-west-1:123456789012:service-deployment/{CLUSTER}/{SERVICE}/{number:021d}"


def text(at: float | None) -> str | None:
    """Return an ISO time, or null."""
    return None if at is None else iso(at)


@dataclass(frozen=True)
class Watched:
    """One watch to write; times are epoch seconds."""

    number: int
    ended: float
    outcome: str = "well"
    committed: float | None = None
    pushed: float | None = None
    bad_since: float | None = None
    well_at: float | None = None
    drill: bool = False
    environment: str = "staging"
    name: str = ""  # of the release; without one and a digest each is another
    digest: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The file's content."""
        return {
            "schema": 1,
            "watch": f"watch-{self.number}",
            "environment": {"name": self.environment, "kind": "aws", "region": "eu-west-1"},
            "cluster": CLUSTER,
            "service": SERVICE,
            "release": {
                "id": self.name or f"{self.number:07x}",
                "digest": self.digest or f"sha256:{self.number:064x}",
                "task_definition": None,
                "committed_at": text(self.committed),
                "pushed_at": text(self.pushed),
            },
            "drill": self.drill,
            "began": iso(self.ended - 200),
            "ended": iso(self.ended + 60),
            "outcome": self.outcome,
            "exit": 0 if self.outcome == "well" else 1,
            "why": [],
            "deployment": {
                "arn": arn(self.number),
                "created_at": iso(self.ended - 190),
                "finished_at": iso(self.ended),
                "status": "SUCCESSFUL" if self.outcome == "well" else "ROLLBACK_SUCCESSFUL",
            },
            "evidence": [],
            "times": {
                "deployed_at": iso(self.ended - 180),
                "bad_since": text(self.bad_since),
                "detected_at": text(self.bad_since and self.bad_since + 20),
                "users_well_at": text(self.well_at),
            },
            "rollback": None,
            **self.more,
        }


def gate(number: int, ended: float, outcome: str, **more: Any) -> dict[str, Any]:
    """Return the content of a gate.json."""
    return {
        "schema": 1,
        "environment": {"name": "staging", "kind": "aws"},
        "outcome": outcome,
        "release": {"id": f"{number:07x}"},
        "began": iso(ended - 600),
        "ended": iso(ended),
        **more,
    }


def findings(verdict: str, recovery_s: float | None, title: str = "stop one task", **more: Any) -> dict[str, Any]:
    """Return the content of a findings.json."""
    return {
        "schema": 1,
        "environment": {"name": "staging", "kind": "aws"},
        "experiment": {"file": "x.yaml", "title": title},
        "verdict": verdict,
        "phases": {},
        "recovery": {"recovery_s": recovery_s},
        **more,
    }


def write(runs: Path, at: float, kind: str, name: str, document: object, **files: object) -> Path:
    """Write one record into its folder, with more files beside it; return the folder."""
    folder = runs / f"{stamp(at)}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / kind).write_text(json.dumps(document))
    for stem, content in files.items():
        (folder / f"{stem}.json").write_text(json.dumps(content))
    return folder


def some_watches(dice: random.Random, days: float = 60.0) -> list[Watched]:
    """Return watches of every kind, some before a window of thirty days, some within."""
    found = []
    for number in range(dice.randrange(0, 80)):
        ended = NOW - dice.uniform(0.01, days) * DAY_S
        outcome = dice.choice(["well"] * 6 + [*FAILED, *UNKNOWN])
        bad = ended - dice.uniform(10, 170) if outcome in FAILED and dice.random() < 0.7 else None
        well = ended + dice.uniform(-5, 900) if outcome in FAILED[:2] and dice.random() < 0.9 else None
        found.append(
            Watched(
                number=number,
                ended=ended,
                outcome=outcome,
                committed=ended - dice.uniform(300, 9000) if dice.random() < 0.7 else None,
                pushed=ended - dice.uniform(200, 290) if dice.random() < 0.7 else None,
                bad_since=bad,
                well_at=well,
                drill=dice.random() < 0.1,
            )
        )
    return found
