"""Builds a world: the parts that do not need each other start at the same time.

Whoever calls `start` owns the processes it starts, through `Children`, also when it fails halfway.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module

from lab.assembly import assemble, staging_values
from lab.aws.rds_server import ENDPOINT_LINK, open_standby_link, slow_standby_link
from lab.aws.world import World
from lab.balancer import Balancer, HealthCheck
from lab.light import Light, Nursery, can_fork
from lab.links import Links
from lab.people.child import start as start_people
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import Settings
from lab.state import Home
from lab.truth import Truth

HANDLERS = (
    "cloudwatch",
    "ecr",
    "ecs",
    "elbv2",
    "events_api",
    "fis",
    "fis_account",
    "iam",
    "logs",
    "rds",
    "scaling",
    "scheduler",
    "sns",
    "xray",
)  # modules that put their handlers on the list


def start(settings: Settings, children: Children, say: Callable[[str], None]) -> World:
    """Start the database pair, the load balancer and the link process, and connect them."""
    home = Home(settings.home)
    light = Light.of(settings)
    nursery = Nursery(children, settings.home, settings.api_port) if light and can_fork() else None
    asynchronous = settings.replication == "asynchronous"
    pair = Pair(
        settings.home / "postgres",
        settings.postgres_ports,
        children,
        synchronous=settings.multi_az,
        through=settings.standby_link_port if asynchronous else None,
        parameters=staging_values(settings),
    )
    links = Links(settings.link_admin_port)
    check = HealthCheck()
    balancer = Balancer(settings.home / "envoy", settings.alb_port, settings.alb_admin_port, children, timeout_s=10)
    servers = f"primary and {settings.replication} standby" if settings.multi_az else "one server"
    say(f"starting PostgreSQL {pair.binaries.version} ({servers}), the load balancer and the links")
    if nursery:
        nursery.start()
    with ThreadPoolExecutor(5) as pool:
        jobs: list[Future[object]] = [
            pool.submit(pair.up),
            pool.submit(balancer.start),
            pool.submit(_start_links, settings, links, children, pair),
            pool.submit(start_people, settings, children),
            pool.submit(import_module, "lab.aws.door"),
        ]
        for job in jobs:
            job.result()
    if not pair.durable:
        slow_standby_link(settings, links)
    for name in HANDLERS:
        import_module(f"lab.aws.{name}")
    world = assemble(settings, Truth(home.truth), children, pair, links, balancer, check, nursery)
    world.sns.delivery.closing = world.closing
    world.rds.ready()
    return world


def _start_links(settings: Settings, links: Links, children: Children, pair: Pair) -> None:
    """Start the link process; open the database's endpoint, and what its standby needs to follow its primary."""
    links.start(children, settings.home / "links")
    links.open(ENDPOINT_LINK, ("127.0.0.1", settings.database_port), ("127.0.0.1", pair.primary.port))
    if not pair.durable:
        open_standby_link(settings, links, pair)


def serve(world: World) -> Callable[[], None]:
    """Serve the AWS API and start what watches the database; return what ends both."""
    from lab.aws.door import serve as open_door  # half a second, which `start` has spent in parallel

    server = open_door(world, world.settings.api_port)
    world.databases.start()
    return server.stop


def keep_records() -> None:
    """Put the staging's records in place: half a second, in which the services of moto that hold them start."""
    from lab.aws.records import seed_records  # imported already, with the door

    seed_records()
