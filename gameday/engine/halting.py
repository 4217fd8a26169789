"""Ending a run from outside it, wherever it was started, and the game day that it is part of: `gameday halt`.

It asks until the run has heard, waits for its end, and then reads the system back with clients of its own; it never
believes the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gameday.aws import Aws
from gameday.config import Environment
from gameday.engine.settling import Outcome, fulfilled, held, may_settle, read_back, settle, settle_item
from gameday.safety import days, halt
from gameday.safety.lock import Holder, RemoteLock, is_held, lock_path, read_holder
from gameday.safety.promises import DECLARED, Promise, Promises

ASK_S = 0.05  # between two tries to be heard by a run that has only just begun
LOOK_S = 0.2  # between two looks into the lock table
UNHEARD_S = 1.0
Say = Callable[[str], None]


def halt_environment(environment: Environment, why: str, within_s: float, say: Say) -> Outcome:
    """End the run on *environment*, wherever it was started, wait for its undo, and read the system back.

    Raises Refusal: another run has begun since, or the account is not the environment's.
    """
    outcome = Outcome("nothing runs here, and nothing is left changed")
    path, day = lock_path(environment), days.going_on(environment)
    if day and halt.ask(day, why):  # first: a day that has heard begins nothing any more
        say(f"game day {day.name}: asked to end")
    if is_held(path):
        _halt_here(path, why, within_s, say, outcome)
    elif environment.lock_table:
        _halt_elsewhere(environment, why, within_s, say, outcome)
    if day:
        _wait_for_day(day, within_s, outcome)
    if not outcome.failures and (holder := read_holder(path)):
        _read_back_last(environment, holder, outcome)
    return outcome


def _halt_here(path: Path, why: str, within_s: float, say: Say, outcome: Outcome) -> None:
    """Ask whoever holds the lock, again and again until it has heard, and wait until nobody holds it.

    The lock is taken before its file names the run, and before the run listens: a word said then must not be lost.
    """
    began, heard, patient = time.monotonic(), set[str](), False
    while is_held(path):
        waited_s = time.monotonic() - began
        holder = read_holder(path)
        if holder and holder.run not in heard and halt.ask(Path(holder.folder), why):
            heard.add(holder.run)
            say(f"{holder}: asked to end")
        if waited_s > within_s:
            outcome.failures.append(_still_held(path, holder, within_s))
            return
        if not heard and not patient and waited_s > UNHEARD_S:
            patient = True
            say("the run is starting or ending, or its watchman is putting things back")
        time.sleep(ASK_S)
    holder = read_holder(path)
    runs = sorted(heard) or ([holder.run] if holder else [])
    outcome.sentence = f"run {' and '.join(runs)} has ended, and everything is put back"


def _wait_for_day(day: Path, within_s: float, outcome: Outcome) -> None:
    """Wait until nobody plays a day any more: it ends what it has put in, and says so."""
    until = time.monotonic() + within_s
    while halt.listens(day):
        if time.monotonic() > until:
            outcome.failures.append(f"game day {day.name} has not ended within {within_s:g} s")
            return
        time.sleep(LOOK_S)
    outcome.sentence += f"; game day {day.name} has ended"


def _still_held(path: Path, holder: Holder | None, within_s: float) -> str:
    if holder is None or holder.over:
        return f"a run that has not said its name holds {path}, and has not ended within {within_s:g} s"
    return f"{holder} has not ended within {within_s:g} s; end process {holder.pid} by hand"


def _halt_elsewhere(environment: Environment, why: str, within_s: float, say: Say, outcome: Outcome) -> None:
    """End the run of another machine through the lock table, and read back what it had promised there."""
    remote = RemoteLock(Aws(environment).dynamodb, environment)
    deadline, asked, seen = time.monotonic() + within_s, set[str](), dict[str, Promise]()
    while (item := remote.look()) and item.alive:
        seen |= {promise.id: promise for promise in item.promises}
        if item.holder.run not in asked:
            asked.add(item.holder.run)
            say(f"{item.holder}: asked to end through {environment.lock_table}")
            with suppress(remote.client.exceptions.ConditionalCheckFailedException):  # it has just ended
                remote.ask_halt(item.holder.run, why)
        if time.monotonic() > deadline:
            outcome.failures.append(f"{item.holder} has not ended within {within_s:g} s")
            return
        time.sleep(LOOK_S)
    if asked:
        outcome.sentence = "the run has ended on its machine, and everything is put back"
    if item or seen:
        may_settle(environment)
    if item:
        settle_item(remote, item, outcome)
    ours = [each for each in seen.values() if each.call != DECLARED and each.id not in outcome.kept]
    outcome.take(fulfilled(ours))


def _read_back_last(environment: Environment, holder: Holder, outcome: Outcome) -> None:
    """Settle what the last run on this machine left, and read back what it changed."""
    folder = Path(holder.folder)
    if not folder.is_dir():
        if not holder.over:
            outcome.failures.append(
                f"the record of {holder} is gone, so it could not be read back; look at {environment.name}, "
                f"then run `gameday undo --on {environment.name}`"
            )
        return
    if Promises(folder / "promises.jsonl").made():
        may_settle(environment)
    with held(environment):
        outcome.take(settle(folder, "halted after a crash"))
        outcome.take(read_back(folder))
