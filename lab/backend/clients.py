"""The backend's AWS clients, made once a process: a forked task shares those that its parent made before the fork."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

SEND_S = 1.0
Service = Literal["cloudwatch", "xray"]
SERVICES: tuple[Service, ...] = ("cloudwatch", "xray")


@cache
def client(service: Service, endpoint_url: str, region: str) -> Any:
    """Return a client that gives up quickly."""
    import boto3  # late: it takes longer to load than the whole service
    from botocore.config import Config as ClientConfig

    quick = ClientConfig(connect_timeout=SEND_S, read_timeout=SEND_S, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint_url, region_name=region, config=quick)
