"""The gate: everything that can be known before the first fault, and every reason at once why there must be none.

It reads and touches nothing. What can change between the gate and a fault is checked again by the fault itself.
A guard that cannot decide refuses: what cannot be read is a reason too.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gameday.aws import wrong_regions
from gameday.block import block_of
from gameday.config import Environment, environment_variable
from gameday.errors import GamedayError, Refusal
from gameday.model import Block, GuardSpec
from gameday.safety import foreign, freeze
from gameday.safety.armed import Run
from gameday.safety.intent import OURS, Intent, acts, name_of, not_listed, prepared

WORD = "GAMEDAY_PRODUCTION"  # set by `--production NAME`
SESSIONS = ("aws_profile_name", "aws_assume_role_arn")  # of the configuration: chaosaws would use another session
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """What the gate saw: one intent an action, in the order of the file, and why not to go on.

    `method` begins with the probes of the hypothesis that may change something, if there are any.
    """

    method: tuple[Intent, ...]
    rollbacks: tuple[Intent, ...]
    reasons: tuple[str, ...]


def examine(run: Run, experiment: Mapping[str, Any], configuration: Mapping[str, Any], now: float) -> list[Intent]:
    """Return what is about to be done, by the method's actions and by whatever else may change something.

    Raises Refusal with every reason found, each one sentence with its figures.
    """
    found = look(run, experiment, configuration, now)
    if found.reasons:
        raise Refusal("; ".join(found.reasons))
    return list(found.method)


def look(run: Run, experiment: Mapping[str, Any], configuration: Mapping[str, Any], now: float) -> Found:
    """Look at everything, and raise nothing: `gameday plan` shows the targets beside the reasons."""
    block = block_of(experiment)
    reasons = [*_place(run.environment, configuration, now), *_asked("the alarms", lambda: _alarms(run, block)),
               *_asked("the account's FIS safety lever", lambda: _lever(run, block))]  # fmt: skip
    drawn = random.Random()
    drawn.setstate(run.random.getstate())  # the run's own draws come later, and are the same
    run = replace(run, random=drawn)
    method = _intents(run, _played(experiment), configuration, undo=False)
    rollbacks = _intents(run, experiment.get("rollbacks") or [], configuration, undo=True)
    reasons += [reason for intent in (*method, *rollbacks) for reason in intent.refusals]
    return Found(tuple(method), tuple(rollbacks), tuple(dict.fromkeys(reasons)))


def guards_of(environment: Environment, block: Block) -> list[GuardSpec]:
    """Return every guard of a run: the experiment's, the environment's, and an alarm that must stay OK."""
    alarms = [GuardSpec(alarm=name) for name in environment.rules.alarms]
    return [*block.guards, *environment.rules.guards, *alarms]


# -- the place and the time ------------------------------------------------------------------------------


def _place(environment: Environment, configuration: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield what is wrong with where and when: account, region, freeze, production."""
    yield from wrong_regions(environment, configuration)
    if environment.kind == "aws" and not environment.account:
        where = f"[environments.{environment.name}]"
        yield f"{where} names 0 accounts, 1 is needed: whether these credentials are of the right one cannot be said"
    for key in SESSIONS:
        if configuration.get(key):
            yield f"the configuration's {key} leads to another session than the one that was checked"
    yield from freeze.reasons(environment.rules.freeze, now)
    if environment.production and environment_variable(WORD) != environment.name:
        yield f"{environment.name} is production: a run needs the explicit word `--production {environment.name}`"


def _alarms(run: Run, block: Block) -> list[str]:
    """Every alarm that guards the run must be OK before it begins; all are read in one call."""
    stops = [run.environment.names.get("stop_alarm", "")]
    names = list(
        dict.fromkeys(name for name in (*(g.alarm for g in guards_of(run.environment, block)), *stops) if name)
    )
    if not names:
        return []
    kinds: Any = ["MetricAlarm", "CompositeAlarm"]
    answer: Any = run.aws.cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=kinds, MaxRecords=100)
    alarms = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    states = {str(alarm["AlarmName"]): str(alarm["StateValue"]) for alarm in alarms}
    words = {"ALARM": "is firing already (ALARM)", "INSUFFICIENT_DATA": "sees nothing (INSUFFICIENT_DATA)"}
    return [
        f"alarm {name} {words.get(states.get(name, ''), 'is not there')}; it must be OK before a fault"
        for name in names
        if states.get(name) != "OK"
    ]


