"""The asynchronous pair: its standby lags, and a failover under load loses writes that were acknowledged."""

from __future__ import annotations

import time

import psycopg

from lab.settings import DATABASE
from tests.lab.bench import wait_until
from tests.lab.test_rds import available, messages_since, writing
from tests.lab.twin import twin


def test_failover_of_an_asynchronous_pair_loses_acknowledged_writes() -> None:
    """Writes of the last moments before the failover are lost, no others, and the pair is whole afterwards."""
    with twin(replication="asynchronous", tasks=1) as lab:
        superuser = f"host=127.0.0.1 port={lab.settings.database_port} user=postgres dbname=template1"
        with psycopg.connect(superuser) as asked:
            assert asked.execute("show synchronous_standby_names").fetchone() == ("",)
        began = time.time()
        with writing(lab) as writer:
            wait_until(lambda: len(writer.acknowledged) > 20, 10, "it writes")
            time.sleep(0.8)
            lab.rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
            lab.wait_truth("standby.rejoined", since=began, within_s=25)
            wait_until(lambda: available(lab), 15, "available")
        killed = lab.truth("primary.killed", since=began)[0]["t"]
        lost = writer.lost()
        written = {each.number: each for each in writer.acknowledged}
        assert lost
        assert all(killed - 2 < written[number].at and written[number].asked <= killed for number in lost)
        assert "Multi-AZ instance failover completed." in messages_since(lab, began)
        assert lab.database()["MultiAZ"]
