"""What a runs folder tells of releases: watches, gates and experiments, read from their files.

A file that is broken, or of a newer version, is left out and named: one bad file must not hide the others, nor be
read as something it does not say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from gameday.analysis.deliveries import OF_WATCH, Deployment, Outcome, Place
from gameday.analysis.stats import Span
from gameday.model import Json, Verdict
from gameday.record import Record
from gameday.release import Release

SCHEMA = 1
GATE_OUTCOMES = ("passed", "failed", "inconclusive", "refused", "aborted", "undo incomplete", "interrupted")
VERDICTS = tuple(verdict.value for verdict in Verdict)


@dataclass(frozen=True, slots=True)
class Gate:
    """One release gate that was played to its end."""

    environment: str
    outcome: str  # one of GATE_OUTCOMES
    release: Release
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of an experiment. `of_release`: its fault was a bad release, so it is a drill of the rollback."""

    environment: str
    file: str
    title: str
    verdict: str
    began: float
    ended: float
    recovery_s: float | None
    of_release: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """All that was read. `skipped` has a sentence for each file that was not."""

    deployments: tuple[Deployment, ...] = ()
    gates: tuple[Gate, ...] = ()
    trials: tuple[Trial, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)  # of the environments: `lab` or `aws`
    skipped: tuple[str, ...] = ()


class Unreadable(Exception):
    """A file does not say what it should; the message is a sentence for people."""


class Part:
    """A mapping of a file, read strictly: what is there has its type, what is missing is None or empty."""

    def __init__(self, data: Json, name: str = "") -> None:
        if not isinstance(data, dict):
            raise Unreadable(f"{name or 'the file'} is no mapping")
        self.data, self.name = data, name

    def part(self, key: str) -> Part:
        """Return what stands under *key*; null or nothing is an empty mapping."""
        value = self.data.get(key)
        return Part({} if value is None else value, self._path(key))

    def text(self, key: str, known: tuple[str, ...] = ()) -> str:
        """Return a text, which must be one of *known* where given; "" for null or nothing."""
        value = self.data.get(key)
        if known and value not in known:
            raise Unreadable(f"{self._path(key)} is {value!r}, which is none of: {', '.join(known)}")
        if value is not None and not isinstance(value, str):
            raise Unreadable(f"{self._path(key)} is no text: {value!r}")
        return value or ""

    def seconds(self, key: str) -> float | None:
        """Return a number that is not negative; None for null or nothing."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise Unreadable(f"{self._path(key)} is no duration: {value!r}")
        return float(value)

    def time(self, key: str) -> float | None:
        """Return a time as epoch seconds; None for null or nothing."""
        text = self.text(key)
        return instant(text, self._path(key)) if text else None

    def must(self, key: str) -> float:
        """Return a time that has to be there."""
        at = self.time(key)
        if at is None:
            raise Unreadable(f"{self._path(key)} is missing")
        return at

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def instant(text: str, name: str) -> float:
    """Return an ISO 8601 time with its zone as epoch seconds. Raises Unreadable."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.timestamp()
    except (ValueError, OverflowError):
        pass
    raise Unreadable(f"{name} is no time with its zone: {text!r}")


def read(runs: Path) -> History:
    """Read every watch, gate and finished experiment in *runs*; a folder that is not there is an empty one."""
    deployments: list[Deployment] = []
    gates: list[Gate] = []
    trials: list[Trial] = []
    kinds: dict[str, str] = {}
    skipped: list[str] = []
    readers: dict[str, Callable[[Path, Part], None]] = {
        "watch.json": lambda folder, data: deployments.extend(_watch(folder, data)),
        "gate.json": lambda folder, data: gates.extend(_gate(data)),
        "findings.json": lambda folder, data: trials.append(_trial(folder, data)),
    }
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        for name, reader in readers.items():
            try:
                if (data := _document(folder / name)) is not None:
                    reader(folder, data)
                    environment = data.part("environment")
                    kinds[environment.text("name")] = environment.text("kind")
            except Unreadable as error:
                skipped.append(f"{folder / name}: left out: {error}")
    return History(tuple(deployments), tuple(gates), tuple(trials), kinds, tuple(skipped))


