"""The record of one watch: `watch.json` as it stands now, `marks.jsonl` and `log.jsonl` as it came to it.

The file is written before each step that changes something, so that a watcher started anew finds what was begun.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from gameday.analysis.stats import Span
from gameday.config import Environment
from gameday.model import Json, from_iso, iso
from gameday.record import Record, Recorder
from gameday.release import Release
from gameday.watch.rules import Plan
from gameday.watch.values import Deployment, Opinion, maybe

FILE = "watch.json"
GOING_ON = "going on"
EXITS = {
    "well": 0, "rolled back": 1, "rolled back by ecs": 1, "would roll back": 1, "rollback failed": 6, "blind": 4,
    "superseded": 4, "interrupted": 130,
}  # fmt: skip
TIMES = ("deployed_at", "bad_since", "detected_at", "rollback_started_at", "rolled_back_at", "users_well_at")


@dataclass(slots=True)
class Rollback:
    """What was begun, and how far it is; enough to go on from after a crash."""

    how: str  # stop deployment, by digest
    to: dict[str, Json]  # of the good release; {} where ECS chose it
    allowed: float  # the error ratio at which users count as well again
    deployment: str = ""  # ARN of the deployment that brings the good release back; empty: the bad one's own rollback
    registered: str = ""  # ARN of the task definition by digest
    calls: list[str] = field(default_factory=list)
    verified: bool = False

    def as_json(self) -> dict[str, Json]:
        """Return it as `watch.json` has it."""
        return {
            "how": self.how, "to": self.to, "verified": self.verified, "calls": list(self.calls),
            "allowed": self.allowed, "deployment": self.deployment or None, "registered": self.registered or None,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Rollback:
        """Read what `as_json` wrote."""
        texts = {name: str(value.get(name) or "") for name in ("how", "deployment", "registered")}
        calls, to = cast("list[str]", value.get("calls") or []), cast("dict[str, Json]", value.get("to") or {})
        return cls(
            **texts, to=to, allowed=float(cast("float", value["allowed"])), calls=calls,
            verified=bool(value["verified"]),
        )  # fmt: skip


class Story:
    """What has happened so far. Every change of it is written at once."""

    def __init__(self, folder: Path, environment: Environment, cluster: str, service: str, plan: Plan) -> None:
        self.recorder = Recorder(folder)
        self.environment, self.cluster, self.service, self.plan = environment, cluster, service, plan
        self.release = Release()
        self.drill = False
        self.began = time.time()
        self.ended: float | None = None
        self.outcome = GOING_ON
        self.why: list[str] = []
        self.deployment: Deployment | None = None
        self.watched_arn = ""  # what a watcher that is gone watched
        self.evidence: list[dict[str, Json]] = []
        self.times: dict[str, float | None] = dict.fromkeys(TIMES)
        self.rollback: Rollback | None = None
        self.notified: list[dict[str, Json]] = []
        self.excused: list[Span] = []
        self.blind_s = 0.0
        self.failed_reads = 0
        self.resumed = 0

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.recorder.folder.name

    def as_json(self) -> dict[str, Json]:
        """Return `watch.json`, schema 1."""
        where = self.environment
        rules: list[Json] = [
            {"name": each.name, "windows_s": list(each.windows_s), "limit": each.limit} for each in self.plan.rules
        ]
        return {
            "schema": 1,
            "watch": self.name,
            "environment": {
                "name": where.name, "kind": where.kind, "region": where.region, "account": where.account,
                "build": where.build,
            },
            "cluster": self.cluster, "service": self.service, "release": self.release.as_json(), "drill": self.drill,
            "preset": self.plan.preset, "rules": rules,
            "began": iso(self.began), "ended": maybe(self.ended), "outcome": self.outcome,
            "exit": EXITS.get(self.outcome), "why": list(self.why),
            "deployment": self.deployment.as_json() if self.deployment else None,
            "evidence": list(self.evidence), "times": {name: maybe(at) for name, at in self.times.items()},
            "rollback": self.rollback.as_json() if self.rollback else None, "notified": list(self.notified),
            "excused": [{"from": iso(each.start), "to": iso(each.end)} for each in self.excused],
            "blind_s": round(self.blind_s, 3), "failed_reads": self.failed_reads, "resumed": self.resumed,
        }  # fmt: skip

    def save(self) -> None:
        """Write it down."""
        self.recorder.save(FILE, self.as_json())

    def mark(self, name: str, at: float | None = None, **details: object) -> None:
        """Note an instant durably, and the whole."""
        self.recorder.mark(name, at, fsync=True, **details)
        self.save()

    def say(self, opinion: Opinion, now: float) -> None:
        """Log one look."""
        self.recorder.log(opinion.state, opinion.sentence, looked_at=iso(now))

    def end(self, outcome: str, *why: str) -> None:
        """Write the end, with the decisive sentence first."""
        self.outcome, self.ended = outcome, time.time()
        self.why[:0] = why
        self.mark(f"watch: {outcome}")

    def go_on_from(self, told: Mapping[str, Json]) -> None:
        """Take over what a watcher that is gone wrote: its times, evidence and the rollback it had begun."""
        self.began = from_iso(str(told["began"]))
        self.release = Release.from_json(cast("Mapping[str, Json]", told["release"]))
        self.drill, self.resumed = bool(told["drill"]), int(cast("int", told.get("resumed") or 0)) + 1
        self.evidence = cast("list[dict[str, Json]]", told["evidence"])
        self.notified = cast("list[dict[str, Json]]", told["notified"])
        self.why = cast("list[str]", told["why"])
        times = cast("dict[str, str | None]", told["times"])
        self.times = {name: from_iso(at) if (at := times.get(name)) else None for name in TIMES}
        self.excused = [
            Span(from_iso(each["from"]), from_iso(each["to"])) for each in cast("list[dict[str, str]]", told["excused"])
        ]
        self.blind_s = float(cast("float", told.get("blind_s") or 0.0))
        self.watched_arn = watched_in(told)
        if rollback := told["rollback"]:
            self.rollback = Rollback.from_json(cast("Mapping[str, Json]", rollback))
        self.mark("watch: goes on", resumed=self.resumed)


def watched_in(told: Mapping[str, Json]) -> str:
    """Return the ARN of the deployment that a written watch is about; empty: it had not come so far."""
    deployment = told.get("deployment")
    return str(deployment["arn"]) if isinstance(deployment, dict) else ""


def folder_name(began: float, service: str) -> str:
    """Return the name of a watch's folder."""
    return f"{time.strftime('%Y-%m-%dT%H-%M-%SZ', time.gmtime(began))}-watch-{service}"


def unfinished(runs: Path, environment: Environment, cluster: str, service: str) -> tuple[Path, dict[str, Json]] | None:
    """Return the newest watch of the service, when it was cut short, with what it had written."""
    for folder in sorted(runs.glob(f"*-watch-{service}*"), reverse=True):
        told = Record(folder).document(FILE) if folder.is_dir() else {}
        place = told.get("environment")
        if not isinstance(place, dict) or (place.get("name"), told.get("cluster")) != (environment.name, cluster):
            continue
        if told.get("service") == service:
            return (folder, told) if told.get("outcome") == GOING_ON else None
    return None


def own_folder(runs: Path, began: float, service: str) -> Path:
    """Make a folder that nobody else has."""
    wanted = folder_name(began, service)
    for number in range(1, 100):
        path = runs / (wanted if number == 1 else f"{wanted}-{number}")
        with suppress(FileExistsError):
            path.mkdir(mode=0o700, parents=True)
            return path
    raise FileExistsError(wanted)
