"""A DB instance as its callers see it: what it accepts in which state, what it refuses, and what stays pending.

Handlers call it under the world's lock; what was accepted is done by a thread of its own.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread

from lab.aws.names import arn
from lab.aws.rds_parameters import memory_of
from lab.aws.rds_server import ENDPOINT_LINK, PROBE_WRITE, Server
from lab.aws.registry import AwsError
from lab.postgres import APP_USER
from lab.postgres import DATABASE as DATABASE_NAME

__all__ = ["ENDPOINT_LINK", "PROBE_WRITE", "Rds"]

COOL_DOWN_S = 10.0  # a second failover within this time is abandoned
FREE_S = 0.1  # the longest to wait for a watcher that only looks
MOST_BACKUP_DAYS = 35
Changes = Mapping[str, object]  # members of PendingModifiedValues


@dataclass(slots=True)
class Rds(Server):
    """One DB instance; `world.rds` is foodconnect-db, `world.databases` has them all."""

    master_user: str = APP_USER
    database: str = DATABASE_NAME
    allocated_gib: int = 20
    storage_type: str = "gp3"
    backup_days: int = 7
    deletion_protection: bool = False
    auto_minor: bool = True
    backup_window: str = "02:00-02:30"
    maintenance_window: str = "sun:03:00-sun:03:30"
    pending: dict[str, object] = field(default_factory=dict)  # what was modified without ApplyImmediately
    applying: int = 0  # changes of its parameter group that are on their way to the servers

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("rds", f"db:{self.identifier}")

    @property
    def current(self) -> dict[str, object]:
        """What can be pending, as it is now."""
        return {
            "MultiAZ": self.multi_az,
            "DBInstanceClass": self.instance_class,
            "AllocatedStorage": self.allocated_gib,
            "BackupRetentionPeriod": self.backup_days,
        }

    @property
    def parameter_status(self) -> str:
        """The member ParameterApplyStatus of its group."""
        if self.applying:
            return "applying"
        return "in-sync" if self.wanted == self.pair.primary.parameters else "pending-reboot"

    # -- what a caller asks for --------------------------------------------------------------------------

    def reboot(self, *, force_failover: bool) -> None:
        """Accept a reboot, or refuse it as RDS does; a thread does the work."""
        self.require("available", "incompatible-parameters")
        if not force_failover:
            self.work(self.restart)
            return
        if not self.multi_az:
            words = "Cannot specify ForceFailover for a non Multi-AZ DB instance"
            raise AwsError("InvalidParameterCombination", words)
        recently = time.time() - self.last_failover_at < COOL_DOWN_S
        if recently or not self.protected or not self._is_free():
            self.tell("0034")
            self.note("failover.abandoned", recently=recently)
            return
        self.work(self.fail_over)

    def modify(self, changes: Changes, *, now: bool) -> None:
        """Accept changes; a thread does the work, the status is `modifying` meanwhile.

        Without `now` they stay pending, as on AWS until the next maintenance window (which never comes here); with it
        what was pending is applied as well.
        """
        self.require("available")
        asked = {**self.pending, **changes}
        asked = {name: value for name, value in asked.items() if value != self.current[name]}
        if asked and now:
            self.work(lambda: self._apply(asked), "modifying")
            self.pending = {}
            return
        self.pending = asked

    def require_stoppable(self) -> None:
        """Raise InvalidDBInstanceState unless it is available, and neither a read replica nor the source of one."""
        self.require("available")
        if self.source is not None or self.replicas:
            words = f"Cannot stop {self.identifier}: it is a read replica, or the source of one."
            raise AwsError("InvalidDBInstanceState", words)

    def stop(self, back_up: Callable[[], None] | None) -> None:
        """Stop, after a snapshot if there is something to take it."""

        def work() -> None:
            if back_up:
                back_up()
            self.shut_down()

        self.work(work, "stopping")

    def start(self) -> None:
        """Accept a start of a stopped instance."""
        self.require("stopped")
        self.work(self.start_up, "starting")

    def snapshot(self, back_up: Callable[[], None]) -> None:
        """Accept a snapshot, which `back_up` takes."""
        self.require("available")

        def work() -> None:
            back_up()
            self.be("available")

        self.work(work, "backing-up")

    def apply_group(self, names: list[str]) -> None:
        """Put dynamic parameters of its group in force, as soon as nobody moves the servers."""
        self.applying += 1

        def work() -> None:
            with self.moving:
                try:
                    if self.pair.primary.alive:
                        self.take_in(names)
                except Exception:  # noqa: BLE001 - the parameters stay pending, and the log says why
                    traceback.print_exc()
                finally:
                    self.applying -= 1

        Thread(target=work, daemon=True, name="rds-parameters").start()

    def require(self, *statuses: str) -> None:
        """Raise InvalidDBInstanceState unless the status is one of these."""
        if self.status not in statuses:
            words = f"Instance {self.identifier} is not in {' or '.join(statuses[:1])} state."
            raise AwsError("InvalidDBInstanceState", words)

    def _is_free(self) -> bool:
        """Does nobody move the pair? (the watcher takes it for a moment whenever it looks)"""
        if not self.moving.acquire(timeout=FREE_S):
            return False
        self.moving.release()
        return True

    def work(self, work: Callable[[], None], status: str = "rebooting") -> None:
        """Have a thread move the servers, in this status, as soon as nobody else moves them."""
        self.status, self.queued = status, self.queued + 1

        def guarded() -> None:
            with self.moving:
                self.queued -= 1
                try:
                    work()
                except Exception:  # noqa: BLE001 - whatever broke the move, the watcher must get the pair to mend it
                    traceback.print_exc()
                    self.note("database.broken", error=traceback.format_exc(limit=1))

        Thread(target=guarded, daemon=True, name="rds-work").start()

    # -- the work; the caller holds `moving` --------------------------------------------------------------

    def _apply(self, changes: Changes) -> None:
        if "BackupRetentionPeriod" in changes:
            self._keep_backups(int(str(changes["BackupRetentionPeriod"])))
        if "AllocatedStorage" in changes:
            self.tell("0018")
            self.allocated_gib = int(str(changes["AllocatedStorage"]))
            self.tell("0017")
        if "DBInstanceClass" in changes:
            self.tell("0012")
            self.instance_class = str(changes["DBInstanceClass"])
            if not self.bounce():
                return
            self.tell("0014")
        if "MultiAZ" in changes:
            (self.gain_standby if changes["MultiAZ"] else self.lose_standby)()
        self.be("available")

    def _keep_backups(self, days: int) -> None:
        had, self.backup_days = self.backup_days, days
        if bool(had) != bool(days):
            self.tell("0032" if days else "0028")


def check_class(name: str) -> str:
    """Return an instance class that the lab has; InvalidParameterValue for another."""
    memory_of(name)
    return name


def check_backup_days(days: int) -> int:
    """Return a retention period of backups; InvalidParameterValue when it is not 0 to 35 days."""
    if not 0 <= days <= MOST_BACKUP_DAYS:
        raise AwsError("InvalidParameterValue", f"Invalid backup retention period: {days}. Must be between 0 and 35.")
    return days
