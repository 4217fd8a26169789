"""One watcher a service: a file that the operating system locks here, and an item of the lock table elsewhere.

The item has a key of its own beside the environments', and a lease: a watcher that is gone loses it. A watcher takes
nothing from an experiment, and an experiment nothing from it; whether one goes on is only looked at.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.config import Environment
from gameday.errors import Refusal
from gameday.safety.hold import give_back
from gameday.safety.lock import LEASE_S, RENEW_S, Holder, LocalLock, RemoteLock, is_held, lock_path, read_holder

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class WatcherItem(RemoteLock):
    """The service's item in the lock table."""

    def __init__(self, client: DynamoDBClient, environment: Environment, cluster: str, service: str) -> None:
        super().__init__(client, environment)
        self.key = {"environment": {"S": f"{environment.account or '-'}/{environment.name}/watch/{cluster}/{service}"}}
        self.name = service

    def _why_not(self) -> str:
        found = self.look()
        who = f": {found.holder}" if found else ""
        return f"1 watcher has {self.name} already, the limit is 1{who}; it does the rollback if one is needed"


class Lease:
    """The service held for one watcher; renewed by a thread until it is given back."""

    def __init__(self, client: DynamoDBClient | None, environment: Environment, cluster: str, service: str) -> None:
        self.service = service
        self.local = LocalLock(environment)
        self.local.path = lock_path(environment).with_name(
            f"watch-{lock_path(environment).stem}-{cluster}-{service}.json"
        )
        self.remote = WatcherItem(client, environment, cluster, service) if client and environment.lock_table else None
        self.lost = ""
        self._stop = threading.Event()

    def take(self, watch: str, folder: Path) -> None:
        """Hold the service for *watch*. Raises Refusal: another watcher has it, named, or that cannot be said."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            last = self.local.take()
        except Refusal:
            who = read_holder(self.local.path) or "it has just begun"
            raise Refusal(
                f"1 watcher has {self.service} already, the limit is 1: {who}; it does the rollback if one is needed"
            ) from None
        try:
            holder = Holder.here(watch, folder)
            if self.remote:
                if last:
                    self.remote.release(last.run)  # it died here: its lease protects nobody
                self.remote.take(holder)
            self.local.write(holder)
        except (BotoCoreError, ClientError) as error:
            self.local.release()
            table = self.remote.table if self.remote else ""
            raise Refusal(
                f"whether another watcher has {self.service} cannot be said: the lock table {table} answers {error}"
            ) from None
        except BaseException:
            self.local.release()
            raise
        if self.remote:
            threading.Thread(target=self._renew, args=(self.remote,), daemon=True, name="gameday-watch-lease").start()

    def give_back(self) -> str:
        """Let go; return what could not be given back, or ""."""
        self._stop.set()
        kept = give_back(self.remote) if self.remote and self.remote.run else ""
        if self.local.descriptor >= 0:
            self.local.write_over()
        self.local.release()
        return kept

    def _renew(self, remote: RemoteLock) -> None:
        while not self._stop.wait(RENEW_S):
            try:
                remote.renew()
            except remote.client.exceptions.ConditionalCheckFailedException:
                if not self._stop.is_set():
                    self.lost = f"another watcher has taken {self.service}; it watches on"
                return
            except Exception as error:  # noqa: BLE001  tried again until the lease has ended
                if time.monotonic() - remote.renewed > LEASE_S - RENEW_S:
                    self.lost = (
                        f"the lease on {self.service} could not be renewed, and perhaps nobody watches now: {error}"
                    )
                    return


def experiment_now(client: DynamoDBClient | None, environment: Environment) -> Holder | None:
    """Return whose experiment goes on in *environment*, on this machine or another; None: nobody's."""
    path = lock_path(environment)
    if is_held(path):
        holder = read_holder(path)
        return holder if holder and not holder.over else Holder("that has just begun", "", "", "", 0, time.time())
    if client is None or not environment.lock_table:
        return None
    with suppress(client.exceptions.ResourceNotFoundException):  # no table: no run of another machine
        found = RemoteLock(client, environment).look()
        return found.holder if found and found.alive else None
    return None
