"""What a fault is about to do, said before it does it: its targets, its API calls, its undo, and why it may not.

A fault is one generator function under `@fault`: what stands before its `yield Intent(...)` resolves and checks and
touches nothing, what stands after it acts on what was found. The gate and `gameday plan` go as far as the yield; the
run goes on, unless the intent has refusals. So a fault stays one file, found by the name in the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import wraps
from importlib import import_module
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from gameday.aws import reads_only
from gameday.errors import Refusal
from gameday.model import Json
from gameday.safety import armed
from gameday.safety.armed import Run

OURS = "actions."
IAM_PREFIXES = {"elbv2": "elasticloadbalancing"}  # where it is not botocore's name
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a fault hits, by its kind (`ecs.service`, `rds.instance` ...), name and ARN."""

    kind: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, with the parameters that will be sent; `resource` is the ARN that a policy must allow."""

    service: str
    operation: str
    params: Mapping[str, Json] = field(default_factory=dict)
    resource: str = "*"

    @property
    def name(self) -> str:
        """Such as `ecs:StopTask`: botocore's service, the operation."""
        return f"{self.service}:{self.operation}"

    @property
    def action(self) -> str:
        """What IAM calls it."""
        return f"{IAM_PREFIXES.get(self.service, self.service)}:{self.operation}"

    @property
    def mutating(self) -> bool:
        """Whether it changes anything."""
        return not reads_only(self.operation)


@dataclass(frozen=True, slots=True)
class Undo:
    """One thing that is put back: what, by which command without the suite, by which calls with it."""

    sentence: str
    by_hand: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """What one action will do. `hit` of `of` is None when it cannot be said beforehand."""

    sentence: str
    targets: tuple[Target, ...] = ()
    hit: int | None = None
    of: int | None = None
    what: str = "tasks"
    calls: tuple[Call, ...] = ()
    calls_known: bool = True  # False: an action that is not ours, whose calls nobody has written down
    undo: tuple[Undo, ...] = ()
    why_no_undo: str = ""
    ends_by_itself: str = ""  # what ends it, and when
    lasts_s: float = 0.0
    drawn_from: tuple[str, ...] = ()  # ARNs of which `hit` are drawn by the run's seed
    passes_role: str = ""  # an IAM role that a call hands over to FIS
    passes_to_tasks: tuple[str, ...] = ()  # IAM roles that a call hands over to tasks of ECS
    refusals: tuple[str, ...] = ()  # why it must not happen; empty: it may
    action: str = ""  # `ecs.stop_task`; of others `chaosaws.ecs.actions.stop_task`

    def plain(self) -> dict[str, Json]:
        """Return it as JSON."""
        return cast("dict[str, Json]", asdict(self))


Fault = Generator[Intent, None, R]


def fault(body: Callable[Concatenate[Run, P], Fault[R]]) -> Callable[P, R]:
    """Make an action of a generator `(run, arguments) -> yields one Intent, returns the action's output`.

    The action has the same signature without `run`. Called, it refuses unless a run is armed, and when its intent has
    refusals; the intent is made anew then, so what changed since the gate is seen.
    """
    name = name_of(body.__module__, body.__name__)

    def prepare(run: Run, *args: P.args, **kwargs: P.kwargs) -> Intent:
        steps = body(run, *args, **kwargs)
        try:
            return replace(next(steps), action=name)
        finally:
            steps.close()

    @wraps(body)
    def act(*args: P.args, **kwargs: P.kwargs) -> R:
        run = armed.current()
        steps = body(run, *args, **kwargs)
        refusals = [*not_listed(run, name), *next(steps).refusals]
        if refusals:
            steps.close()
            raise Refusal("" + "; ".join(refusals))
        try:
            next(steps)
        except StopIteration as end:
            return cast("R", end.value)
        raise RuntimeError(f"{name} yields more than one intent")

    vars(act).update(prepare=prepare, __signature__=_signature(body))
    return act


def acts(activity: Mapping[str, Any]) -> bool:
    """Return whether an activity may change something: an action, or a function of an actions module called a probe."""
    module = str((activity.get("provider") or {}).get("module", ""))
    return activity.get("type") == "action" or "actions" in module.split(".")


def name_of(module: str, function: str) -> str:
    """Return how an action is called in the rules: `ecs.stop_task` for ours, the whole name for others."""
    return f"{module.removeprefix(OURS)}.{function}"


def not_listed(run: Run, action: str) -> list[str]:
    """Return why *action* is not allowed in the run's environment: what is not listed is off."""
    rules, name = run.environment.rules, run.environment.name
    if action in rules.actions:
        return []
    return [
        f"{action} is not among the {len(rules.actions)} actions of [environments.{name}.rules]; "
        "list it there when it may run"
    ]


def prepared(run: Run, module: str, function: str, arguments: Mapping[str, Any]) -> Intent | None:
    """Return the intent of a fault of ours, touching nothing; None when the function is no fault of ours.

    Raises Refusal: it cannot be resolved at all.
    """
    found = getattr(import_module(module), function, None)
    prepare = getattr(found, "prepare", None)
    if prepare is None or not module.startswith(OURS):
        return None
    return cast("Intent", prepare(run, **arguments))


def _signature(body: Callable[..., object]) -> inspect.Signature:
    """Return what an experiment's author sees: without `run`, and with the output instead of the generator."""
    whole = inspect.signature(body)
    output = str(whole.return_annotation).removeprefix("Fault[").removesuffix("]")
    return whole.replace(parameters=list(whole.parameters.values())[1:], return_annotation=output)
