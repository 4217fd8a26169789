"""Putting back what a killed run left, on the environment that it was of: `gameday undo`, and the end of a halt.

A run of another environment is left alone and named: its undo would reach the wrong system. Whoever settles holds the
environment's lock on this machine, so nothing is settled while a run is played, and none begins meanwhile.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from gameday.aws import Aws, refuse_way_out
from gameday.config import Environment
from gameday.errors import Refusal
from gameday.record import Record, Recorder, day_folders, run_folders
from gameday.safety import halt
from gameday.safety.lock import Holder, Item, LocalLock, RemoteLock, read_holder
from gameday.safety.promises import DECLARED, Promise, Promises, Settled

PATIENCE_S = 20.0
BUSY_S = 2.0  # a lock whose run is dead is its watchman's, which is nearly done; or somebody only looked at it
GONE = "the lab is down, and what it held is gone with it"
UNDONE = "the run was cut short; `gameday undo` put things back"
BEFORE_THE_LOCK = {"armed", "account"}  # marks of a run that holds nothing yet, and so has touched nothing


@dataclass(slots=True)
class Outcome:
    """What came of it: what was read back, what is still changed, what else to know, and the whole in a sentence."""

    sentence: str = ""
    verified: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)  # ids of promises

    def take(self, settled: Iterable[Settled]) -> None:
        """Add what came of some promises."""
        for each in settled:
            if each.kept:
                self.kept.add(each.promise.id)
                self.verified.append(each.sentence)
            else:
                self.failures.append(each.failure)


def undo_everything(runs: Path, environment: Environment | None) -> Outcome:
    """Settle what the runs of *runs* left on *environment*, its last run, and its item in the lock table.

    None as the environment: the lab, which is down. Raises Refusal: a run is played there, or the account is another.
    """
    outcome = Outcome("nothing is left changed")
    if environment is None:
        _undo_all(_left(runs, None), None, None, outcome)
        return outcome
    may_settle(environment)
    with held(environment) as lock:
        last = read_holder(lock.path)
        _refuse_elsewhere(environment, last)
        _undo_all(_left(runs, last), environment, last, outcome)
        if not outcome.failures:
            _clear(environment, lock, last, outcome)
    return outcome


def undo_run(folder: Path, environment: Environment | None, restored: bool = False) -> Outcome:
    """Settle one run; with *restored* take somebody's word that what is open was put back by hand.

    Raises Refusal: it, or another one, is played on its environment, or the account is another.
    """
    outcome = Outcome(f"nothing is left changed by {folder.name}")
    if why := of_another(folder, environment):
        outcome.failures.append(why)
        return outcome
    if halt.listens(folder):
        raise going_on(folder.name, environment)
    if environment is None:
        _undo_one(folder, None, outcome)
        return outcome
    may_settle(environment)
    with held(environment) as lock:
        last = read_holder(lock.path)
        _refuse_elsewhere(environment, last)
        if restored:
            outcome.take(_take_the_word(folder))
        _undo_one(folder, environment, outcome)
        if last and last.run == folder.name and not outcome.failures:
            _clear(environment, lock, last, outcome)
    return outcome


# -- what may be settled -------------------------------------------------------------------------------------


@contextmanager
def held(environment: Environment) -> Iterator[LocalLock]:
    """Hold the environment's lock on this machine. Raises Refusal: a run is played there."""
    lock = LocalLock(environment)
    deadline = time.monotonic() + BUSY_S
    while lock.descriptor < 0:
        try:
            lock.take()
        except Refusal:
            holder = read_holder(lock.path)
            if (holder and halt.listens(Path(holder.folder))) or time.monotonic() > deadline:
                raise going_on(holder.run if holder else "a run", environment) from None
            time.sleep(0.05)
    try:
        yield lock
    finally:
        lock.release()


def may_settle(environment: Environment) -> None:
    """Refuse, before any undo runs, a shell that would send it to another account than the environment's."""
    refuse_way_out(environment)
    if environment.kind != "lab":
        Aws(environment).check_account()


