"""One run at a time on an environment: a lock on this machine, and one that works across machines.

On this machine it is a file that the operating system locks for the run and its watchman: when both are gone, so is
the lock, and the file still names the last run, whose open promises the next one finds. Across machines it is one
item of a DynamoDB table with a lease: a holder that stops renewing loses it. The item carries the open promises,
so that another machine can settle them when the first one is lost.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gameday.config import Environment, state_folder
from gameday.errors import Refusal
from gameday.model import iso
from gameday.safety.promises import Promise, count, promise_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE_S = 30.0
RENEW_S = 5.0
MINE = "#run = :run"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose run it is."""

    run: str
    folder: str  # of the run, on its machine
    host: str
    user: str
    pid: int
    since: float
    over: bool = False  # the run ended in order

    @classmethod
    def here(cls, run: str, folder: Path) -> Holder:
        """Return this process as the holder."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = str(os.getuid())
        return cls(run, str(folder.resolve()), socket.gethostname(), user, os.getpid(), time.time())

    def __str__(self) -> str:
        return f"run {self.run} of {self.user} on {self.host} (process {self.pid}), since {iso(self.since)[:19]}Z"


def lock_path(environment: Environment) -> Path:
    """Return the lock's file on this machine: one for each place that can be broken."""
    place = "|".join(
        (environment.name, environment.kind, environment.account, environment.region, environment.endpoint)
    )
    digest = hashlib.sha256(place.encode()).hexdigest()[:10]
    return state_folder() / "locks" / f"{environment.name}-{digest}.json"


class LocalLock:
    """The lock's file, held by an open descriptor that the watchman shares."""

    def __init__(self, environment: Environment, descriptor: int = -1) -> None:
        self.environment = environment
        self.path = lock_path(environment)
        self.descriptor = descriptor

    def take(self) -> Holder | None:
        """Hold the lock; return the last holder when its run did not end in order.

        Raises Refusal: somebody else holds it.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(descriptor):
            os.close(descriptor)
            holder = read_holder(self.path)
            raise Refusal(
                f"1 run is going on {self.environment.name} already, the limit is 1: "
                f"{holder or 'it has just begun'}; wait for it, or end it with "
                f"`gameday halt --on {self.environment.name}`"
            )
        self.descriptor = descriptor
        last = read_holder(self.path)
        return last if last and not last.over else None

    def write(self, holder: Holder) -> None:
        """Say, durably, whose run it is now."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps(asdict(holder)).encode(), 0)
        os.fsync(self.descriptor)

    def write_over(self) -> None:
        """Say that the last run ended in order, with nothing left to undo."""
        if holder := read_holder(self.path):
            self.write(replace(holder, over=True))

    def release(self) -> None:
        """Let go."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _locked(descriptor: int) -> bool:
    """Lock, in a few tries: whoever looks whether it is held holds it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(0.02)
    return False


def read_holder(path: Path) -> Holder | None:
    """Return who wrote the lock's file last, None when nobody did."""
    with suppress(OSError, ValueError, TypeError):
        return Holder(**json.loads(path.read_text()))
    return None


