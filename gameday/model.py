"""The words of the suite as values: what an experiment asks for, what a run records, what a verdict says.

Standard library only. Times are seconds since the epoch (UTC); durations are seconds unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Literal

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Answer(Enum):
    """What a check says. No data is UNKNOWN, which is never YES."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Verdict(Enum):
    """How a run ended, in one honest word."""

    HELD = "held"
    BROKE = "broke"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    ABORTED = "aborted"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> int:
        """The exit code of this verdict alone."""
        return _EXIT_OF_VERDICT[self.value]


_EXIT_OF_VERDICT = {
    "held": 0, "broke": 1, "refused": 3, "inconclusive": 4, "invalid": 4, "aborted": 5, "interrupted": 130,
}  # fmt: skip
EXIT_CODES: Mapping[int, str] = {
    0: "held: the fault is proven, load was delivered, data was fresh, every objective was met",
    1: "broke: the same proofs, and an objective was missed",
    2: "bad usage or input: nothing was touched",
    3: "a guard or a precondition said no before the fault",
    4: "inconclusive or invalid: a proof is missing",
    5: "aborted: a guard tripped during the run; everything is undone",
    6: "undo incomplete: something is still changed; the message names the command that restores it",
    70: "a bug of the suite: report it with the run folder",
    130: "interrupted by a signal; everything is undone",
}
WORST_FIRST = (70, 6, 130, 5, 1, 4, 3, 2, 0)


def worst_exit(codes: list[int]) -> int:
    """Return the exit code that stands for several runs."""
    return min(codes, key=WORST_FIRST.index, default=2)


# --- what an experiment asks for: the block `extensions: [{name: gameday, ...}]` ---


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What users do meanwhile: a journey and its open-loop rate in requests a second."""

    journey: str
    rate: float = 60.0
    warmup_s: float | None = None
    baseline_s: float | None = None
    recovery_s: float | None = None


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One CloudWatch metric and the limits between which it is steady."""

    metric: str  # NAMESPACE/NAME; the name is what follows the last slash
    dimensions: Mapping[str, str] = field(default_factory=dict)
    stat: str = "Average"
    max: float | None = None
    min: float | None = None


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What must be seen, from a second source, before the fault counts as having happened; and, in the same words,
    of its repair by others than the suite: a repair that does not come is a weakness, and no missing proof.
    """

    proof: str | list[str]
    repair: str | None = None  # such as `release.rolled_back`; `rolled_back_within_s` is its limit

    @property
    def proofs(self) -> tuple[str, ...]:
        """The proofs' names, such as `ecs.task_stopped`."""
        return (self.proof,) if isinstance(self.proof, str) else tuple(self.proof)

    @property
    def asked(self) -> tuple[str, ...]:
        """Everything that is looked for: the proofs, and the repair."""
        return (*self.proofs, *([self.repair] if self.repair else []))


@dataclass(frozen=True, slots=True)
class GuardSpec:
    """Stop the run when what is watched leaves its limit. Watched is exactly one of: a signal of the load over a
    window, a CloudWatch metric, an alarm, an http address, the account's FIS safety lever.
    """

    signal: str | None = None
    metric: str | None = None  # a name of `steady`, or NAMESPACE/NAME with its own dimensions and stat
    alarm: str | None = None  # metric or composite
    http: str | None = None  # an address, or a path of the environment's url
    safety_lever: bool | None = None  # trips when it is engaged
    dimensions: Mapping[str, str] = field(default_factory=dict)
    stat: str = "Average"
    status: int = 200  # what the http address must answer
    over_s: float = 5.0
    max: float | None = None
    min: float | None = None
    grace_s: float = 10.0  # how long it may be unknown

    @property
    def kinds(self) -> list[str]:
        """Which of the things that can be watched are named; a right guard names one."""
        named = {"signal": self.signal, "metric": self.metric, "alarm": self.alarm, "http": self.http}
        found = [name for name, value in named.items() if value]
        return found + (["safety_lever"] if self.safety_lever else [])

    @property
    def title(self) -> str:
        """The guard in a few words, for messages and marks."""
        if self.alarm:
            return f"alarm {self.alarm}"
        if self.http:
            return f"http {self.http} answers {self.status}"
        if self.safety_lever:
            return "the account's FIS safety lever"
        limits = [
            f"<= {self.max:g}" if self.max is not None else "",
            f">= {self.min:g}" if self.min is not None else "",
        ]
        window = f" over {self.over_s:g} s" if self.signal else ""
        return f"{self.signal or self.metric} {' and '.join(filter(None, limits))}{window}"


