"""RDS, operation by operation; the instance is well before and after."""

from __future__ import annotations

from lab.settings import DATABASE
from tests.conformance.seen import Seen, all_refused, refused
from tests.lab.bench import wait_until

IT = {"DBInstanceIdentifier": DATABASE}
NOBODY = {"DBInstanceIdentifier": "nobody"}


def play(seen: Seen) -> None:
    """Call every operation of RDS, with a refusal where AWS has one."""
    rds = seen.client("rds")
    instance = rds.describe_db_instances(**IT)["DBInstances"][0]
    with refused("DBInstanceNotFound"):
        rds.describe_db_instances(**NOBODY)
    rds.describe_events(SourceType="db-instance", SourceIdentifier=DATABASE, Duration=60)
    with refused("InvalidParameterCombination"):
        rds.describe_events(SourceIdentifier=DATABASE)
    rds.describe_event_categories(SourceType="db-instance")
    arn = instance["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "k", "Value": "v"}])
    rds.list_tags_for_resource(ResourceName=arn)
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["k"])
    nobody = arn.replace(DATABASE, "nobody")
    all_refused(
        "DBInstanceNotFound",
        lambda: rds.add_tags_to_resource(ResourceName=nobody, Tags=[]),
        lambda: rds.list_tags_for_resource(ResourceName=nobody),
        lambda: rds.remove_tags_from_resource(ResourceName=nobody, TagKeys=["k"]),
        lambda: rds.modify_db_instance(**NOBODY),
        lambda: rds.reboot_db_instance(**NOBODY),
    )
    rds.modify_db_instance(**IT, MultiAZ=True, ApplyImmediately=True)
    rds.reboot_db_instance(**IT)
    wait_until(lambda: seen.lab.database()["DBInstanceStatus"] == "available", 15, "the instance is available")
