"""Deployments as the watchers and ECS itself tell of them, each counted once: which were good, which failed.

Two who saw the same deployment are matched by its ARN, and the worse word counts. Drills, and the deployments that
take a bad one back, are told apart from changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from typing import Any

from gameday.analysis.stats import Span
from gameday.release import Release


class Outcome(IntEnum):
    """How a deployment ended; of two who tell differently the lower number counts."""

    FAILED = 0
    GOOD = 1
    UNKNOWN = 2  # it ended, or its watcher did, and nobody knows how it went
    GOING_ON = 3


OF_WATCH: Mapping[str, Outcome] = {
    "well": Outcome.GOOD,
    "rolled back": Outcome.FAILED,
    "rolled back by ecs": Outcome.FAILED,
    "rollback failed": Outcome.FAILED,
    "would roll back": Outcome.FAILED,  # found bad by a watcher that was only to look
    "blind": Outcome.UNKNOWN,
    "superseded": Outcome.UNKNOWN,
    "interrupted": Outcome.UNKNOWN,
    "going on": Outcome.GOING_ON,
}
OF_ECS: Mapping[str, Outcome] = {
    "SUCCESSFUL": Outcome.GOOD,
    "ROLLBACK_SUCCESSFUL": Outcome.FAILED,
    "ROLLBACK_FAILED": Outcome.FAILED,
    "STOPPED": Outcome.UNKNOWN,
}
TIMES = ("created_at", "ended_at", "deployed_at", "bad_since", "detected_at", "users_well_at", "taken_back")
NO_RELEASE = Release()
DETECTED = ("circuit breaker", "alarm")  # in the reason of a STOPPED one: ECS found it bad, and had no rollback to do


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a service runs."""

    environment: str
    cluster: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment; times are epoch seconds, None where nobody saw them."""

    key: str  # the ARN of the service deployment, else the folder of the watch
    place: Place
    outcome: Outcome
    release: Release = NO_RELEASE
    seen_by: tuple[str, ...] = ("watch",)
    created_at: float | None = None
    ended_at: float | None = None
    deployed_at: float | None = None
    bad_since: float | None = None
    detected_at: float | None = None
    users_well_at: float | None = None
    taken_back: Span | None = None  # when the watcher deployed the release before, by digest
    taken_back_by: str = ""  # the ARN of that deployment
    drill: bool = False

    @property
    def recovery_s(self) -> float | None:
        """From the instant since which users had it bad, else from the deployment, until they were well."""
        return between(self.bad_since or self.deployed_at, self.users_well_at)

    @property
    def detection_s(self) -> float | None:
        """From the same instant until it was noticed."""
        return between(self.bad_since or self.deployed_at, self.detected_at)


def between(begin: float | None, end: float | None) -> float | None:
    """Return the seconds from *begin* to *end*; None when one is unknown, or the end is before."""
    return None if begin is None or end is None or end < begin else end - begin


def of_ecs(status: str, reason: str = "") -> Outcome:
    """Return what ECS's word for a service deployment says."""
    found_bad = status == "STOPPED" and any(word in reason.lower() for word in DETECTED)
    return Outcome.FAILED if found_bad else OF_ECS.get(status, Outcome.GOING_ON)


def counted(told: Iterable[Deployment], drills: Sequence[tuple[str, Span]] = ()) -> list[Deployment]:
    """Return every deployment once, by their ends; those within one of the *drills* (environment, time) are marked.

    The deployments by which a watcher took a bad one back are left out: they are the end of that one.
    """
    groups: dict[str, list[Deployment]] = defaultdict(list)
    for each in told:
        groups[each.key].append(each)
    found = [_merged(group) for group in groups.values()]
    arns = {each.taken_back_by for each in found}
    backs = [(each.place, each.taken_back) for each in found if each.taken_back]
    kept = [each for each in found if each.key not in arns and not _takes_back(each, backs)]
    marked = [replace(each, drill=each.drill or _within(each, drills)) for each in kept]
    return sorted(marked, key=lambda each: each.ended_at or 0.0)


def first_deployed(deployments: Iterable[Deployment]) -> list[Deployment]:
    """Return the first good deployment of each release: to deploy it once more delivers nothing new.

    A release is its image, and its name where several share one; what any of its deployments tells of it counts.
    """
    ordered = sorted((each for each in deployments if each.ended_at is not None), key=lambda each: each.ended_at or 0.0)
    named: dict[str, str] = {}
    for each in ordered:
        if each.release.id:
            named.setdefault(each.release.digest or each.key, each.release.id)
    groups: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
    for each in ordered:
        image = each.release.digest or ""
        name = each.release.id or named.get(image) or ("" if image else each.key)
        groups[image, name].append(each)
    return [first for group in groups.values() if (first := _first_good(group))]


def _first_good(group: Sequence[Deployment]) -> Deployment | None:
    first = next((each for each in group if each.outcome is Outcome.GOOD), None)
    if first is None:
        return None
    release = asdict(first.release)
    for each in group:
        release = _filled(release, asdict(each.release))
    return replace(first, release=Release(**release))


def _merged(group: Sequence[Deployment]) -> Deployment:
    """Return one deployment with all that several tell of it; the worst outcome's word and times come first."""
    first, *rest = sorted(group, key=lambda each: (each.outcome, each.seen_by != ("watch",)))
    for other in rest:
        first = replace(
            first,
            release=Release(**_filled(asdict(first.release), asdict(other.release))),
            seen_by=tuple(sorted({*first.seen_by, *other.seen_by})),
            drill=first.drill or other.drill,
            taken_back_by=first.taken_back_by or other.taken_back_by,
            **_filled({name: getattr(first, name) for name in TIMES}, {name: getattr(other, name) for name in TIMES}),
        )
    return first


def _filled(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return *known* with what was None taken from *more*."""
    return {name: more[name] if value is None else value for name, value in known.items()}


def _takes_back(each: Deployment, backs: Sequence[tuple[Place, Span]]) -> bool:
    at = each.created_at
    return each.seen_by == ("ecs",) and at is not None and any(
        place == each.place and span.start <= at <= span.end for place, span in backs
    )  # fmt: skip


def _within(each: Deployment, drills: Sequence[tuple[str, Span]]) -> bool:
    at = each.created_at
    return at is not None and any(
        environment == each.place.environment and span.start <= at <= span.end for environment, span in drills
    )
