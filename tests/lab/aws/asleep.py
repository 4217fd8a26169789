"""A whole lab that is asleep: every part is there and its API is served, but no process, task or database runs.

Enough for what needs none: checks of requests, records, events. It is up in a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from lab import boot
from lab.assembly import assemble
from lab.aws.door import serve
from lab.balancer import Balancer, HealthCheck
from lab.links import Links
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import REGION, Settings
from lab.state import Home
from lab.truth import Truth

if TYPE_CHECKING:
    from mypy_boto3_fis import FISClient

    from lab.aws.world import World


def world_in(folder: Path) -> World:
    """Return a world of which nothing was started."""
    settings = Settings(home=folder)
    children, check = Children(folder), HealthCheck()
    pair = Pair(folder / "postgres", settings.postgres_ports, children, synchronous=True)
    links = Links(settings.link_admin_port)
    balancer = Balancer(folder / "envoy", settings.alb_port, settings.alb_admin_port, children)
    for name in boot.HANDLERS:
        import_module(f"lab.aws.{name}")
    return assemble(settings, Truth(Home(folder).truth), children, pair, links, balancer, check)


@dataclass
class Asleep:
    """A served world without processes."""

    world: World
    url: str
    _clients: list[Any] = field(default_factory=list)

    def client(self, service: str, **config: Any) -> Any:
        """Return a new real client of a service."""
        client = boto3.client(
            cast("Any", service),
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(**config),
        )
        self._clients.append(client)
        return client

    @property
    def fis(self) -> FISClient:
        """A client of FIS."""
        return cast("FISClient", self.client("fis"))

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()


@contextmanager
def asleep(folder: Path) -> Iterator[Asleep]:
    """Yield a served world."""
    world = world_in(folder)
    server = serve(world)
    lab = Asleep(world, server.url)
    try:
        yield lab
    finally:
        lab.close()
        server.stop()
        world.truth.close()
