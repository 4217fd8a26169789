"""The words of a watcher: a period of traffic, a deployment, a good release, an opinion.

Times are seconds since the epoch; ratios are shares of requests, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gameday.model import Json, iso

UNDER_WAY = ("PENDING", "IN_PROGRESS")
GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
WENT_BACK = ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
BY_HAND = "stopped by user"  # what ECS says of a rollback that was asked for by StopServiceDeployment

Signal = Literal["requests", "ErrorRate"]
State = Literal["well", "bad", "unknown", "blind", "not judged"]


@dataclass(frozen=True, slots=True)
class Period:
    """The requests of one period of the metrics, from `at` on, and how many of them failed with a 5xx."""

    at: float
    requests: float
    errors: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What CloudWatch had by one instant: whole periods, oldest first, all before `until`."""

    until: float = 0.0
    periods: tuple[Period, ...] = ()
    error_rate: Mapping[float, float] = field(default_factory=dict)  # FoodConnect/ErrorRate, in percent, by period


@dataclass(frozen=True, slots=True)
class Crash:
    """A task that ended by itself, or was replaced because it failed the load balancer's health checks."""

    task: str
    at: float
    why: str
    of_release: bool  # of the deployment that is watched, not of an older one


@dataclass(frozen=True, slots=True)
class Deployment:
    """One service deployment as ECS describes it."""

    arn: str
    status: str
    created_at: float
    revision: str  # ARN of the service revision that it brings
    task_definition: str
    digests: Mapping[str, str]  # by container
    scheduler_id: str = ""  # `ecs-svc/...`: what its tasks have in `startedBy`
    started_at: float | None = None
    finished_at: float | None = None
    reason: str = ""
    back_to: str = ""  # ARN of the revision that a rollback brings back
    back_reason: str = ""
    back_at: float | None = None

    @property
    def since(self) -> float:
        """When it began to change the service."""
        return self.started_at or self.created_at

    def as_json(self) -> dict[str, Json]:
        """Return it as `watch.json` has it."""
        return {
            "arn": self.arn, "status": self.status, "created_at": iso(self.created_at),
            "started_at": maybe(self.started_at), "finished_at": maybe(self.finished_at), "revision": self.revision,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Good:
    """A release that was brought out whole before: what to go back to."""

    revision: str
    task_definition: str
    images: Mapping[str, str]  # by container, as they were named
    digests: Mapping[str, str]  # by container

    @property
    def by_digest(self) -> dict[str, str]:
        """Return the images by container, each named by its digest alone: `repository@sha256:...`."""
        return {name: f"{repository(self.images[name])}@{digest}" for name, digest in self.digests.items()}

    def as_json(self) -> dict[str, Json]:
        """Return it as `watch.json` has it."""
        digest = ", ".join(sorted(set(self.digests.values())))
        return {"digest": digest, "task_definition": self.task_definition, "revision": self.revision}


@dataclass(frozen=True, slots=True)
class Proof:
    """One window of a rule that was above its limit; for the rule of crashes, `ratio` counts tasks."""

    at: float
    rule: str
    window_s: float
    ratio: float
    requests: float
    limit: float
    weighted: float | None = None  # the request-weighted ratio beside a rule that does not weigh

    def as_json(self) -> dict[str, Json]:
        """Return it as `watch.json` has it."""
        said: dict[str, Json] = {
            "at": iso(self.at), "rule": self.rule, "window_s": self.window_s, "ratio": round(self.ratio, 6),
            "requests": self.requests, "limit": self.limit,
        }  # fmt: skip
        return said if self.weighted is None else {**said, "weighted_ratio": round(self.weighted, 6)}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one look says, in a sentence; `bad` has proofs, and since when it was bad."""

    state: State
    sentence: str
    proofs: tuple[Proof, ...] = ()
    bad_since: float | None = None


def repository(image: str) -> str:
    """Return an image's name without tag and digest; the port of a registry's host is no tag."""
    named = image.partition("@")[0]
    head, slash, last = named.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def maybe(at: float | None) -> str | None:
    """Return an instant as ISO 8601, None for none."""
    return None if at is None else iso(at)
