"""When the actions of an alarm are due, and how they reach whoever performs them.

Actions are due when the state has changed and they are enabled. A mute rule or a composite alarm's suppressor holds
them back; once nothing does, they are performed if the alarm still stands where nobody has heard that it stands.
Auto Scaling actions are repeated each minute, as on AWS. Actors run on a thread without the world's lock.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.aws.alarm_message import message_of, state_detail
from lab.aws.alarm_model import ACTION, LONGEST_DATA, MUTE, Alarm, Held, History, Record, State
from lab.aws.alarm_rule import ALARM, OK
from lab.aws.composite import Composite
from lab.aws.events import Events
from lab.aws.mute_rules import MuteRules

WAIT = "WaitPeriod"
PLAYED = ("sns", "autoscaling")  # services whose actions somebody in the lab may perform
REPEAT_S = 60.0


@dataclass(frozen=True, slots=True)
class Firing:
    """One performance of an alarm's actions. `message` is the JSON that AWS sends to an SNS topic."""

    alarm: str
    arn: str
    actions: tuple[str, ...]  # ARNs; each is given in a firing of its own, so that it succeeds or fails by itself
    old: str
    new: str
    reason: str
    at: float  # epoch seconds
    message: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The subject of the notification, as AWS writes it."""
        return f'{self.new}: "{self.alarm}" in {self.message["Region"]}'


Actor = Callable[[Firing], None]  # performs what it knows and passes over the rest; raises where it failed


@dataclass(slots=True)
class Courier:
    """Brings firings to the actors, one after the other; its thread lives only while there is something to bring."""

    history: History
    actors: list[Actor] = field(default_factory=list)
    witnesses: list[Callable[[Firing, str], None]] = field(default_factory=list)  # told what was done, and its error
    _waiting: deque[tuple[Alarm | Composite, Firing]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at_work: bool = False

    def send(self, alarm: Alarm | Composite, firing: Firing) -> None:
        """Have a firing brought; return at once."""
        with self._lock:
            self._waiting.append((alarm, firing))
            if self._at_work:
                return
            self._at_work = True
        threading.Thread(target=self._deliver, daemon=True, name="alarm-actions").start()

    def is_idle(self) -> bool:
        """Say whether everything has been brought."""
        with self._lock:
            return not self._at_work

    def _deliver(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._at_work = False
                    return
                alarm, firing = self._waiting.popleft()
            self._perform(alarm, firing)

    def _perform(self, alarm: Alarm | Composite, firing: Firing) -> None:
        (action,) = firing.actions
        error = self._attempt(firing, action)
        data: dict[str, object] = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": int(firing.at * 1000),
            "notificationResource": action,
        }
        if error:
            data["error"] = error
            summary = f'Failed to execute action {action}. Received error: "{error}"'
        else:
            data["publishedMessage"] = json.dumps({"default": json.dumps(firing.message)})
            summary = f"Successfully executed action {action}"
        if len(json.dumps(data)) > LONGEST_DATA:
            data.pop("publishedMessage")
        self.history.note(time.time(), alarm, ACTION, summary[:255], data)
        for witness in tuple(self.witnesses):
            witness(firing, error)

    def _attempt(self, firing: Firing, action: str) -> str:
        """Let every actor do its part; return what went wrong, or nothing."""
        service = action.split(":")[2] if action.count(":") > 2 else action
        if service not in PLAYED or not self.actors:
            return f"The lab performs no action of {service}"
        try:
            for actor in tuple(self.actors):
                actor(firing)
        except Exception as error:  # noqa: BLE001  whatever an actor dies of is the action's failure, not the lab's
            return str(error)[:1000] or type(error).__name__
        return ""


class Actions:
    """The actions of all alarms. Call it under the world's lock."""

    def __init__(self, history: History, events: Events, find: Callable[[str], Record | None]) -> None:
        self.mutes = MuteRules()
        self.courier = Courier(history)
        self._events = events
        self._find = find

    def changed(self, record: Record, old: State, at: float) -> None:
        """Tell EventBridge that a state has changed; perform the actions, or hold them back."""
        held = record.held
        first = held.old if held else old
        record.held = None
        if record.alarm.actions_enabled:
            wait = held.until if held and held.by == WAIT else at + _seconds(record, WAIT)
            record.held = self._hold(record, first, at, wait)
        detail = state_detail(record, old)
        self._events.put("aws.cloudwatch", "CloudWatch Alarm State Change", detail, resources=[record.alarm.arn], at=at)
        if record.held is None and record.state.value != first.value:
            self._fire(record, first, at, due_actions(record))

    def step(self, records: Iterable[Record], at: float) -> None:
        """Perform what nothing holds back any more, and what is repeated."""
        for record in records:
            held = record.held
            if held is None:
                self._repeat(record, at)
                continue
            record.held = self._hold(record, held.old, at, held.until if held.by == WAIT else None)
            if record.held is None and record.state.value != held.old.value:
                self._fire(record, held.old, at, due_actions(record))

    def _hold(self, record: Record, old: State, at: float, wait_until: float | None) -> Held | None:
        """Return what holds the actions back at this instant, or None."""
        if self.mutes.muting(record.alarm.name, at) is not None:
            return Held(old, MUTE)
        suppressor = self._suppressor(record)
        if suppressor is None:
            return None
        if suppressor.state.value == ALARM:
            return Held(old, "Alarm")
        extended = suppressor.left_alarm_at + _seconds(record, "ExtensionPeriod")
        if suppressor.left_alarm_at and at < extended:
            return Held(old, "ExtensionPeriod", extended)
        if wait_until is not None and at < wait_until:
            return Held(old, WAIT, wait_until)
        return None

    def _suppressor(self, record: Record) -> Record | None:
        if not isinstance(record.alarm, Composite) or not record.alarm.suppressor:
            return None
        return self._find(record.alarm.suppressed_by)

    def _fire(self, record: Record, old: State, at: float, actions: Iterable[str]) -> None:
        alarm, state = record.alarm, record.state
        message = message_of(record, old)
        for action in actions:
            if _scales(action):
                record.scaled_at = at
            firing = Firing(alarm.name, alarm.arn, (action,), old.value, state.value, state.reason, at, message)
            self.courier.send(alarm, firing)

    def _repeat(self, record: Record, at: float) -> None:
        """Perform Auto Scaling actions once more, each minute that the alarm stays in its state."""
        if record.scaled_at >= record.state.transitioned_at and at - record.scaled_at >= REPEAT_S:
            self._fire(record, record.state, at, [action for action in due_actions(record) if _scales(action)])


def due_actions(record: Record) -> tuple[str, ...]:
    """Return the actions of the state that an alarm is in; none where they are disabled."""
    alarm = record.alarm
    if not alarm.actions_enabled:
        return ()
    if record.state.value == ALARM:
        return alarm.alarm_actions
    return alarm.ok_actions if record.state.value == OK else alarm.insufficient_data_actions


def _scales(action: str) -> bool:
    return action.startswith("arn:aws:autoscaling:")


def _seconds(record: Record, period: str) -> float:
    """Return a suppressor's WaitPeriod or ExtensionPeriod."""
    return record.alarm.suppressor_period(period) if isinstance(record.alarm, Composite) else 0.0
