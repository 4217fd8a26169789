"""The words of CloudWatch's alarms: what was asked to be watched, where it stands, and what is remembered of it."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field

from lab.aws.alarm_rule import INSUFFICIENT_DATA, Rule
from lab.aws.composite import Composite
from lab.aws.metric_data import Query
from lab.aws.names import arn

CONFIGURATION_UPDATE, STATE_UPDATE, ACTION = "ConfigurationUpdate", "StateUpdate", "Action"
LONGEST_DATA = 4_095  # characters of AWS's HistoryData
MUTE = "Mute"
KEPT_ITEMS = 5_000  # of the history, over all alarms


@dataclass(frozen=True, slots=True)
class Alarm:
    """What somebody asked to be watched. Exactly one query returns data; several make a metric math alarm."""

    name: str
    queries: tuple[Query, ...]
    rule: Rule
    by_metrics: bool = False  # it was put with a Metrics array
    ignore_low_samples: bool | None = None  # EvaluateLowSampleCountPercentile: ignore, evaluate, not given
    description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """Its Amazon resource name."""
        return arn("cloudwatch", f"alarm:{self.name}")

    @property
    def period(self) -> int:
        """The length of one point in seconds."""
        return max((query.period for query in self.queries), default=0) or 60


@dataclass(frozen=True, slots=True)
class State:
    """Where an alarm stands, since when (epoch seconds), and why."""

    value: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated_at: float = 0.0
    transitioned_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """Actions that are due but held back: by a mute rule, or by the suppressor of a composite alarm."""

    old: State  # before the first change whose actions nobody has seen
    by: str  # MUTE, or as AWS's ActionsSuppressedBy: "Alarm", "WaitPeriod", "ExtensionPeriod"
    until: float | None = None  # epoch seconds; None is as long as the reason lasts


@dataclass(slots=True)
class Record:
    """An alarm, its state, and what became of its actions."""

    alarm: Alarm | Composite
    state: State
    configured_at: float
    held_until: int = 0  # set by hand: stays so until this period is closed
    held: Held | None = None
    left_alarm_at: float = 0.0  # when it last went out of ALARM
    scaled_at: float = 0.0  # when an Auto Scaling action was performed last


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One line of an alarm's history."""

    at: float
    alarm: str
    kind: str
    summary: str
    data: str
    composite: bool = False


@dataclass(slots=True)
class History:
    """What happened to all alarms, oldest first; actions write into it from a thread of their own."""

    _items: deque[HistoryItem] = field(default_factory=lambda: deque(maxlen=KEPT_ITEMS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, at: float, alarm: Alarm | Composite, kind: str, summary: str, data: dict[str, object]) -> None:
        """Append an item; data beyond AWS's limit loses the details of its states."""
        text = json.dumps(data)
        if len(text) > LONGEST_DATA:
            for state in data.values():
                if isinstance(state, dict):
                    state.pop("stateReasonData", None)
            text = json.dumps(data)
        if len(text) > LONGEST_DATA:
            text = json.dumps({name: value for name, value in data.items() if not isinstance(value, dict)})
        item = HistoryItem(at, alarm.name, kind, summary, text, isinstance(alarm, Composite))
        with self._lock:
            self._items.append(item)

    def items(self) -> list[HistoryItem]:
        """Return all that is remembered."""
        with self._lock:
            return list(self._items)