def is_held(path: Path) -> bool:
    """Return whether a run, or its watchman, holds the lock at *path* now."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True, slots=True)
class Item:
    """What the table says about an environment."""

    holder: Holder
    until: float
    promises: list[Promise]

    @property
    def alive(self) -> bool:
        """Whether the lease still runs."""
        return self.until > time.time()


class RemoteLock:
    """The environment's item in the lock table. Every change is conditional on being the holder."""

    def __init__(self, client: DynamoDBClient, environment: Environment) -> None:
        self.client = client
        self.table = environment.lock_table
        self.name = environment.name
        self.key: dict[str, Any] = {"environment": {"S": f"{environment.account or '-'}/{environment.name}"}}
        self.run = ""
        self.renewed = 0.0

    def take(self, holder: Holder) -> None:
        """Hold the lock for `LEASE_S`. Raises Refusal: another run holds it, or left promises open."""
        now = time.time()
        item = {**self.key, "run": {"S": holder.run}, "holder": {"S": json.dumps(asdict(holder))},
                "until": {"N": f"{now + LEASE_S:.3f}"}, "promises": {"S": "[]"}}  # fmt: skip
        free = "attribute_not_exists(#environment) OR (#until < :now AND #promises = :none)"
        values = {":now": {"N": f"{now:.3f}"}, ":none": {"S": "[]"}}
        try:
            self.client.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression=free,
                ExpressionAttributeValues=values,
                **names(free),
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            found = self.look()
            if found is None or found.holder.run != holder.run:  # ours: an answer was lost
                raise Refusal(self._why_not()) from None
        except self.client.exceptions.ResourceNotFoundException:
            raise Refusal(
                f"there is no lock table {self.table}; create it once with: aws dynamodb create-table "
                f"--table-name {self.table} --attribute-definitions AttributeName=environment,AttributeType=S "
                "--key-schema AttributeName=environment,KeyType=HASH --billing-mode PAY_PER_REQUEST"
            ) from None
        self.run, self.renewed = holder.run, time.monotonic()

    def _why_not(self) -> str:
        item = self.look()
        if item is None:
            return f"another run has just ended on {self.name}; try again"
        if item.alive:
            return (
                f"1 run is going on {self.name} already, the limit is 1: {item.holder}; "
                f"wait for it, or end it with `gameday halt --on {self.name}`"
            )
        return (
            f"{item.holder} died and left {count(item.promises)} open, the limit is 0; "
            f"`gameday undo --on {self.name}` settles them from here"
        )

    def look(self) -> Item | None:
        """Return the item, None when nobody holds it."""
        found = self.client.get_item(TableName=self.table, Key=self.key, ConsistentRead=True).get("Item")
        if not found:
            return None
        holder = Holder(**json.loads(found["holder"]["S"]))
        promises = [promise_of(line) for line in json.loads(found["promises"]["S"])]
        return Item(holder, float(found["until"]["N"]), promises)

    def renew(self) -> str:
        """Hold on for another lease; return why somebody asks this run to halt, or "". Raises when it is lost."""
        answer = self._update("SET #until = :until", {":until": {"N": f"{time.time() + LEASE_S:.3f}"}})
        self.renewed = time.monotonic()
        return answer.get("halt", "")

    def note(self, promises: list[Promise], run: str = "") -> None:
        """Keep the open promises where another machine can read them."""
        listed = json.dumps([asdict(each) for each in promises])
        self._update("SET #promises = :promises", {":promises": {"S": listed}}, run)

    def ask_halt(self, run: str, why: str) -> None:
        """Ask the holder to end *run*; it looks at every renewal."""
        self._update("SET #halt = :halt", {":halt": {"S": why}}, run)

    def release(self, run: str = "") -> None:
        """Let go of what *run* (this one) holds; harmless when it holds nothing."""
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.delete_item(
                TableName=self.table, Key=self.key, ConditionExpression=MINE,
                ExpressionAttributeValues={":run": {"S": run or self.run}}, **names(MINE),
            )  # fmt: skip

    def _update(self, change: str, values: dict[str, Any], run: str = "") -> dict[str, str]:
        answer = self.client.update_item(
            TableName=self.table, Key=self.key, UpdateExpression=change, ConditionExpression=MINE,
            ExpressionAttributeValues={":run": {"S": run or self.run}, **values}, ReturnValues="ALL_NEW",
            **names(f"{change} {MINE}"),
        )  # fmt: skip
        found = cast("dict[str, dict[str, str]]", answer.get("Attributes", {}))
        return {name: value.get("S", "") for name, value in found.items()}


def names(expression: str) -> dict[str, Any]:
    """Return the names of *expression*: DynamoDB reserves many words, so every attribute is written `#name`."""
    return {"ExpressionAttributeNames": {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}}
