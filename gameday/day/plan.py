"""A game day as it is planned: who, when, which experiments in which order, what is put in between, when to stop.

The values of `plans/*.yaml`; `gameday.day.reading` gives them from a file, with every problem and its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gameday.config import Freeze

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class When:
    """When the day begins: once on a *date*, or again and again by *cron*; by the clock of *zone*.

    It begins within *late_s* of its time or not at all, and nothing new begins once it has lasted *lasts_s*.
    """

    date: str | None = None  # 2026-12-03
    begins: str = "10:00"  # of `date`
    cron: str | None = None  # minute hour day-of-month month day-of-week, as in `30 9 * * WED`
    zone: str = "UTC"  # of the IANA time zone database
    lasts_s: float = 7200.0
    late_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Roles:
    """Who takes part, by name. One person may have several roles."""

    owner: str  # answers for the day
    coordinator: str  # says go, hold and abort
    incident_commander: str = ""
    responders: list[str] = field(default_factory=list)
    scribe: str = ""
    observers: list[str] = field(default_factory=list)

    def named(self) -> dict[str, list[str]]:
        """Return {role: its people}, of all the roles that somebody has."""
        single = {"owner": self.owner, "coordinator": self.coordinator, "incident commander": self.incident_commander,
                  "scribe": self.scribe}  # fmt: skip
        found = {role: [who] for role, who in single.items() if who}
        found |= {"responders": self.responders} if self.responders else {}
        return found | ({"observers": self.observers} if self.observers else {})


Look = Literal["steady", "alarms", "guards", "nothing-runs", "channels", "action-items", "runbooks"]


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One line of the go/no-go list: a question to the coordinator, or what the suite looks at itself. One of both."""

    ask: str = ""
    look: Look | None = None
    must: bool = True  # a no stops the day; else it is written down


@dataclass(frozen=True, slots=True)
class Expect:
    """What people are expected to see of an experiment: somebody is paged within so many seconds of the fault."""

    page: str = ""  # the alarm that pages
    within_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the agenda: an experiment, or a pause in which people work, talk, or get injects. One of both."""

    name: str  # [a-z0-9-]+, once in a plan
    experiment: str = ""  # a file, from the suite's root or beside the plan
    pause_s: float | None = None
    set: Mapping[str, Value] = field(default_factory=dict)
    only_if: str = ""  # `last held`, `NAME held`, `NAME broke`, `all held`; empty: always
    expect: Expect | None = None
    runbook: str = ""  # default: the experiment's own
    announced: bool = True  # False: responders and channels hear nothing of it before
    note: str = ""  # what to say or to look at


@dataclass(frozen=True, slots=True)
class Inject:
    """Something that is put into the day while an item goes on, after a delay that is drawn from the plan's seed.

    One of *message*, *alarm*, *leaves* and *experiment*; an experiment only into a pause.
    """

    name: str
    during: str  # the item
    after_s: list[float] = field(default_factory=lambda: [0.0, 0.0])  # [from, to], counted from the item's begin
    announced: bool = False
    message: str = ""  # told to people as if somebody had called: `support: logins fail for some users`
    to: list[str] = field(default_factory=list)  # channels; empty: the plan's
    alarm: str = ""  # this alarm is put into ALARM by cloudwatch:SetAlarmState: a page without a fault
    leaves: str = ""  # this person leaves ...
    for_s: float = 0.0  # ... for so long (0: to the end), and others take over
    experiment: str = ""
    set: Mapping[str, Value] = field(default_factory=dict)
    expect: Expect | None = None

    @property
    def kind(self) -> str:
        """What is put in: `message`, `alarm`, `leaves` or `experiment`."""
        given = ("message", "alarm", "leaves", "experiment")
        return next((name for name in given if getattr(self, name)), "")


@dataclass(frozen=True, slots=True)
class StopRules:
    """What ends the day before its time; what is 0 does not. An abort, or a change that is left, always does."""

    broke: int = 0  # after so many experiments that broke
    inconclusive: int = 0  # after so many that were inconclusive, invalid or refused
    unacknowledged_s: float = 0.0  # a page that nobody has acknowledged for so long


@dataclass(frozen=True, slots=True)
class Budget:
    """What the whole day may cost its users. None: no limit."""

    failed_requests: int | None = None
    error_ratio: float | None = None  # of all requests of the day so far


@dataclass(frozen=True, slots=True)
class Bands:
    """How fast people are to be, in seconds from the instant at which users were hit. The usual ones are the incident
    runbook's: acknowledged in 5 minutes, looked into by 15, mitigated by 30, and told about all the while.
    """

    page_s: float = 120.0
    acknowledge_s: float = 300.0
    diagnose_s: float = 900.0
    mitigate_s: float = 1800.0
    communicate_s: float = 900.0  # the first word to others, and the longest silence until it is over


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan."""

    title: str
    roles: Roles
    agenda: list[Item]
    description: str = ""
    objectives: list[str] = field(default_factory=list)  # what the day is to show
    environment: str = "lab"
    when: When = field(default_factory=When)
    seed: int = 1
    checklist: list[CheckItem] = field(default_factory=list)
    injects: list[Inject] = field(default_factory=list)
    stop: StopRules = field(default_factory=StopRules)
    budget: Budget = field(default_factory=Budget)
    bands: Bands = field(default_factory=Bands)
    channels: list[str] = field(default_factory=list)  # of the environment; empty: all
    page_people: bool = False  # the day itself may open a PagerDuty incident; else change events only
    runbooks: list[str] = field(default_factory=list)
    freeze: list[Freeze] = field(default_factory=list)  # beside the environment's
    carries: str = ""  # the plan whose open action items are looked at; empty: this one

    @property
    def all_announced(self) -> bool:
        """Whether everything may be known beforehand. If not, the objectives are not told: they would give it away."""
        return all(item.announced for item in self.agenda) and all(inject.announced for inject in self.injects)
