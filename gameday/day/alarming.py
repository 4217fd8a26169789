"""An alarm set off by a day: checked as a run would be, promised before, put back after, by `actions/alarms.py`.

Its promise lies in the day's folder, so a day that was killed leaves it to `gameday undo`, as a run does.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from typing import Any

from gameday.aws import Aws
from gameday.config import Environment
from gameday.day.events import Timeline
from gameday.day.plan import Plan
from gameday.day.state import fold
from gameday.errors import Refusal
from gameday.model import Answer, Blast
from gameday.record import Recorder
from gameday.redact import Redactor
from gameday.safety import armed, gate
from gameday.safety.lock import Holder, RemoteLock, is_held, lock_path, read_holder
from gameday.safety.promises import Promises

MODULE, FUNCTION = "actions.alarms", "set_state"


class Alarming:
    """The alarms of one day, whose folder takes the promises and the marks."""

    def __init__(self, plan: Plan, environment: Environment, aws: Aws, timeline: Timeline, redact: Redactor) -> None:
        self.plan = plan
        self.environment = environment
        self.aws = aws
        self.timeline = timeline
        self.recorder = Recorder(timeline.path.parent, redact)
        self.promises = Promises(timeline.path.parent / "promises.jsonl")

    def refuse(self, alarm: str) -> None:
        """Look at everything that a run would look at. Raises Refusal: the alarm must not be set off now, and why."""
        found = gate.look(self.run(), _experiment(self._arguments(alarm)), self.environment.names, time.time())
        if reasons := [*self._busy(), *found.reasons]:
            raise Refusal("; ".join(reasons))

    def set_off(self, alarm: str) -> None:
        """Put the alarm into ALARM and leave it there; its promise is on disk before. Raises what the call raises."""
        from actions.alarms import set_state

        armed.arm(self.run())
        try:
            set_state(**self._arguments(alarm))
        finally:
            armed.disarm()

    def put_back(self, alarm: str) -> tuple[str, bool]:
        """Keep the promises of an alarm; return what was read back, and whether nothing of it is left. Never raises."""
        said, complete = [], True
        for promise in [one for one in self.promises.open() if one.args.get("alarm") == alarm]:
            try:
                said.append(self.promises.keep(promise))
            except Exception as error:  # noqa: BLE001  whatever it was: it is still changed, and that is said
                said.append(f"{promise.sentence}: {type(error).__name__}: {error}; restore it with: {promise.by_hand}")
                complete = False
        if not self.promises.open():
            self.recorder.mark("undone", fsync=True, complete=True)
        return "; ".join(said) or f"nothing of {alarm} was left to put back", complete

    def left(self) -> list[str]:
        """Return what is still promised, with the command that restores it by hand."""
        return [f"{one.sentence}; restore it with: {one.by_hand}" for one in self.promises.open()]

    def run(self) -> armed.Run:
        """Return what the fault acts with; its record is the day's folder."""
        return armed.Run(
            id=self.recorder.folder.name, environment=self.environment, aws=self.aws, recorder=self.recorder,
            promises=self.promises, blast=Blast(), random=random.Random(self.plan.seed),
            steady=lambda: armed.Steady(Answer.UNKNOWN),
        )  # fmt: skip

    def _arguments(self, alarm: str) -> dict[str, Any]:
        return {"alarm": alarm, "hold_s": 0.0, "owner": self.plan.roles.owner}

    def _busy(self) -> Iterator[str]:
        """Yield who else holds the environment: a run of somebody else must not get a page that it never made."""
        running = fold(self.timeline.read()).running
        holder = holder_now(self.environment, self.aws)
        if holder and (holder.host, holder.pid) != (socket.gethostname(), running.pid if running else 0):
            yield f"{holder} holds {self.environment.name}, and it is not of this day"


def holder_now(environment: Environment, aws: Aws) -> Holder | None:
    """Return the run that holds *environment* now, here or on another machine. Raises what the lock table answers."""
    path = lock_path(environment)
    if is_held(path) and (holder := read_holder(path)):
        return holder
    item = RemoteLock(aws.dynamodb, environment).look() if environment.lock_table else None
    return item.holder if item and item.alive else None


def _experiment(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return one action as an experiment, so that the gate that every run passes judges it."""
    provider = {"type": "python", "module": MODULE, "func": FUNCTION, "arguments": arguments}
    action = {"type": "action", "name": "set-off-an-alarm", "provider": provider}
    return {"title": "an alarm of a game day", "method": [action], "extensions": [{"name": "gameday"}]}
