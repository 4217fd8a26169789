"""Ending a run from outside it, and settling what a killed run left: `gameday halt` and `gameday undo`.

Both end by reading the system back, with clients of their own, never by believing the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gameday.aws import Aws
from gameday.config import Environment
from gameday.engine.rollbacks import CALL as DECLARED
from gameday.errors import Refusal
from gameday.model import Mark
from gameday.record import Record, Recorder, run_folders
from gameday.safety import halt
from gameday.safety.lock import Holder, LocalLock, RemoteLock, is_held, lock_path, read_holder
from gameday.safety.promises import Promises, Settled

PATIENCE_S = 20.0
LOOK_S = 0.5
Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What came of it: what was read back, what is still changed, and the whole in a sentence."""

    sentence: str = ""
    verified: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, settled: list[Settled]) -> None:
        """Add what came of some promises."""
        self.verified += [each.sentence for each in settled if each.kept]
        self.failures += [each.failure for each in settled if not each.kept]


def halt_environment(environment: Environment, why: str, within_s: float, say: Say) -> Outcome:
    """End the run on *environment*, wherever it was started, wait for its undo, and read the system back."""
    path = lock_path(environment)
    holder = read_holder(path)
    outcome = Outcome("nothing runs here, and nothing is left changed")
    if is_held(path) and holder:
        say(f"{holder}: asked to end")
        if not halt.ask(Path(holder.folder), why):
            say("the run is ending, or its watchman is putting things back")
        if not _wait(lambda: not is_held(path), within_s):
            outcome.failures.append(f"{holder} has not ended within {within_s:g} s; end process {holder.pid} by hand")
            return outcome
        outcome.sentence = f"run {holder.run} has ended, and everything is put back"
    elif environment.lock_table:
        _halt_elsewhere(environment, why, within_s, say, outcome)
    if holder and (folder := Path(holder.folder)).is_dir():
        outcome.take(_settle(folder, "halted after a crash"))
        outcome.take(read_back(folder))
    return outcome


def _halt_elsewhere(environment: Environment, why: str, within_s: float, say: Say, outcome: Outcome) -> None:
    remote = RemoteLock(Aws(environment).dynamodb, environment)
    item = remote.look()
    if item is None:
        return
    if item.alive:
        say(f"{item.holder}: asked to end through {environment.lock_table}")
        remote.ask_halt(item.holder.run, why)
        _wait(lambda: (found := remote.look()) is None or not found.alive, within_s)
        item = remote.look()
        if item and item.alive:
            outcome.failures.append(f"{item.holder} has not ended within {within_s:g} s")
            return
        outcome.sentence = "the run has ended on its machine, and everything is put back"
    if item:
        _settle_item(remote, outcome)


def read_back(folder: Path) -> list[Settled]:
    """Run every undo of ours once more: it reads back, and changes nothing when nothing is left."""
    found = []
    for promise in Promises(folder / "promises.jsonl").made():
        if promise.call == DECLARED:
            continue
        try:
            found.append(Settled(promise, promise.fulfil(), True))
        except Exception as error:  # noqa: BLE001  whatever it was, it is not verified
            found.append(Settled(promise, f"{type(error).__name__}: {error}", False))
    return found


def undo_everything(runs: Path, environment: Environment | None) -> Outcome:
    """Settle every run of *runs* that no one plays, the last run on *environment*, and its item in the lock table."""
    outcome = Outcome("nothing is left changed")
    folders = [
        folder for folder in run_folders(runs) if Promises(folder / "promises.jsonl").open() or _cut_short(folder)
    ]
    last = read_holder(lock_path(environment)) if environment else None
    if last and not last.over and Path(last.folder).is_dir():
        folders.append(Path(last.folder))
    for folder in {folder.resolve(): folder for folder in folders}.values():
        if not _is_played(folder, environment):
            outcome.take(_settle(folder, "the run was cut short; `gameday undo` put things back"))
    if environment and not outcome.failures and not is_held(lock_path(environment)):
        _clear(environment, last, outcome)
    return outcome


def undo_run(folder: Path, environment: Environment | None) -> Outcome:
    """Settle one run. Raises Refusal: it is going on."""
    if _is_played(folder, environment):
        raise Refusal(f"{folder.name} is going on; end it with `gameday halt`")
    outcome = Outcome(f"nothing is left changed by {folder.name}")
    outcome.take(_settle(folder, "the run was cut short; `gameday undo` put things back"))
    last = read_holder(lock_path(environment)) if environment else None
    if environment and last and last.run == folder.name and not outcome.failures:
        _clear(environment, last, outcome)
    return outcome


def _settle(folder: Path, why: str) -> list[Settled]:
    """Keep the open promises of a run, and write down that it was cut short if nobody did."""
    settled = Promises(folder / "promises.jsonl").settle(PATIENCE_S)
    recorder = Recorder(folder)
    if settled or _cut_short(folder):
        recorder.mark("interrupted", fsync=True, why=why, by="undo")
        for each in settled:
            said = each.sentence if each.kept else each.failure
            recorder.mark("undo.verified" if each.kept else "undo.failed", fsync=True, why=said, by="undo")
        recorder.mark("undone", fsync=True, complete=all(each.kept for each in settled), by="undo")
    return settled


def _cut_short(folder: Path) -> bool:
    """Return whether a run's record has no end."""
    marks = [mark.name for mark in _marks(folder)]
    return not {"finished", "undone"} & set(marks)


def _marks(folder: Path) -> list[Mark]:
    return Record(folder).marks()


def _is_played(folder: Path, environment: Environment | None) -> bool:
    """Return whether some process plays this run now: then its pipe has a reader, or its environment is held."""
    if halt.listens(folder):
        return True
    path = lock_path(environment) if environment else None
    holder = read_holder(path) if path and is_held(path) else None
    return bool(holder and holder.run == folder.name)


def _clear(environment: Environment, last: Holder | None, outcome: Outcome) -> None:
    """Free the environment of a run that died, here and in the lock table."""
    if last and not last.over:
        if not Path(last.folder).is_dir():
            outcome.verified.append(f"the record of {last} is gone; the environment is free again, look at it yourself")
        lock = LocalLock(environment)
        lock.take()
        lock.write(replace(last, over=True))
        lock.release()
    if environment.lock_table:
        remote = RemoteLock(Aws(environment).dynamodb, environment)
        item = remote.look()
        if item and (not item.alive or (last and item.holder.run == last.run)):
            _settle_item(remote, outcome)


def _settle_item(remote: RemoteLock, outcome: Outcome) -> None:
    """Keep what a run of a lost machine promised, as the lock table has it, and free the environment."""
    item = remote.look()
    if item is None:
        return
    left = []
    for promise in item.promises:
        try:
            outcome.take([Settled(promise, promise.fulfil(), True)])
        except Exception as error:  # noqa: BLE001  one failed undo must not stop the others
            left.append(Settled(promise, f"{type(error).__name__}: {error}", False))
    outcome.take(left)
    if not left:
        remote.release(item.holder.run)


def _wait(true: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S / 10)
    return True