def going_on(run: str, environment: Environment | None, more: str = "") -> Refusal:
    """Return the refusal of an undo while *run* is played."""
    on = f" --on {environment.name}" if environment and environment.name != "lab" else ""
    return Refusal(f"{run} is going on; end it with `gameday halt{on}`{more}")


def _refuse_elsewhere(environment: Environment, last: Holder | None) -> None:
    """Refuse while a run of another machine holds the environment. What holds nothing here any more died here."""
    if not environment.lock_table:
        return
    item = None
    with suppress(Exception):  # it is told at the end that the table could not be read; what is here is put back first
        item = RemoteLock(Aws(environment).dynamodb, environment).look()
    if item and item.alive and not (last and last.run == item.holder.run):
        left_s = max(0.0, item.until - time.time())
        raise going_on(str(item.holder), environment, f"; if its machine is lost, its hold ends in {left_s:.0f} s")


def of_another(folder: Path, environment: Environment | None) -> str:
    """Return why a run is not to be settled on *environment*, "" when it is of it. None: the lab, which is down."""
    said = Record(folder).document("plan.json").get("environment")
    told = said if isinstance(said, dict) else {}
    name, kind, account = (str(told.get(key) or "") for key in ("name", "kind", "account"))
    if not name:
        by_hand = "; ".join(promise.by_hand for promise in Promises(folder / "promises.jsonl").open())
        return f"{folder.name} does not say on which environment it ran; restore it by hand: {by_hand or 'look at it'}"
    if environment is None:
        return "" if kind == "lab" else _elsewhere(folder, name)
    if (name, kind) != (environment.name, environment.kind):
        return _elsewhere(folder, name)
    if account and environment.account and account != environment.account:
        return f"{folder.name} is of {name} in account {account}, and gameday.toml says {environment.account}"
    return ""


def _elsewhere(folder: Path, name: str) -> str:
    return f"{folder.name} is of {name}; `gameday undo --on {name}`"


def cut_short(folder: Path) -> bool:
    """Return whether a run that held its environment has no end in its record."""
    marks = {mark.name for mark in Record(folder).marks()}
    return bool(marks - BEFORE_THE_LOCK) and not {"finished", "undone"} & marks


def _left(runs: Path, last: Holder | None) -> list[Path]:
    """Return the folders that may have something to settle, oldest first."""
    folders = [
        folder
        for folder in sorted([*run_folders(runs), *day_folders(runs)])
        if Promises(folder / "promises.jsonl").open() or cut_short(folder)
    ]
    if last and not last.over and Path(last.folder).is_dir():
        folders.append(Path(last.folder))
    return list({folder.resolve(): folder for folder in folders}.values())


# -- settling --------------------------------------------------------------------------------------------------


def _undo_all(folders: list[Path], environment: Environment | None, last: Holder | None, outcome: Outcome) -> None:
    """Settle those of the environment; name the others. Raises Refusal, before anything: one of them is played."""
    own = Path(last.folder).resolve() if last and not last.over else None
    others = {folder: "" if folder.resolve() == own else of_another(folder, environment) for folder in folders}
    idle = {folder: why for folder, why in others.items() if not halt.listens(folder)}
    for folder in others:
        if folder not in idle and not others[folder] and Promises(folder / "promises.jsonl").open():
            raise going_on(folder.name, environment)
    for folder, why in idle.items():
        if not why:
            _undo_one(folder, environment, outcome)
        elif Promises(folder / "promises.jsonl").open():
            outcome.failures.append(why)
        else:
            outcome.notes.append(why)


def _undo_one(folder: Path, environment: Environment | None, outcome: Outcome) -> None:
    forgotten: list[Settled] = []
    if environment is None and Promises(folder / "promises.jsonl").open():
        if url := _answering(folder):
            outcome.failures.append(
                f"the lab of {folder.name} still answers at {url}, and it is not this shell's; "
                "set GAMEDAY_LAB_HOME to its folder and undo again"
            )
            return
        forgotten = _forget(folder)
    outcome.take(settle(folder, UNDONE, forgotten))


