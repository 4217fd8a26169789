"""Amazon RDS: DB clusters, of which FoodConnect's account has none. Asked about one, it says so as AWS does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.aws.registry import AwsError, Call, Params, handles

if TYPE_CHECKING:
    from lab.aws.world import World


def _none(name: str) -> AwsError:
    return AwsError("DBClusterNotFoundFault", f"DBCluster {name} not found.")


@handles("rds", "DescribeDBClusters")
def describe_db_clusters(world: World, params: Params, call: Call) -> dict[str, object]:
    """None; a name is not found.

    Missing: Aurora and Multi-AZ DB clusters.
    """
    if params.get("DBClusterIdentifier"):
        raise _none(params["DBClusterIdentifier"])
    return {"DBClusters": []}


def _refuse(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: the account has no DB cluster."""
    raise _none(params["DBClusterIdentifier"])


for _operation in ("DeleteDBCluster", "FailoverDBCluster", "RebootDBCluster", "StartDBCluster", "StopDBCluster"):
    handles("rds", _operation)(_refuse)


@handles("rds", "DeleteDBClusterEndpoint")
def delete_db_cluster_endpoint(world: World, params: Params, call: Call) -> dict[str, object]:
    """Refused: the account has no DB cluster, and so none of its endpoints."""
    name = params["DBClusterEndpointIdentifier"]
    raise AwsError("DBClusterEndpointNotFoundFault", f"DBCluster endpoint {name} not found.")
