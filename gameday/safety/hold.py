"""An environment held for one run: both locks taken, renewed, and given back; leftovers of a crash found first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import Refusal
from gameday.safety.lock import LEASE_S, RENEW_S, Holder, LocalLock, RemoteLock
from gameday.safety.promises import Promise, Promises, count

TRIES, PAUSE_S = 3, 0.3
MARGIN_S = 5.0  # a lease that could not be renewed counts as lost this long before it ends


class Hold:
    """The locks of one run."""

    def __init__(self, environment: Environment, aws: Aws, halt: Callable[[str], None], lost: Callable[[str], None]):
        self.environment = environment
        self.local = LocalLock(environment)
        self.remote = RemoteLock(aws.dynamodb, environment) if environment.lock_table else None
        self._halt = halt
        self._lost = lost
        self._stop = threading.Event()

    def take(self, run: str, folder: Path, settle: bool) -> list[str]:
        """Hold the environment for *run*; with *settle*, keep first what a crashed run promised, and return its words.

        Raises Refusal: another run holds it, or a crashed one left promises open.
        """
        holder = Holder.here(run, folder)
        last = self.local.take()
        try:
            said = _leftovers(last, settle, self.environment.name) if last else []
            self.local.write(holder)  # first, so that a crash right here tells whose the table's item is
            if self.remote:
                if last:
                    self.remote.release(last.run)  # it died here, and has nothing open: its lease protects nobody
                self._take(self.remote, holder)
        except BaseException:
            self.local.release()
            raise
        if self.remote:
            threading.Thread(target=self._renew, args=(self.remote,), daemon=True, name="gameday-lock").start()
        return said

    def _take(self, remote: RemoteLock, holder: Holder) -> None:
        try:
            remote.take(holder)
        except BaseException:
            self.local.write_over()
            raise

    def note(self, promises: list[Promise]) -> None:
        """Keep the open promises where another machine finds them. Raises when that cannot be done."""
        if self.remote and self.remote.run:
            self.remote.note(promises)

    def give_back(self, complete: bool) -> str:
        """Let go; return what could not be given back, or "".

        A run that left something changed stays named, so that the next one finds it.
        """
        self._stop.set()
        if complete and self.local.descriptor >= 0:
            self.local.write_over()
        kept = give_back(self.remote) if self.remote and self.remote.run and complete else ""
        self.local.release()
        return kept

    def _renew(self, remote: RemoteLock) -> None:
        while not self._stop.wait(RENEW_S):
            try:
                if why := remote.renew():
                    self._halt(why)
            except remote.client.exceptions.ConditionalCheckFailedException:
                if not self._stop.is_set():
                    self._lost(f"the lock on {self.environment.name} was taken by another run")
                return
            except Exception as error:  # noqa: BLE001  tried again until the lease is about to end
                if time.monotonic() - remote.renewed > LEASE_S - MARGIN_S - RENEW_S:
                    self._lost(f"the lock on {self.environment.name} could not be renewed: {error}")
                    return


def give_back(remote: RemoteLock, run: str = "") -> str:
    """Free the table's item of *run* (the one that took it), trying again; return why that failed, or ""."""
    for attempt in range(TRIES):
        try:
            remote.release(run)
            return ""
        except Exception as error:  # noqa: BLE001  whatever it was: the lease ends by itself
            last = error
            time.sleep(PAUSE_S * attempt)
    with suppress(Exception):  # at least nobody must think that something is left to undo
        remote.note([], run)
    return f"the lock in {remote.table} could not be given back and ends with its lease of {LEASE_S:g} s ({last})"


def _leftovers(last: Holder, settle: bool, environment: str) -> list[str]:
    folder = Path(last.folder)
    if not folder.is_dir():
        raise Refusal(
            f"{last} died, and its record {folder} is gone, so what it changed is unknown; look at "
            f"{environment}, then run `gameday undo --on {environment}`"
        )
    promises = Promises(folder / "promises.jsonl")
    left = promises.open()
    if not left:
        return []
    if settle:
        return promises.settle_or_raise()
    raise Refusal(
        f"{last} died and left {count(left)} open, the limit is 0 ({left[0].sentence}); "
        f"`gameday undo --on {environment}` settles them, or run again with --yes"
    )
