"""Reads what people did from the services that `[environments.X.people]` names, since the day began.

All services are asked side by side, each within a few seconds; what may pass is tried again in that time. A service
that cannot be read says so once, and once more when it can: then it tells what was missed meanwhile, too.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from gameday.aws import Aws
from gameday.config import Environment
from gameday.notify.order import Door, NotSent, TryAgain
from gameday.notify.references import Vault
from gameday.notify.sending import INSTALL
from gameday.people.alarms import Alarms
from gameday.people.asking import Service, Until
from gameday.people.seen import Seen
from gameday.people.statuspage import Statuspage
from gameday.redact import Redactor

WITHIN_S = 5.0
MOST_TRIES, PAUSE_S = 3, 0.3
Make: TypeAlias = Callable[[], Service]
Answer: TypeAlias = "list[Seen] | str"  # what it told, or why it could not be read


class Readers:
    """All services of people of one environment. It is used by one thread at a time.

    *known* holds the keys of what the day has already; *alarms* names the plan's alarms (expected pages, injects),
    beside the environment's own.
    """

    def __init__(
        self,
        environment: Environment,
        aws: Aws,
        since: float,
        known: set[str],
        alarms: Iterable[str] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self._known, self._redactor = set(known), redactor or Redactor()
        names = sorted({*alarms, *environment.people.alarms, *environment.rules.alarms} - {""})
        vault = Vault(self._redactor)
        vault.learn(_references(environment))
        door = Door(environment, aws, vault)
        self._lines = [_Line(name, make) for name, make in _services(door, since, names)]
        states = {line.name: _states(line.name, self._known) for line in self._lines}
        self._turns = {name: max(found, default=(0, ""))[0] for name, found in states.items()}
        self._told = {name: max(found, default=(0, ""))[1] for name, found in states.items()}

    @property
    def services(self) -> list[str]:
        """The names of the services that are read."""
        return [line.name for line in self._lines]

    def new(self) -> list[Seen]:
        """Return what was not known before, oldest first. Never raises, and takes about 5 s at most."""
        until = Until.within(WITHIN_S)
        for line in self._lines:
            line.ask(until)
        found: list[Seen] = []
        for line in self._lines:
            answer = line.answer(until)
            found += [*self._turn(line.name, answer), *(answer if isinstance(answer, list) else [])]
        fresh = {one.key: one for one in found if one.key not in self._known}
        self._known |= set(fresh)
        return sorted((self._clean(one) for one in fresh.values()), key=lambda one: one.at)

    def _turn(self, name: str, answer: Answer) -> Iterator[Seen]:
        """Yield that a service can be read now, or no longer."""
        state = "unread" if isinstance(answer, str) else "read"
        if self._told[name] == state:
            return
        self._told[name], self._turns[name] = state, self._turns[name] + 1
        text = f"{name} cannot be read: {answer}" if isinstance(answer, str) else f"{name} can be read"
        key = f"{name}#{self._turns[name]}:{state}"
        yield Seen(time.time(), f"people.{state}", text, name, key, {"service": name})

    def _clean(self, seen: Seen) -> Seen:
        return replace(seen, text=self._redactor.text(seen.text), who=self._redactor.text(seen.who))


class _Line:
    """The way to one service: at most one question at a time, also where an answer never comes."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self._make = name, make
        self._service: Service | None = None
        self._thread: threading.Thread | None = None
        self._answer: Answer = ""
        self._not_before = 0.0

    def ask(self, until: Until) -> None:
        """Begin to ask, unless the last question is still open, or the service wants to be left alone."""
        if (self._thread and self._thread.is_alive()) or time.monotonic() < self._not_before:
            return
        self._answer = f"no answer within {WITHIN_S:g} s"
        self._thread = threading.Thread(target=self._read, args=(until,), daemon=True, name=f"people-{self.name}")
        self._thread.start()

    def answer(self, until: Until) -> Answer:
        """Return the answer, or why there is none when the time is up."""
        if self._thread and self._thread.is_alive():
            self._thread.join(max(0.0, until.at - time.monotonic()))
        if self._thread and self._thread.is_alive():
            return f"no answer within {WITHIN_S:g} s"
        return self._answer

    def _read(self, until: Until) -> None:
        for tries in range(1, MOST_TRIES + 1):
            try:
                self._service = self._service or self._make()
                self._answer = self._service.read(until)
                return
            except TryAgain as error:
                self._answer = str(error)
                pause = error.after_s if error.after_s is not None else PAUSE_S * 2 ** (tries - 1)
                if tries == MOST_TRIES or time.monotonic() + pause >= until.at:
                    self._not_before = time.monotonic() + pause
                    return
                time.sleep(pause)
            except NotSent as error:
                self._answer = str(error)
                return
            except ModuleNotFoundError as error:
                self._answer = f"{error.name} is not installed; {INSTALL}"
                return
            except Exception as error:  # noqa: BLE001  a service that fails, however it does, never fails the day
                self._answer = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                return


def _services(door: Door, since: float, alarms: list[str]) -> Iterator[tuple[str, Make]]:
    """Yield the services that are named; clients of others' are imported only where they are needed."""
    people = door.environment.people
    if alarms:
        yield Alarms.name, lambda: Alarms(door.aws, alarms, since)
    if (on_call := people.pagerduty) is not None:

        def pagerduty() -> Service:
            from gameday.people.pagerduty import PagerDuty

            return PagerDuty(door, on_call, since, alarms)

        yield "PagerDuty", pagerduty
    if (chat := people.slack) is not None:

        def slack() -> Service:
            from gameday.people.slack import Slack

            return Slack(door, chat, since)

        yield "Slack", slack
    if (page := people.statuspage) is not None:
        yield Statuspage.name, lambda: Statuspage(door, page, since)


def _references(environment: Environment) -> list[str]:
    people = environment.people
    named = [one for one in (people.pagerduty, people.slack, people.statuspage) if one is not None]
    return [one.token for one in named]


def _states(name: str, known: Iterable[str]) -> list[tuple[int, str]]:
    """Return (turn, read or unread) of what the day was told of a service."""
    found = (re.fullmatch(rf"{re.escape(name)}#(\d+):(read|unread)", key) for key in known)
    return [(int(one[1]), one[2]) for one in found if one]