def _document(path: Path) -> Part | None:
    """Return a file that this version reads; None: there is none. Raises Unreadable."""
    try:
        if not path.is_file():
            return None
        data = Part(cast("Json", json.loads(path.read_bytes())))
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON: cut off, or edited") from None
    schema = data.data.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise Unreadable(f"it has schema {schema}, this version reads {SCHEMA}; update gameday")
    if schema is True or schema != SCHEMA:
        raise Unreadable(f"it names no schema that is known here: {schema!r}")
    return data


def _environment(data: Part) -> str:
    if not (name := data.part("environment").text("name")):
        raise Unreadable("environment.name is missing")
    return name


def _watch(folder: Path, data: Part) -> list[Deployment]:
    """Return the deployment of a watch; none, when it ended without having found one."""
    deployment, times = data.part("deployment"), data.part("times")
    outcome = OF_WATCH[data.text("outcome", tuple(OF_WATCH))]
    place = Place(_environment(data), _last(data.text("cluster")), _last(data.text("service")))
    arn = deployment.text("arn")
    if not arn and outcome >= Outcome.UNKNOWN:
        return []
    started, back = times.time("rollback_started_at"), data.part("rollback")
    until = times.time("rolled_back_at") or data.time("ended")
    return [
        Deployment(
            key=arn or folder.name,
            place=place,
            outcome=outcome,
            release=_release(data),
            created_at=deployment.time("created_at") or data.time("began"),
            ended_at=deployment.time("finished_at") or data.time("ended"),
            deployed_at=times.time("deployed_at"),
            bad_since=times.time("bad_since"),
            detected_at=times.time("detected_at"),
            users_well_at=times.time("users_well_at"),
            taken_back=Span(started, until) if back.text("how") == "by digest" and started and until else None,
            taken_back_by=back.text("deployment"),
            drill=data.data.get("drill") is True,
        )
    ]


def _last(name: str) -> str:
    """Return the name of a cluster or a service, of which the ARN may stand there."""
    return name.rpartition("/")[2]


def _gate(data: Part) -> list[Gate]:
    """Return a gate; none while it goes on."""
    ended = data.time("ended")
    if ended is None:
        return []
    outcome = data.text("outcome", GATE_OUTCOMES)
    return [Gate(_environment(data), outcome, _release(data), data.must("began"), ended)]


def _release(data: Part) -> Release:
    part = data.part("release")
    for name in ("committed_at", "pushed_at"):
        part.time(name)  # what is no time is told now, with the file's name
    return Release.from_json(part.data)


def _trial(folder: Path, data: Part) -> Trial:
    experiment, phases = data.part("experiment"), data.part("phases")
    ends = [phases.part(name).time("to") for name in phases.data]
    plan = Record(folder).document("plan.json")
    of_release = any(name.startswith("release.") for name in _proofs(plan))
    began = _begun(folder.name)
    known = [at for at in (began, *ends) if at is not None]
    if not known:
        raise Unreadable("nothing tells when it was played; keep the folder's name as it was")
    return Trial(
        environment=_environment(data),
        file=experiment.text("file"),
        title=experiment.text("title"),
        verdict=data.text("verdict", VERDICTS),
        began=min(known),
        ended=max([*known, *(_last_mark(folder) if of_release else [])]),
        recovery_s=data.part("recovery").seconds("recovery_s"),
        of_release=of_release,
    )


def _last_mark(folder: Path) -> list[float]:
    try:
        return [mark.at for mark in Record(folder).marks()[-1:]]
    except TypeError:  # marks of another version
        return []


def _proofs(plan: Json) -> list[str]:
    """Return the names of the proofs of the fault, as the plan has them."""
    block = plan.get("block") if isinstance(plan, dict) else None
    fault = block.get("fault") if isinstance(block, dict) else None
    proof = fault.get("proof") if isinstance(fault, dict) else None
    return [name for name in (proof if isinstance(proof, list) else [proof]) if isinstance(name, str)]


def _begun(name: str) -> float | None:
    """Return the start that stands in a run folder's name; None without one."""
    try:
        return datetime.strptime(name[:20], "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
