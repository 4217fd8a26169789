"""Reads what people did from the services that `[environments.X.people]` names, since the day began."""

from __future__ import annotations

from collections.abc import Iterable

from gameday.aws import Aws
from gameday.config import Environment
from gameday.people.seen import Seen
from gameday.redact import Redactor


class Readers:
    """All services of people of one environment. It may be used by one thread at a time.

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
        self._environment, self._aws, self._since, self._known = environment, aws, since, set(known)
        self._alarms = sorted({*alarms, *environment.rules.alarms})
        self._redactor = redactor or Redactor()

    def new(self) -> list[Seen]:
        """Return what was not known before, oldest first. Never raises, and takes at most 5 s for each service."""
        return []