def _forget(folder: Path) -> list[Settled]:
    """Strike out the declared rollbacks of a run on a lab that is down; ours find that out by themselves."""
    promises = Promises(folder / "promises.jsonl")
    declared = [promise for promise in promises.open() if promise.call == DECLARED]
    for promise in declared:
        promises.strike(promise)
    return [Settled(promise, f"{GONE} ({promise.sentence})", True) for promise in declared]


def _take_the_word(folder: Path) -> list[Settled]:
    """Strike out what was put back by hand, and write down that nobody has read it back."""
    promises = Promises(folder / "promises.jsonl")
    struck = [Settled(promise, f"by hand, not read back: {promise.sentence}", True) for promise in promises.open()]
    for each in struck:
        promises.strike(each.promise)
        Recorder(folder).mark("undo.by_hand", fsync=True, why=each.sentence)
    return struck


def _answering(folder: Path) -> str:
    """Return the address of the run's lab when somebody listens there all the same, else ""."""
    said = Record(folder).document("plan.json").get("environment")
    url = urlparse(str(said.get("url") or "") if isinstance(said, dict) else "")
    with suppress(OSError, ValueError):
        if url.hostname and url.port:
            socket.create_connection((url.hostname, url.port), timeout=1).close()
            return url.geturl()
    return ""


def settle(folder: Path, why: str, before: Iterable[Settled] = ()) -> list[Settled]:
    """Keep the open promises of a run, and write down that it was cut short if nobody did.

    *before* is what was settled of it already, to be written down with the rest.
    """
    settled = [*before, *Promises(folder / "promises.jsonl").settle(PATIENCE_S)]
    if settled or cut_short(folder):
        recorder = Recorder(folder)
        recorder.mark("interrupted", fsync=True, why=why, by="undo")
        for each in settled:
            said = each.sentence if each.kept else each.failure
            recorder.mark("undo.verified" if each.kept else "undo.failed", fsync=True, why=said, by="undo")
        recorder.mark("undone", fsync=True, complete=all(each.kept for each in settled), by="undo")
    return settled


def read_back(folder: Path) -> list[Settled]:
    """Run every undo of ours once more: it reads back, and changes nothing when nothing is left."""
    made = Promises(folder / "promises.jsonl").made()
    return list(fulfilled(promise for promise in made if promise.call != DECLARED))


def fulfilled(promises: Iterable[Promise]) -> Iterator[Settled]:
    """Run each undo once, and yield what it read back, or why it could not."""
    for promise in promises:
        try:
            yield Settled(promise, promise.fulfil(), True)
        except Exception as error:  # noqa: BLE001  one failed undo must not stop the others
            yield Settled(promise, f"{type(error).__name__}: {error}", False)


# -- the environment afterwards ----------------------------------------------------------------------------------


def _clear(environment: Environment, lock: LocalLock, last: Holder | None, outcome: Outcome) -> None:
    """Free the environment of a run that died, here and in the lock table; *lock* is held, and *last* its last word."""
    if last and not last.over:
        if not Path(last.folder).is_dir():
            outcome.notes.append(f"the record of {last} is gone; the environment is free again, look at it yourself")
        lock.write_over()
    if environment.lock_table:
        try:
            remote = RemoteLock(Aws(environment).dynamodb, environment)
            item = remote.look()
            if item and (not item.alive or (last and item.holder.run == last.run)):
                settle_item(remote, item, outcome)
        except Exception as error:  # noqa: BLE001  whatever it was: what is here is put back, and this is said
            outcome.failures.append(f"the lock table {environment.lock_table} could not be read: {error}")


def settle_item(remote: RemoteLock, item: Item, outcome: Outcome) -> None:
    """Keep what a run of a lost machine promised, as the lock table has it, and free the environment."""
    settled = list(fulfilled(promise for promise in item.promises if promise.id not in outcome.kept))
    outcome.take(settled)
    if all(each.kept for each in settled):
        remote.release(item.holder.run)
