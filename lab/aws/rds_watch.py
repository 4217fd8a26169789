"""Looks after an instance: commits go on when the standby is lost, the standby takes over when the primary is.

Two threads, because a frozen server blocks whoever asks it: the monitor asks the primary (and measures it once a
second), the watcher only looks at processes and at when the monitor last had an answer.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from threading import Event, Thread

import psycopg

from lab.aws.rds_instance import PROBE_WRITE, Rds
from lab.aws.rds_meter import Meter
from lab.aws.rds_replica import replicate
from lab.settings import LabError

WATCH_EVERY_S = 0.05
ASK_EVERY_S = 0.25
SILENT_S = 5.0  # a primary that has not answered for this long is lost
STRANDED_S = 8.0  # a standby that runs but has not followed for so long is made anew
BROKEN_S = 1.5  # a read replica that has not followed for so long is said to be in error
LEFT_S = 3.0  # a read replica that has not followed its source's new primary for so long is made anew
RETRY_S = 2.0  # between two attempts to bring a standby back
AT_REST = ("creating", "stopped", "incompatible-parameters", "deleting", "failed")
QUESTION = """
select (select count(*) from pg_stat_replication where state = 'streaming' and application_name = %s),
       (select count(*) from pg_stat_activity
         where wait_event = 'SyncRep' and clock_timestamp() - state_change > interval '0.7 seconds')
"""
REPLICA_QUESTION = "select count(*), 0 from pg_stat_wal_receiver where status = 'streaming'"
CAUGHT_UP = """
select 1 from pg_stat_replication where state = 'streaming' and application_name = %s and flush_lsn >= %s::pg_lsn
"""
Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(slots=True)
class Answer:
    """What the primary last said, and when (monotonic seconds)."""

    at: float
    streaming: int = 0
    stuck: int = 0  # commits that have waited for the standby for 0.7 s


@dataclass(slots=True)
class Watch:
    """The two threads and what they know."""

    rds: Rds
    closing: Event
    meter: Meter
    answer: Answer = field(init=False)
    next_try_at: float = 0.0
    protected_at: float = field(default_factory=time.monotonic)
    followed_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._forget()

    def start(self) -> None:
        """Start both threads."""
        for work in (self._monitor, self._watch):
            Thread(target=work, daemon=True, name=f"rds{work.__name__}").start()

    def _over(self, seconds: float) -> bool:
        """Wait; is there nothing to look after any more?"""
        return self.closing.wait(seconds) or self.rds.ended.is_set()

    def _monitor(self) -> None:
        connection: Connection | None = None
        while not self._over(ASK_EVERY_S):
            try:
                if connection is None or connection.closed:
                    connection = self.rds.pair.primary.connect()
                self._ask(connection)
                self.meter.measure(connection, time.time())
            except (psycopg.Error, LabError):  # restarting, dead or replaced: the watcher sees which
                self.meter.forget()
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _ask(self, connection: Connection) -> None:
        rds = self.rds
        if rds.source is not None:
            row = connection.execute(REPLICA_QUESTION).fetchone()
        else:
            row = connection.execute(QUESTION, (rds.pair.standby.name,)).fetchone()
        if row is not None:
            self.answer = Answer(time.monotonic(), *(int(str(value)) for value in row))
        if rds.replicas:  # so that their lag is told from an idle source's silence; nobody waits for this commit
            connection.execute("set synchronous_commit to local")
            connection.execute(PROBE_WRITE)

    def _watch(self) -> None:
        while not self._over(WATCH_EVERY_S):
            if not self.rds.moving.acquire(blocking=False):
                self._forget()
                continue
            try:
                self.step(time.monotonic())
            except Exception:  # noqa: BLE001 - a watcher that ends with one error would leave every commit hanging
                traceback.print_exc()
                self.closing.wait(1)
            finally:
                self.rds.moving.release()

    def step(self, now: float) -> None:
        """Look once, and mend what is wrong."""
        rds, pair = self.rds, self.rds.pair
        if rds.status in AT_REST or rds.queued:  # whoever moves it next is about to
            self._forget()
            return
        if rds.protected:
            self.protected_at = now
        if not pair.primary.alive:
            rds.note("primary.killed", node=pair.primary.name)
            self._replace_primary()
        elif now - self.answer.at > SILENT_S:
            rds.note("primary.silent", node=pair.primary.name)
            self._replace_primary()
        elif rds.source is not None:
            self._look_at_stream(now)
            return
        elif rds.protected and (not pair.standby.alive or not self.answer.streaming or self.answer.stuck):
            rds.expose()
            self.next_try_at = now + RETRY_S
        elif rds.multi_az and not rds.protected and now >= self.next_try_at:
            self.next_try_at = now + RETRY_S
            stranded = now - self.protected_at > STRANDED_S
            if not pair.standby.alive or stranded or self._follows():
                rds.protect(rebuild=stranded)
        else:
            rds.settle()
            return
        self._forget()

    def _look_at_stream(self, now: float) -> None:
        """See whether a read replica follows its source, and make it anew if it cannot follow the new primary."""
        rds, follows = self.rds, bool(self.answer.streaming)
        if follows != rds.streaming and (follows or now - self.followed_at > BROKEN_S):
            rds.streaming = follows
            rds.note("replica.streaming" if follows else "replica.disconnected")
            rds.tell("0046" if follows else "0045")
        if follows:
            self.followed_at, rds.source_moved = now, False
        elif rds.source_moved and now - self.followed_at > LEFT_S:
            self.followed_at = now
            rds.note("replica.remade")
            replicate(rds)
            self._forget()
        rds.settle()

    def _forget(self) -> None:
        """Judge only what is seen from now on: the last answer came from before a change."""
        self.answer = Answer(time.monotonic(), streaming=1 if self.rds.source is None else int(self.rds.streaming))

    def _follows(self) -> bool:
        """Does the standby take in what is written now? (a frozen one still counts as streaming for seconds)"""
        pair = self.rds.pair
        if not pair.durable:  # it lags by design
            return True
        with pair.primary.connect() as connection:
            connection.execute(PROBE_WRITE)
            written = connection.execute("select pg_current_wal_flush_lsn()").fetchone()
            for _ in range(20):
                if connection.execute(CAUGHT_UP, (pair.standby.name, *(written or ()))).fetchone():
                    return True
                time.sleep(0.02)
        return False

    def _replace_primary(self) -> None:
        """Fail over if there is a standby that has everything, else recover the server in place."""
        if self.rds.protected and self.rds.pair.standby.alive:
            self.rds.fail_over()
        else:
            self.rds.recover()
