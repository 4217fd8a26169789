"""CloudWatch alarms that are evaluated: on closed periods only, with history, listeners and actions.

A period still under way is never judged (it would hold half a picture), and a closed one only after
`settle_s`, when the last samples of it have arrived. Composite alarms follow at once. Callers hold the world's lock.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from graphlib import TopologicalSorter

from lab.aws.alarm_actions import Actions, Actor
from lab.aws.alarm_message import configuration_detail, stamp
from lab.aws.alarm_model import CONFIGURATION_UPDATE, STATE_UPDATE, Alarm, History, HistoryItem, Record, State
from lab.aws.alarm_rule import ALARM, EXTRA_PERIODS, Verdict, verdict
from lab.aws.composite import Composite, judge_composite
from lab.aws.events import Events
from lab.aws.metric_data import Span, compute
from lab.aws.metrics import MetricStore, Window


class Alarms:
    """All alarms of a lab."""

    def __init__(self, metrics: MetricStore, events: Events | None = None, *, settle_s: float = 2.0) -> None:
        self.listeners: list[Callable[[str, str], None]] = []
        self._metrics = metrics
        self._events = events or Events()
        self._settle_s = settle_s
        self._records: dict[str, Record] = {}
        self._history = History()
        self.actions = Actions(self._history, self._events, self._records.get)
        self._news: deque[tuple[str, str]] = deque()
        self._changed: dict[str, float] = {}  # since composite alarms were judged last: name -> when
        self._announcing = False

    @property
    def actors(self) -> list[Actor]:
        """Who performs actions; called on a thread without the world's lock. Append to it."""
        return self.actions.courier.actors

    def put(self, alarm: Alarm | Composite, now: float | None = None) -> None:
        """Create an alarm, or replace its configuration; the state of an existing one stays, unless it is composite.

        A composite alarm is judged at once; graphlib.CycleError if it would ask itself, by whatever way round.
        """
        at = time.time() if now is None else now
        if isinstance(alarm, Composite):
            self._order(alarm)
        record = self._records.get(alarm.name)
        what = "Create" if record is None else "Update"
        if record is None:
            record = self._records[alarm.name] = Record(alarm, State(updated_at=at, transitioned_at=at), at)
        else:
            record.alarm, record.configured_at = alarm, at
        self._configured(record, what, at)
        if isinstance(alarm, Composite):
            self._judge_composite(record, alarm, None, at, created=what == "Create")
            self.settle(at)

    def delete(self, names: Iterable[str], now: float | None = None) -> None:
        """Forget alarms; their history stays. KeyError for one that does not exist."""
        for name in names:
            record = self._records.pop(name)
            self._configured(record, "Delete", time.time() if now is None else now)

    def get(self, name: str) -> Record | None:
        """Return one alarm with its state, or None."""
        return self._records.get(name)

    def records(self) -> list[Record]:
        """Return every alarm, in order of name."""
        return [self._records[name] for name in sorted(self._records)]

    def parents(self, name: str) -> list[str]:
        """Return the names of the composite alarms that ask this one, in order."""
        return [r.alarm.name for r in self.records() if isinstance(r.alarm, Composite) and name in r.alarm.children]

    def history(self) -> list[HistoryItem]:
        """Return what happened, oldest first, also to alarms that are gone."""
        return self._history.items()

    def enable_actions(self, name: str, enabled: bool) -> None:
        """Switch the actions of an alarm; KeyError if there is none."""
        record = self._records[name]
        self.put(replace(record.alarm, actions_enabled=enabled))

    def set_state(self, name: str, value: str, reason: str, reason_data: str = "", now: float | None = None) -> None:
        """Set a state by hand; the evaluation after the next closed period decides again. KeyError if unknown.

        A composite alarm keeps it until a child changes.
        """
        at = time.time() if now is None else now
        record = self._records[name]
        if isinstance(record.alarm, Alarm):
            record.held_until = self._closed(record.alarm, at)
        self._move(record, Verdict(value, reason, reason_data), at)
        self.settle(at)

    def evaluate(self, now: float | None = None) -> None:
        """Judge every alarm once, then tell the listeners what changed, in order."""
        at = time.time() if now is None else now
        for record in self._records.values():
            if not isinstance(record.alarm, Alarm):
                continue
            closed = self._closed(record.alarm, at)
            if closed == record.held_until:
                continue
            found = self._judge(record, record.alarm, closed, at)
            if found.state != record.state.value:
                self._move(record, found, at)
        self.settle(at)

    def settle(self, at: float) -> None:
        """Let composite alarms follow what has changed, each after its children; then listeners, then late actions."""
        for name in self._order() if self._changed else ():
            record = self._records.get(name)
            if record is not None and isinstance(record.alarm, Composite):
                causes = [child for child in record.alarm.children if child in self._changed]
                if causes:
                    self._judge_composite(record, record.alarm, max(causes, key=lambda c: self._changed[c]), at)
        self._changed.clear()
        self.actions.step(self._records.values(), at)
        self._announce()

    def _order(self, new: Composite | None = None) -> list[str]:
        """Return every alarm that is asked or asks, children first, as if `new` were there."""
        every = [record.alarm for record in self._records.values()]
        graph = {alarm.name: alarm.children for alarm in every if isinstance(alarm, Composite)}
        if new is not None:
            graph[new.name] = new.children
        return list(TopologicalSorter(graph).static_order())

    def _judge_composite(
        self, record: Record, alarm: Composite, cause: str | None, at: float, *, created: bool = False
    ) -> None:
        states = {name: self._records[name].state.value for name in alarm.children if name in self._records}
        found = judge_composite(alarm, states, cause, at, created=created)
        if found.state != record.state.value:
            self._move(record, found, at)

    def _closed(self, alarm: Alarm, now: float) -> int:
        """Return the end of the newest period that is over and settled; periods of minutes end at every minute."""
        step = min(alarm.period, 60)
        return math.floor((now - self._settle_s) / step) * step

    def _judge(self, record: Record, alarm: Alarm, closed: int, now: float) -> Verdict:
        current = record.state.value
        periods = alarm.rule.evaluation_periods + EXTRA_PERIODS
        window = Window(closed - periods * alarm.period, closed, alarm.period)
        found = compute(self._metrics, alarm.queries, Span(window.start, window.end, now, searches=False))
        if alarm.ignore_low_samples and self._too_few_samples(alarm, window, now):
            return Verdict(current, record.state.reason, record.state.reason_data)
        shown: dict[str, object] = {
            "queryDate": stamp(now),
            "startDate": stamp(window.start),
            "statistic": alarm.queries[0].stat or "expression",
            "period": alarm.period,
        }
        return verdict(alarm.rule, list(window.times()), found[0].points if found else {}, current, shown)

    def _too_few_samples(self, alarm: Alarm, window: Window, now: float) -> bool:
        """Say whether the newest point of a percentile rests on fewer than 10/(1-p) samples."""
        (query,) = alarm.queries
        share = float(query.stat[1:]) / 100
        tail = max(1 - share if share >= 0.5 else share, 1e-9)
        counted = compute(self._metrics, [replace(query, stat="SampleCount")], Span(window.start, window.end, now))
        return bool(counted[0].points) and list(counted[0].points.values())[-1] < 10 / tail

    def _move(self, record: Record, found: Verdict, at: float) -> None:
        """Change a state: record, history, and news for the listeners."""
        name, old = record.alarm.name, record.state
        changed = found.state != old.value
        moved = State(found.state, found.reason, found.reason_data, at, at if changed else old.transitioned_at)
        record.state = moved
        if changed:
            self._changed[name] = at
            if old.value == ALARM:
                record.left_alarm_at = at
            data: dict[str, object] = {"version": "1.0", "oldState": _state_data(old), "newState": _state_data(moved)}
            self._history.note(at, record.alarm, STATE_UPDATE, f"Alarm updated from {old.value} to {moved.value}", data)
            self._news.append((name, moved.value))
            self.actions.changed(record, old, at)

    def _configured(self, record: Record, what: str, at: float) -> None:
        """Remember and tell that an alarm was created, updated or deleted."""
        alarm, detail = record.alarm, configuration_detail(record, what.lower())
        data: dict[str, object] = {
            "version": "1.0",
            "type": what,
            f"{what.lower()}dAlarm": {**detail["configuration"], "stateValue": record.state.value},
        }
        self._history.note(at, alarm, CONFIGURATION_UPDATE, f'Alarm "{alarm.name}" {what.lower()}d', data)
        kind = "CloudWatch Alarm Configuration Change"
        self._events.put("aws.cloudwatch", kind, detail, resources=[alarm.arn], at=at)

    def _announce(self) -> None:
        """Tell the listeners, oldest first; one that changes a state itself has its news told after these."""
        if self._announcing:
            return
        self._announcing = True
        try:
            while self._news:
                name, value = self._news.popleft()
                for listener in tuple(self.listeners):
                    listener(name, value)
        finally:
            self._announcing = False


def _state_data(state: State) -> dict[str, object]:
    data: dict[str, object] = {"stateValue": state.value, "stateReason": state.reason}
    if state.reason_data:
        data["stateReasonData"] = json.loads(state.reason_data)
    return data
