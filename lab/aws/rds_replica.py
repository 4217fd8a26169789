"""Read replicas: made from their source by a base backup, following it through a link of their own, and leaving it.

The source keeps what a replica has not got yet by a replication slot, which does not move with a failover: the new
primary gets one of its own.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from lab.postgres import promote
from lab.settings import LabError

if TYPE_CHECKING:
    from lab.aws.rds_server import Server

HEARTBEAT = "create table if not exists rds_heartbeat (id int primary key, at timestamptz)"
DROP_SLOT = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s and not active"
DROP_STRANGE_SLOTS = (
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active and slot_name <> all(%s)"
)
HAS_SLOT = "select 1 from pg_replication_slots where slot_name = %s"
MAKE_SLOT = (
    "select pg_create_physical_replication_slot(%s, true)"
    " where not exists (select from pg_replication_slots where slot_name = %s)"
)


def keep_slot(source: Server, replica: Server) -> None:
    """Keep what a replica has not got yet, by a slot on the source's primary."""
    with source.pair.primary.connect() as connection:
        connection.execute(DROP_SLOT, (replica.slot,))
        connection.execute(MAKE_SLOT, (replica.slot, replica.slot))


def drop_slot(source: Server, replica: Server) -> None:
    """Keep nothing for this replica any more, as soon as its connection has ended."""
    with suppress(psycopg.Error), source.pair.primary.connect() as connection:
        for _ in range(40):
            connection.execute(DROP_SLOT, (replica.slot,))
            if not connection.execute(HAS_SLOT, (replica.slot,)).fetchall():
                return
            time.sleep(0.05)


def drop_strange_slots(source: Server) -> None:
    """Keep nothing for replicas that are gone: the primary was down when they left, or was the standby."""
    with suppress(psycopg.Error), source.pair.primary.connect() as connection:
        connection.execute(DROP_STRANGE_SLOTS, ([replica.slot for replica in source.replicas],))


def replicate(replica: Server) -> None:
    """Make a replica, or make it anew: a copy of its source that follows it. The caller holds `moving`."""
    source, node = source_of(replica), replica.pair.primary
    node.stop_immediate()
    keep_slot(source, replica)
    node.clone(replica.stream_port)
    node.follow(replica.stream_port, slot=replica.slot)
    node.start()
    replica.note("replica.started", source=source.identifier)


def stand_alone(replica: Server) -> None:
    """Make an instance of its own of a replica. The caller holds `moving`."""
    source = source_of(replica)
    promote(replica.pair.primary)
    replica.note("replica.promoted", source=source.identifier)
    replica.tell("0057")
    leave(replica, source)
    replica.pair.primary.query(HEARTBEAT)


def leave(replica: Server, source: Server) -> None:
    """Be no replica of this source any more."""
    with suppress(LabError):  # it has ended with the link process, if that is gone
        if replica.stream_link in replica.links.describe():
            replica.links.close(replica.stream_link)
    with replica.lock:
        source.replicas.remove(replica)
        replica.source, replica.streaming, replica.source_moved = None, False, False
    drop_slot(source, replica)


def source_of(replica: Server) -> Server:
    """Return the source; LabError when there is none."""
    if replica.source is None:
        raise LabError(f"{replica.identifier} is no read replica")
    return replica.source
