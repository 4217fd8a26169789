"""Everything that `gameday kpi` shows: key figures a service, and apart from them what gates and drills say.

A drill's recovery is practice on a fault that somebody chose: it never counts as the recovery of a failed deployment.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

from gameday.analysis.deliveries import Deployment, Outcome, Place, counted, first_deployed
from gameday.analysis.history import Gate, History, Trial
from gameday.analysis.kpi import Kpi, Spread, kpis, lead_s, since
from gameday.analysis.stats import Span
from gameday.config import Targets
from gameday.model import Answer, Json, iso

SCHEMA = 1
MET = {Answer.YES: True, Answer.NO: False, Answer.UNKNOWN: None}


@dataclass(frozen=True, slots=True)
class ServiceBoard:
    """One service: its key figures, and from when on all of its deployments are known."""

    place: Place
    known_from: float
    outcomes: Mapping[str, int]
    kpis: tuple[Kpi, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateBoard:
    """What the gates of an environment said. `stopped` counts the releases that a gate failed, `passed_later` those of
    them whose newest gate passed.
    """

    outcomes: Mapping[str, int]
    stopped: int
    passed_later: int
    took: Spread  # seconds, from the gate's beginning to its verdict
    from_commit: Spread  # from the release's commit to the verdict
    from_push: Spread


@dataclass(frozen=True, slots=True)
class DrillBoard:
    """Drills of one kind: how many, how they ended, and how long detection and recovery took, in seconds."""

    what: str
    outcomes: Mapping[str, int]
    recovery: Spread
    detection: Spread | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentBoard:
    """One environment; drills of releases come before recoveries of experiments."""

    name: str
    kind: str
    services: tuple[ServiceBoard, ...]
    gates: GateBoard | None
    drills: tuple[DrillBoard, ...]
    trials: tuple[DrillBoard, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """The whole. `outside` counts the records that were read but do not lie in the window."""

    window: Span
    environments: tuple[EnvironmentBoard, ...]
    outside: int = 0
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What ECS itself told of one service: its deployments, and from when on it knows all of them."""

    place: Place
    deployments: tuple[Deployment, ...] = ()
    known_from: float = 0.0
    kind: str = "aws"


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of one environment, in the window and before."""

    deployments: list[Deployment] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)


def board(history: History, window: Span, targets: Targets, only: str = "", asked: Asked | None = None) -> Board:
    """Return the figures of *window*; of the environment called *only*, or of all, each by itself."""
    told = _by_environment(history, asked)
    chosen = {name: each for name, each in sorted(told.items()) if only in ("", name)}
    kinds = {**history.kinds, **({asked.place.environment: asked.kind} if asked else {})}
    found = [_environment(name, kinds.get(name, ""), each, window, targets, asked) for name, each in chosen.items()]
    outside = sum(not window.has(at) for each in chosen.values() for at in _instants(each))
    return Board(window, tuple(each for each in found if not _empty(each)), outside, history.skipped)


def _by_environment(history: History, asked: Asked | None) -> dict[str, _Told]:
    told: dict[str, _Told] = defaultdict(_Told)
    drills = [(trial.environment, Span(trial.began, trial.ended)) for trial in history.trials if trial.of_release]
    for each in counted([*history.deployments, *(asked.deployments if asked else ())], drills):
        told[each.place.environment].deployments.append(each)
    for gate in history.gates:
        told[gate.environment].gates.append(gate)
    for trial in history.trials:
        told[trial.environment].trials.append(trial)
    return told


def _instants(told: _Told) -> list[float]:
    """Return when each record was, for the question from when on something is known."""
    deployments = [at for each in told.deployments if (at := each.created_at or each.ended_at)]
    return [*deployments, *(gate.ended for gate in told.gates), *(trial.began for trial in told.trials)]


def _empty(found: EnvironmentBoard) -> bool:
    return not (found.services or found.gates or found.drills or found.trials)


def _environment(
    name: str, kind: str, told: _Told, window: Span, targets: Targets, asked: Asked | None
) -> EnvironmentBoard:
    changes = [each for each in told.deployments if not each.drill]
    oldest = min(_instants(told), default=window.end)
    services = []
    for place in sorted({each.place for each in changes}):
        complete = asked.known_from if asked and asked.place == place else oldest
        mine = [each for each in changes if each.place == place]
        services.append(_service(place, mine, Span(max(window.start, complete), window.end), targets, asked))
    gates = [gate for gate in told.gates if window.has(gate.ended)]
    trials = [trial for trial in told.trials if window.has(trial.began)]
    return EnvironmentBoard(
        name=name,
        kind=kind,
        services=tuple(services),
        gates=_gates(gates) if gates else None,
        drills=tuple(_drills([each for each in told.deployments if each.drill], trials, window)),
        trials=tuple(_trials(trial for trial in trials if not trial.of_release)),
    )


def _service(
    place: Place, mine: Sequence[Deployment], window: Span, targets: Targets, asked: Asked | None
) -> ServiceBoard:
    ended = [each for each in mine if each.ended_at is not None and window.has(each.ended_at)]
    words = {outcome: outcome.name.lower().replace("_", " ") for outcome in Outcome}
    tally = Counter(words[each.outcome] for each in ended if each.outcome is not Outcome.GOING_ON)
    tally[words[Outcome.GOING_ON]] = sum(each.outcome is Outcome.GOING_ON for each in mine)
    figures = tuple(kpis(mine, window, targets))
    by_ecs = asked is not None and asked.place == place
    notes = tuple(_notes(ended, mine, window, by_ecs))
    return ServiceBoard(place, window.start, {word: tally[word] for word in words.values()}, figures, notes)


def _notes(ended: Sequence[Deployment], mine: Sequence[Deployment], window: Span, by_ecs: bool) -> list[str]:
    """Say what the figures do not."""
    said = []
    if not by_ecs:
        said.append("only deployments that `gameday watch` saw; `--on ENV` adds those that ECS alone knows")
    unwatched = sum(each.seen_by == ("ecs",) and each.outcome is Outcome.GOOD for each in ended)
    if unwatched:
        said.append(
            f"{unwatched} good by ECS's word alone: its tasks passed their health checks; nobody counted errors"
        )
    late = sum(
        each.bad_since is None and each.recovery_s is not None for each in ended if each.outcome is Outcome.FAILED
    )
    if late:
        said.append(f"of the recovery times {late} count from the deployment: nobody saw when it became bad")
    fresh = [each for each in first_deployed(mine) if each.ended_at is not None and window.has(each.ended_at)]
    if early := sum(bool(each.release.committed_at) and lead_s(each) is None for each in fresh):
        said.append(f"{early} left out of the lead time: deployed before the commit that is stated")
    return said


def _gates(gates: Sequence[Gate]) -> GateBoard:
    newest: dict[str, str] = {}
    failed = set()
    for gate in sorted(gates, key=lambda gate: gate.ended):
        key = gate.release.id or gate.release.digest or f"{gate.ended}"
        newest[key] = gate.outcome
        if gate.outcome == "failed":
            failed.add(key)
    return GateBoard(
        outcomes=_tally(gate.outcome for gate in gates),
        stopped=len(failed),
        passed_later=sum(newest[key] == "passed" for key in failed),
        took=Spread.of([gate.ended - gate.began for gate in gates]),
        from_commit=Spread.of([since(gate.release.committed_at, gate.ended) for gate in gates]),
        from_push=Spread.of([since(gate.release.pushed_at, gate.ended) for gate in gates]),
    )


def _drills(deployments: Sequence[Deployment], trials: Sequence[Trial], window: Span) -> list[DrillBoard]:
    """Return drills of the watcher, and runs of experiments whose fault is a bad release: two views, never added."""
    mine = [each for each in deployments if each.ended_at is not None and window.has(each.ended_at)]
    watched = [each for each in mine if "watch" in each.seen_by]
    words = {Outcome.FAILED: "rolled back", Outcome.GOOD: "not noticed"}
    found = []
    if watched:
        noticed = [each for each in watched if each.outcome is Outcome.FAILED]
        found.append(
            DrillBoard(
                "drills that the watcher saw",
                _tally(words.get(each.outcome, "unknown") for each in watched),
                Spread.of([each.recovery_s for each in noticed]),
                Spread.of([each.detection_s for each in noticed]),
            )
        )
    return [*found, *_trials(trial for trial in trials if trial.of_release)]


def _trials(trials: Iterable[Trial]) -> list[DrillBoard]:
    """Return each experiment's runs; only those that held or broke had their fault, and so a recovery."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.title or trial.file].append(trial)
    return [
        DrillBoard(
            what,
            _tally(trial.verdict for trial in group),
            Spread.of([trial.recovery_s for trial in group if trial.verdict in ("held", "broke")]),
        )
        for what, group in sorted(groups.items())
    ]