@dataclass(frozen=True, slots=True)
class Blast:
    """The most that a fault may hit."""

    tasks: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Objectives:
    """What must hold from the fault to the end of the recovery phase."""

    rolled_back_within_s: float | None = None  # with `fault.repair`; by default the environment's `rollback_s`
    recover_within_s: float | None = None
    error_budget: float | None = None  # share of requests that may fail, 0 to 1
    p99_ms: float | None = None
    p95_ms: float | None = None
    lost_writes: int | None = None
    duplicated_writes: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Our part of an experiment file."""

    name: str = "gameday"
    load: LoadPlan | None = None
    steady: Mapping[str, MetricSpec] = field(default_factory=dict)
    fault: FaultSpec | None = None
    guards: list[GuardSpec] = field(default_factory=list)
    blast: Blast = field(default_factory=Blast)
    objectives: Objectives = field(default_factory=Objectives)
    runbook: str | None = None
    practice: list[str] = field(default_factory=list)
    owner: str | None = None
    deadline_s: float | None = None  # the run is aborted after this long; default: from the environment's phases


SIGNALS: Mapping[str, str] = {
    "load.error_ratio": "share of the requests finished in the window that failed, 0 to 1",
    "load.p50_ms": "median latency, from the due time",
    "load.p95_ms": "95th percentile of the latency, from the due time",
    "load.p99_ms": "99th percentile of the latency, from the due time",
    "load.rate": "requests finished a second",
    "load.send_lag_ms": "99th percentile of how late requests were sent",
}


# --- what a run records ---


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. `done` is None when it was still in flight as the load ended; `status` 0 when no answer came."""

    due: float
    sent: float
    done: float | None
    status: int
    step: str
    error: str = ""

    @property
    def failed(self) -> bool:
        """No answer, or an answer that says no."""
        return self.done is None or not 200 <= self.status < 400

    @property
    def latency_ms(self) -> float | None:
        """From the instant at which the request was due."""
        return None if self.done is None else (self.done - self.due) * 1e3

    @property
    def closed_loop_ms(self) -> float | None:
        """From the instant at which it was sent: what a closed-loop tool would report."""
        return None if self.done is None else (self.done - self.sent) * 1e3


@dataclass(frozen=True, slots=True)
class Point:
    """One sampled point of a metric: its period's start, and when the suite saw it."""

    name: str
    at: float
    value: float
    seen: float


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant with a name."""

    at: float
    name: str
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The load's own count so far: planned arrivals, sent, done, and how late the worst of the last beat was sent."""

    at: float
    planned: int
    sent: int
    done: int
    lag_ms: float


@dataclass(frozen=True, slots=True)
class Write:
    """One write of the load: its key, what the service said, and how often it was found afterwards (None: not read)."""

    key: str
    outcome: Literal["acknowledged", "refused", "indeterminate"]
    found: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a proof saw. `proven` is None while it cannot be said."""

    proven: bool | None
    sentences: tuple[str, ...] = ()
    instants: Mapping[str, float] = field(default_factory=dict)  # name -> when, by the source's own clock
    over: bool = True  # the control plane has finished repairing


def iso(at: float) -> str:
    """Return ISO 8601 in UTC with microseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_iso(text: str) -> float:
    """Read what `iso` wrote."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
