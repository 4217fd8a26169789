"""A plan before its day: when each thing would begin, what would be refused, who would hear of it. It changes nothing.

Each experiment is rehearsed as `gameday plan FILE` does it. What responders are not told beforehand (items and injects
that are not announced) is counted and not named, unless it is to be revealed: this page may be shown to all of them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from gameday.aws import Aws
from gameday.config import Environment
from gameday.day import actions, calendar, injects
from gameday.day.foresight import SET_ALARM, Span, in_the_way, spans, windows
from gameday.day.plan import Inject, Item, Plan
from gameday.day.reading import Loaded
from gameday.decode import suggestion
from gameday.engine.check import check
from gameday.engine.rehearsal import refusals_of, rehearse
from gameday.engine.setup import facts
from gameday.errors import GamedayError, UsageError
from gameday.gate.suite import keys_of
from gameday.model import Block, Json, iso
from gameday.notify import Delivery, channels_of
from gameday.notify import check as look_at
from gameday.notify.channels import Channels

HIDDEN = "what is not announced"


@dataclass(frozen=True, slots=True)
class Trial:
    """The rehearsal of one experiment in a few lines: what it would do, or why it would be refused."""

    would_run: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that pages, or that an inject sets off: whether it is there (None: not known), and how many it tells."""

    name: str
    there: bool | None
    tells: int = 0
    why: str = ""

    @property
    def sentence(self) -> str:
        """What is to be known of it before the day."""
        if self.there is None:
            return f"alarm {self.name} cannot be read ({self.why}), so nobody knows whether a page can come of it"
        if not self.there:
            return f"alarm {self.name} is not there, so no page can come of it"
        return f"alarm {self.name} tells {self.tells} topic{'s' if self.tells != 1 else ''}" + (
            "" if self.tells else ": it has no action, or they are off, so no page can come of it"
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """All that is known of a day beforehand. *trials* are by item or inject; instants in seconds since the epoch."""

    loaded: Loaded
    environment: Environment
    begins: float | None  # the next begin; None: when somebody plays it
    spans: tuple[Span, ...]
    trials: Mapping[str, Trial]
    alarms: tuple[Alarm, ...]
    channels: tuple[Delivery, ...]
    drawn: Mapping[str, float]  # the injects' delays
    action_items: tuple[Mapping[str, Json], ...]
    reasons: tuple[str, ...]  # why the day, or a part that is announced, would be refused
    hidden_reasons: tuple[str, ...]

    @property
    def would_run(self) -> bool:
        """Whether nothing known beforehand is in the way."""
        return not self.reasons and not self.hidden_reasons


def preview(loaded: Loaded, environment: Environment, runs: Path, given: Mapping[str, Json]) -> Preview:
    """Look at everything that can be known of a day on *environment*; *runs* has the earlier days.

    *given* are values for every experiment that has them. Raises InputError or UsageError: the plan or a channel is
    wrong.
    """
    now, plan = time.time(), loaded.plan
    begins = calendar.next_due(plan.when, now)
    blocks = {name: check(file, loaded.root)[1] or Block() for name, file in loaded.files.items()}
    trials = dict(_trials(loaded, environment, given))
    alarms = tuple(_alarms(plan, environment))
    open_, hidden = _reasons(plan, environment, trials, alarms)
    return Preview(
        loaded, environment, begins, tuple(spans(plan.agenda, blocks, environment)), trials, alarms,
        tuple(_channels(plan, environment, loaded.root)), _drawn(plan), tuple(_action_items(loaded, runs, now)),
        (*_time(plan, environment, begins, now), *open_), tuple(hidden),
    )  # fmt: skip


def check_values(loaded: Loaded, environment: Environment, given: Mapping[str, Json]) -> None:
    """Raise UsageError for a value that is for nothing: no experiment of the plan has it."""
    known = sorted(frozenset[str]().union(*(keys_of(file, environment.names) for file in loaded.files.values())))
    for key in given:
        if key not in known:
            hint = suggestion(key, known) if known else "it has none"
            raise UsageError(f"--set {key}: no experiment of {loaded.path} and not the environment has it; {hint}")


def parts_of(plan: Plan) -> list[Item | Inject]:
    """Return the items and the injects of a plan."""
    return [*plan.agenda, *plan.injects]


def announced(plan: Plan, part: Item | Inject) -> bool:
    """Return whether responders may know of *part* beforehand: an inject is not more announced than its item."""
    item = next((one for one in plan.agenda if isinstance(part, Inject) and one.name == part.during), None)
    return part.announced and (item is None or item.announced)


def _time(plan: Plan, environment: Environment, begins: float | None, now: float) -> Iterator[str]:
    if begins is None and plan.when.date is not None:
        yield f"the day was due on {plan.when.date} and is over; give it another date"
        return
    if why := in_the_way(plan, windows(plan, environment), now if begins is None else begins):
        yield why


def _trials(loaded: Loaded, environment: Environment, given: Mapping[str, Json]) -> Iterator[tuple[str, Trial]]:
    """Yield (name of the item or inject, its trial); the same experiment with the same values is rehearsed once."""
    known: dict[str, Trial] = {}
    keys = {name: keys_of(file, environment.names) for name, file in loaded.files.items()}
    for part in parts_of(loaded.plan):
        if not part.experiment:
            continue
        file = loaded.files[part.name]
        values = {**part.set, **{key: value for key, value in given.items() if key in keys[part.name]}}
        same = f"{file} {sorted(values.items())}"
        known[same] = known.get(same) or _trial(file, environment, loaded.root, values)
        yield part.name, known[same]


def _trial(file: Path, environment: Environment, root: Path, values: Mapping[str, Json]) -> Trial:
    try:
        found = rehearse(file, environment, root, values)
    except UsageError:
        raise
    except GamedayError as error:
        return Trial(False, (str(error),))
    denied = [f"{one.action} on {one.resource} is denied ({one.how})" for one in found.denied]
    if reasons := tuple(dict.fromkeys([*found.refusals, *denied])):
        return Trial(False, reasons)
    return Trial(True, tuple(action.intent.sentence for action in found.method))


def _alarms(plan: Plan, environment: Environment) -> Iterator[Alarm]:
    """Look at every alarm that the plan counts on, in one call."""
    from botocore.exceptions import BotoCoreError, ClientError

    asked = [part.expect.page for part in parts_of(plan) if part.expect]
    names = list(dict.fromkeys([*asked, *(one.alarm for one in plan.injects if one.alarm)]))
    if not names:
        return
    kinds: Any = ["MetricAlarm", "CompositeAlarm"]
    client = Aws(environment, read_only=True).cloudwatch
    try:
        answer: Any = client.describe_alarms(AlarmNames=names, AlarmTypes=kinds, MaxRecords=100)
    except (BotoCoreError, ClientError) as error:
        yield from (Alarm(name, None, why=str(error)) for name in names)
        return
    there = {one["AlarmName"]: one for one in (*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", []))}
    for name in names:
        alarm = there.get(name) or {}
        yield Alarm(name, bool(alarm), len(alarm.get("AlarmActions", [])) if alarm.get("ActionsEnabled") else 0)


def _reasons(
    plan: Plan, environment: Environment, trials: Mapping[str, Trial], alarms: Sequence[Alarm]
) -> tuple[list[str], list[str]]:
    """Return why something would be refused: of what is announced, and of what is not."""
    lost = {alarm.name: alarm.sentence for alarm in alarms if not alarm.there}
    found: tuple[list[str], list[str]] = ([], [])
    for part in parts_of(plan):
        trial = trials.get(part.name)
        reasons = [f"{part.name}: {why}" for why in trial.sentences] if trial and not trial.would_run else []
        if isinstance(part, Inject) and part.alarm in lost:
            reasons.append(f"{part.name}: {lost[part.alarm]}")
        elif isinstance(part, Inject) and part.alarm:
            reasons += [f"{part.name}: {why}" for why in refusals_of(environment, _set_off(plan, part.alarm))]
        found[0 if announced(plan, part) else 1].extend(reasons)
    return found


def _set_off(plan: Plan, alarm: str) -> dict[str, Any]:
    """Return what sets off an alarm, as an activity of an experiment."""
    module, _, func = SET_ALARM.partition(".")
    arguments = {"alarm": alarm, "hold_s": 0.0, "owner": plan.roles.owner}
    provider = {"type": "python", "module": f"actions.{module}", "func": func, "arguments": arguments}
    return {"type": "action", "name": f"set-off-{alarm}", "provider": provider}


def _channels(plan: Plan, environment: Environment, root: Path) -> list[Delivery]:
    """Return whether each channel of the day would work; nobody is told anything."""
    channels = channels_of(environment, root)
    wanted = plan.channels or list(channels.named)
    named = {name: channels.named[name] for name in wanted if name in channels.named}
    missing = [Delivery(name, False, f"{environment.name} has no such channel", iso(time.time()))
               for name in wanted if name not in named]  # fmt: skip
    return [*look_at(replace(channels, named=named) if named else Channels(environment)), *missing]


def _drawn(plan: Plan) -> Mapping[str, float]:
    return injects.draw(plan)


def _action_items(loaded: Loaded, runs: Path, now: float) -> list[Mapping[str, Json]]:
    """Return what earlier days left to do."""
    found = actions.taken_over(runs, loaded.path.stem, loaded.plan.carries, now, "")
    return [cast("Mapping[str, Json]", one.as_json()) for one in found]


# -- as JSON ---------------------------------------------------------------------------------------------


def plain(seen: Preview, reveal: bool = False) -> dict[str, Json]:
    """Return the preview as JSON; what is not announced is counted only, unless *reveal*."""
    plan, path = seen.loaded.plan, seen.loaded.path
    shown = [inject for inject in plan.injects if reveal or announced(plan, inject)]
    hidden = len(plan.injects) - len(shown)
    found: dict[str, object] = {
        "schema": 1,
        "plan": {"file": str(path), "title": plan.title, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "environment": facts(seen.environment),
        "when": {**asdict(plan.when), "next": iso(seen.begins) if seen.begins is not None else None},
        "roles": plan.roles.named(),
        "objectives": plan.objectives if reveal or plan.all_announced else [],
        "checklist": [asdict(line) for line in plan.checklist],
        "agenda": [_plain_item(seen, item, span, reveal) for item, span in zip(plan.agenda, seen.spans, strict=True)],
        "injects": [_plain_inject(seen, inject, reveal) for inject in shown],
        "hidden_injects": hidden,
        "stop": asdict(plan.stop), "budget": asdict(plan.budget), "bands": asdict(plan.bands),
        "channels": [asdict(one) for one in seen.channels],
        "alarms": [asdict(one) for one in alarms_told(seen, reveal)],
        "runbooks": plan.runbooks,
        "action_items": [dict(one) for one in seen.action_items],
        "would_run": seen.would_run,
        "refusals": refusals(seen, reveal),
    }  # fmt: skip
    return cast("dict[str, Json]", found)


def alarms_told(seen: Preview, reveal: bool) -> list[Alarm]:
    """Return the alarms as far as they may be told: those that announced items and injects count on."""
    plan = seen.loaded.plan
    told = [part for part in parts_of(plan) if announced(plan, part)]
    public = {part.expect.page for part in told if part.expect}
    public |= {part.alarm for part in told if isinstance(part, Inject)}
    return [one for one in seen.alarms if reveal or one.name in public]


def refusals(seen: Preview, reveal: bool) -> list[str]:
    """Return every reason why something would be refused, as far as it may be told."""
    if reveal or not seen.hidden_reasons:
        return [*seen.reasons, *seen.hidden_reasons]
    return [*seen.reasons, f"{HIDDEN} would be refused, for {_count(len(seen.hidden_reasons))}; --reveal tells them"]


def _count(number: int) -> str:
    return f"{number} reason{'s' if number != 1 else ''}"


def _plain_item(seen: Preview, item: Item, span: Span, reveal: bool) -> dict[str, object]:
    times = {"begins_s": list(span.begins), "takes_s": list(span.takes)}
    if not (reveal or item.announced):
        return {"announced": False, **times}
    return {**asdict(item), **times, "rehearsed": _plain_trial(seen, item.name)}


def _plain_inject(seen: Preview, inject: Inject, reveal: bool) -> dict[str, object]:
    drawn = {"drawn_s": seen.drawn.get(inject.name)} if reveal else {}
    return {**asdict(inject), **drawn, "kind": inject.kind, "rehearsed": _plain_trial(seen, inject.name)}


def _plain_trial(seen: Preview, name: str) -> dict[str, object] | None:
    trial = seen.trials.get(name)
    return asdict(trial) if trial else None