def _lever(run: Run, block: Block) -> list[str]:
    if not any(guard.safety_lever for guard in guards_of(run.environment, block)):
        return []
    state = run.aws.fis.get_safety_lever(id="default")["safetyLever"]["state"]
    if state["status"] == "disengaged":
        return []
    return [f"the account's FIS safety lever is {state['status']} ({state.get('reason') or 'no reason given'})"]


# -- the actions -----------------------------------------------------------------------------------------


def _played(experiment: Mapping[str, Any]) -> list[Any]:
    """Return what is played before the rollbacks: probes of the hypothesis, those in their tolerances, the method."""
    probes = (experiment.get("steady-state-hypothesis") or {}).get("probes") or []
    tolerances = [probe.get("tolerance") for probe in probes if isinstance(probe, Mapping)]
    return [*probes, *tolerances, *(experiment.get("method") or [])]


def _intents(run: Run, activities: Sequence[Any], configuration: Mapping[str, Any], *, undo: bool) -> list[Intent]:
    acting = [one for one in activities if isinstance(one, Mapping) and acts(one)]
    return [_intent(run, activity, configuration, undo=undo) for activity in acting]


def _intent(run: Run, activity: Mapping[str, Any], configuration: Mapping[str, Any], *, undo: bool) -> Intent:
    """Return the intent of one activity; what keeps it from being made is among its refusals."""
    provider = activity.get("provider") or {}
    action = action_of(provider)
    listed = [] if undo and _only_undoes(provider) else not_listed(run, action)
    made: list[Intent] = []
    reasons = _asked(action, lambda: made.append(_resolved(run, provider, action, configuration, undo=undo)))
    intent = made[0] if made else Intent(f"call {action}", calls_known=False, action=action)
    return replace(intent, refusals=tuple(dict.fromkeys((*listed, *intent.refusals, *reasons))))


def action_of(provider: Mapping[str, Any]) -> str:
    """Return how the rules call what an activity does: `ecs.stop_task`, `process:PATH`, `http:METHOD URL`."""
    kind = provider.get("type")
    if kind == "python":
        return name_of(str(provider.get("module", "")), str(provider.get("func", "")))
    if kind == "process":
        return f"process:{provider.get('path', '')}"
    return f"http:{provider.get('method', 'GET')} {provider.get('url', '')}"


def _resolved(
    run: Run, provider: Mapping[str, Any], action: str, configuration: Mapping[str, Any], *, undo: bool
) -> Intent:
    from chaoslib import substitute

    if provider.get("type") != "python":
        return Intent(
            f"{action}: what it does is not known", calls_known=False, why_no_undo=foreign.WHY_NO_UNDO, action=action
        )
    arguments = substitute(dict(provider.get("arguments") or {}), dict(configuration), None) or {}
    module, function = str(provider.get("module", "")), str(provider.get("func", ""))
    if undo and _only_undoes(provider):
        return Intent(_first_line(module, function), calls_known=False, action=action)
    ours = prepared(run, module, function, arguments)
    return ours if ours is not None else foreign.intent(run, action, arguments, undo=undo)


def _only_undoes(provider: Mapping[str, Any]) -> bool:
    """Return whether it is a function of ours that is no fault and is told nothing: it settles what was promised."""
    module, function = str(provider.get("module", "")), str(provider.get("func", ""))
    if provider.get("type") != "python" or not module.startswith(OURS) or provider.get("arguments"):
        return False
    try:
        return not hasattr(getattr(importlib.import_module(module), function, None), "prepare")
    except ImportError:
        return False


def _first_line(module: str, function: str) -> str:
    text = getattr(importlib.import_module(module), function).__doc__ or f"call {module}.{function}"
    return str(text).strip().splitlines()[0]


def _asked(what: str, look: Callable[[], list[str] | None]) -> list[str]:
    """Return what *look* found; when it cannot be asked, that is a reason."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return look() or []
    except GamedayError as error:
        return [str(error)]
    except (BotoCoreError, ClientError) as error:
        return [f"{what} cannot be read ({error}), and what cannot be read is not allowed"]
    except (TypeError, KeyError, ValueError) as error:
        return [f"{what} cannot be resolved: {type(error).__name__}: {error}"]
