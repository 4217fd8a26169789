"""Builds a world: the parts that do not need each other start at the same time.

Whoever calls `start` owns the processes it starts, through `Children`, also when it fails halfway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module

from lab.aws.alarms import Alarms
from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_runner import Runner, places
from lab.aws.ecs_scheduler import Scheduler
from lab.aws.ecs_tasks import Tasks
from lab.aws.events import Events
from lab.aws.fis_actions import Actions
from lab.aws.fis_lab import Fis
from lab.aws.fis_targets import Resolver
from lab.aws.metrics import MetricStore
from lab.aws.rds_databases import Databases
from lab.aws.rds_events import EventLog
from lab.aws.rds_instance import Rds
from lab.aws.rds_parameters import STAGING_GROUP, STAGING_VALUES, Groups
from lab.aws.rds_server import ENDPOINT_LINK, open_standby_link, slow_standby_link
from lab.aws.target_groups import TargetGroups
from lab.aws.world import World
from lab.balancer import Balancer, HealthCheck
from lab.links import Links
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import Settings
from lab.state import Home
from lab.truth import Truth

HANDLERS = ("cloudwatch", "ecs", "elbv2", "fis", "iam", "rds")  # modules that put their handlers on the list


def start(settings: Settings, children: Children, say: Callable[[str], None]) -> World:
    """Start the database pair, the load balancer and the link process, and connect them."""
    home = Home(settings.home)
    asynchronous = settings.replication == "asynchronous"
    pair = Pair(
        settings.home / "postgres",
        settings.postgres_ports,
        children,
        synchronous=settings.multi_az,
        through=settings.standby_link_port if asynchronous else None,
        parameters=STAGING_VALUES,
    )
    links = Links(settings.link_admin_port)
    check = HealthCheck()
    balancer = Balancer(
        settings.home / "envoy", settings.alb_port, settings.alb_admin_port, children, health=check, timeout_s=10
    )
    servers = f"primary and {settings.replication} standby" if settings.multi_az else "one server"
    say(f"starting PostgreSQL {pair.binaries.version} ({servers}), the load balancer and the links")
    with ThreadPoolExecutor(4) as pool:
        jobs: list[Future[object]] = [
            pool.submit(pair.up),
            pool.submit(balancer.start),
            pool.submit(_start_links, settings, links, children, pair),
            pool.submit(import_module, "lab.aws.door"),
        ]
        for job in jobs:
            job.result()
    if not pair.durable:
        slow_standby_link(settings, links)
    for name in HANDLERS:
        import_module(f"lab.aws.{name}")
    world = _assemble(settings, Truth(home.truth), children, pair, links, balancer, check)
    world.rds.ready()
    return world


def _start_links(settings: Settings, links: Links, children: Children, pair: Pair) -> None:
    """Start the link process; open the database's endpoint, and what its standby needs to follow its primary."""
    links.start(children, settings.home / "links")
    links.open(ENDPOINT_LINK, ("127.0.0.1", settings.database_port), ("127.0.0.1", pair.primary.port))
    if not pair.durable:
        open_standby_link(settings, links, pair)


def _assemble(
    settings: Settings,
    truth: Truth,
    children: Children,
    pair: Pair,
    links: Links,
    balancer: Balancer,
    check: HealthCheck,
) -> World:
    lock = threading.RLock()
    events = Events()
    store = MetricStore()
    cloudwatch = CloudWatch(store, Alarms(store))
    elbv2 = TargetGroups(settings, truth, balancer, check)
    runner = Runner(settings, children, links, places(settings.port_base))
    tasks = Tasks(settings, lock, truth, elbv2, runner)
    ecs = Ecs(tasks, Scheduler(tasks, elbv2, start_delay_s=0.0))
    tasks.tell = ecs.tell
    closing = threading.Event()
    log, groups = EventLog(events), Groups(f"postgres{pair.binaries.version.partition('.')[0]}")
    group = groups.get(STAGING_GROUP)
    rds = Rds(settings, lock, truth, pair, links, log, group, settings.database_port, multi_az=settings.multi_az)
    databases = Databases(rds, children, store, log, groups, closing)
    fis = Fis(lock, truth, Resolver(ecs, rds), Actions(lock, truth, ecs, rds, links, cloudwatch), cloudwatch)
    fis.listen()
    return World(
        settings,
        lock,
        truth,
        children,
        pair,
        links,
        balancer,
        cloudwatch,
        elbv2,
        ecs,
        rds,
        fis,
        events,
        databases,
        closing=closing,
    )


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
