"""What a build may change: the tasks' environment, the lab's settings, the seeded resources. Each change is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypedDict

from lab.settings import LabError, Replication, Settings

Members = Mapping[str, object]  # of an AWS request, by AWS's names


class Overrides(TypedDict, total=False):
    """Settings of the lab that a build decides."""

    tasks: int
    multi_az: bool
    replication: Replication


@dataclass(frozen=True, slots=True)
class Seeds:
    """What differs in the resources that a lab begins with: members that replace the usual ones."""

    container: Members = field(default_factory=dict)  # of the task definition's container
    service: Members = field(default_factory=dict)  # of CreateService
    alarm: Members = field(default_factory=dict)  # of the error rate's PutMetricAlarm


@dataclass(frozen=True, slots=True)
class Build:
    """One build: what it stands for, and what an experiment should find, in a sentence each.

    `address` says when a task looks up where the database is: for each connection, or once, at its start.
    """

    name: str
    models: str
    expects: str
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Overrides = field(default_factory=Overrides)
    seeds: Seeds = field(default_factory=Seeds)
    address: Literal["each time", "once"] = "each time"

    @property
    def switch(self) -> str:
        """What it changes, in one line: variables of the tasks, settings of the lab, members of what is seeded."""
        changes: list[tuple[str, Mapping[str, object]]] = [
            ("environment", self.environment),
            ("lab", self.settings),
            ("container", self.seeds.container),
            ("service", self.seeds.service),
            ("alarm", self.seeds.alarm),
            ("address", {"looked up": self.address} if self.address == "once" else {}),
        ]
        told = [f"{where}: {', '.join(f'{n} = {v}' for n, v in what.items())}" for where, what in changes if what]
        return "; ".join(told) or "nothing"

    def check(self, given: Mapping[str, object]) -> None:
        """Raise LabError if one of these settings, which somebody asked for, is another than the build's own."""
        for name, own in self.settings.items():
            if name in given and given[name] != own:
                asked = f"{name} = {given[name]!r} was asked for"
                raise LabError(
                    f"the build {self.name!r} stands for {name} = {own!r}, but {asked}; leave one of them out"
                )

    def apply(self, settings: Settings) -> Settings:
        """Return the settings with the build's own laid over them.

        Raises LabError if one that was changed from its default contradicts the build.
        """
        plain = Settings(home=settings.home)
        every = {each.name: getattr(settings, each.name) for each in fields(settings)}
        self.check({name: value for name, value in every.items() if value != getattr(plain, name)})
        return Settings(**{**every, **self.settings})
