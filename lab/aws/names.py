"""Names as AWS writes them: ARNs, identifiers and instants, in one place."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

from lab.settings import ACCOUNT, CLUSTER, LOAD_BALANCER, REGION, TARGET_GROUP


def arn(service: str, resource: str) -> str:
    """Return an ARN of the lab's account and region: `arn("ecs", "cluster/x")`."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def stable_hex(name: str, digits: int = 16) -> str:
    """Return the same hexadecimal identifier for the same name in every lab."""
    return hashlib.sha256(name.encode()).hexdigest()[:digits]


def new_hex(digits: int = 32) -> str:
    """Return a fresh hexadecimal identifier."""
    return secrets.token_hex(digits // 2)


def last_part(name_or_arn: str) -> str:
    """Return the name at the end of an ARN, or the name itself."""
    return name_or_arn.rpartition("/")[2]


def instant(epoch_s: float) -> datetime:
    """Return epoch seconds as an aware UTC datetime, cut to the milliseconds that AWS gives."""
    return datetime.fromtimestamp(int(epoch_s * 1000) / 1000, UTC)


def epoch_of(when: datetime) -> float:
    """Return a request's timestamp (naive UTC, or aware) as epoch seconds."""
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


CLUSTER_ARN = arn("ecs", f"cluster/{CLUSTER}")
LOAD_BALANCER_PATH = f"app/{LOAD_BALANCER}/{stable_hex(LOAD_BALANCER)}"  # also the metric dimension
TARGET_GROUP_PATH = f"targetgroup/{TARGET_GROUP}/{stable_hex(TARGET_GROUP)}"
LISTENER_ARN = arn("elasticloadbalancing", f"listener/{LOAD_BALANCER_PATH}/{stable_hex('listener-80')}")
LOAD_BALANCER_ARN = arn("elasticloadbalancing", f"loadbalancer/{LOAD_BALANCER_PATH}")
TARGET_GROUP_ARN = arn("elasticloadbalancing", TARGET_GROUP_PATH)
VPC = f"vpc-{stable_hex('foodconnect-vpc', 17)}"
SECURITY_GROUP = f"sg-{stable_hex('foodconnect-sg', 17)}"


def subnet_of(zone: str) -> str:
    """Return the subnet identifier of a zone."""
    return f"subnet-{stable_hex(zone, 17)}"