def _tally(words: Iterable[str]) -> dict[str, int]:
    """Return how often each word is there, the most frequent first."""
    return dict(Counter(words).most_common())


def as_json(found: Board) -> dict[str, Json]:
    """Return the board as `gameday kpi --json` prints it: times in ISO 8601, `met` true, false or null."""
    return {
        "schema": SCHEMA,
        "since": iso(found.window.start),
        "until": iso(found.window.end),
        "environments": [_environment_json(each) for each in found.environments],
        "outside": found.outside,
        "skipped": list(found.skipped),
    }


def _environment_json(each: EnvironmentBoard) -> Json:
    services: list[Json] = [
        {
            "cluster": one.place.cluster,
            "service": one.place.service,
            "known_from": iso(one.known_from),
            "outcomes": dict(one.outcomes),
            "kpis": [_kpi_json(kpi) for kpi in one.kpis],
            "notes": list(one.notes),
        }
        for one in each.services
    ]
    gates, drills, trials = (_plain(part) for part in (each.gates, each.drills, each.trials))
    return {
        "name": each.name, "kind": each.kind, "services": services, "gates": gates, "drills": drills,
        "experiments": trials,
    }  # fmt: skip


def _kpi_json(kpi: Kpi) -> Json:
    end = [None if math.isinf(value) else value for value in kpi.interval] if kpi.interval else None
    plain = {name: value for name, value in asdict(kpi).items() if name != "more"}
    better = "more" if kpi.more else "less"
    return {**plain, "interval": cast("Json", end), "met": MET[kpi.met], "better": better}


def _plain(value: object) -> Json:
    """Return dataclasses within tuples as plain JSON."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return cast("Json", asdict(value)) if value is not None else None  # type: ignore[call-overload]
