"""Connects the parts of a world: who tells whom, and who acts for whom. Nothing is started here."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from lab.aws.alarm_actions import Firing
from lab.aws.alarms import Alarms
from lab.aws.cloudwatch import CloudWatch
from lab.aws.ecr_images import Registry
from lab.aws.ecs_cluster import Ecs
from lab.aws.ecs_events import EcsEvents
from lab.aws.ecs_rollout import Rollouts
from lab.aws.ecs_runner import Runner, places
from lab.aws.ecs_scheduler import Scheduler
from lab.aws.ecs_tasks import Tasks
from lab.aws.ecs_view import task_view
from lab.aws.event_rules import Deliverer, Rules
from lab.aws.events import Events
from lab.aws.fis_actions import Actions
from lab.aws.fis_lab import Fis
from lab.aws.fis_network import Network
from lab.aws.fis_targets import Resolver
from lab.aws.logs_find import group_of
from lab.aws.logs_insights import Logs
from lab.aws.logs_metric_filters import Publisher
from lab.aws.logs_store import LogStore, Stream, now_ms
from lab.aws.metrics import MetricStore
from lab.aws.own_api import OwnApi
from lab.aws.rds_databases import Databases
from lab.aws.rds_events import EventLog
from lab.aws.rds_instance import Rds
from lab.aws.rds_parameters import STAGING_GROUP, STAGING_VALUES, Groups
from lab.aws.scaling_targets import Scaling
from lab.aws.sns_delivery import AWS_DELAY_S, Delivery
from lab.aws.sns_hub import Sns
from lab.aws.target_groups import TargetGroups
from lab.aws.world import World
from lab.aws.xray_store import XRay
from lab.balancer import Balancer, HealthCheck
from lab.builds import BUILDS
from lab.light import MOST_AT_ONCE, MOST_ORDINARY_AT_ONCE, Light, Nursery
from lab.links import Links
from lab.postgres import Pair
from lab.processes import Children
from lab.settings import Settings
from lab.truth import Truth

EVENT_STREAM = "eventbridge"  # of a log group that is a rule's target


def assemble(
    settings: Settings,
    truth: Truth,
    children: Children,
    pair: Pair,
    links: Links,
    balancer: Balancer,
    check: HealthCheck,
    nursery: Nursery | None = None,
) -> World:
    """Return a world of these parts, which may or may not have been started."""
    lock = threading.RLock()
    events = Events()
    store = MetricStore()
    cloudwatch = CloudWatch(store, Alarms(store, events))
    _witness(cloudwatch.alarms, truth)
    elbv2 = TargetGroups(settings, truth, balancer, check)
    images = Registry.of_builds(BUILDS)
    runner = Runner(settings, children, links, places(settings.port_base), images, nursery)
    ecs = _ecs(Tasks(settings, lock, truth, elbv2, runner), cloudwatch, events)
    closing = threading.Event()
    databases = _databases(settings, lock, truth, children, pair, links, events, store, closing)
    rds = databases.main
    api = OwnApi()
    fis = _fis(settings, lock, truth, ecs, links, cloudwatch, events, api)
    sns, rules, logs = _messages(settings, truth, cloudwatch, events)
    world = World(
        *(settings, lock, truth, children, pair, links, balancer),
        cloudwatch=cloudwatch,
        elbv2=elbv2,
        ecs=ecs,
        rds=rds,
        fis=fis,
        events=events,
        databases=databases,
        closing=closing,
        sns=sns,
        rules=rules,
        logs=logs,
        xray=XRay(),
        ecr=images,
        scaling=Scaling(truth, ecs, cloudwatch, events, settings.simulated),
    )
    api.world = world
    return world


def staging_values(settings: Settings) -> dict[str, str]:
    """Return the database's parameters: as many connections as its tasks need, when they are many."""
    light = Light.of(settings)
    return {**STAGING_VALUES, **({"max_connections": str(light.connections(settings.tasks))} if light else {})}


def _databases(
    settings: Settings,
    lock: threading.RLock,
    truth: Truth,
    children: Children,
    pair: Pair,
    links: Links,
    events: Events,
    store: MetricStore,
    closing: threading.Event,
) -> Databases:
    log, groups = EventLog(events), Groups(f"postgres{pair.binaries.version.partition('.')[0]}")
    group = groups.get(STAGING_GROUP)
    group.values |= staging_values(settings)
    main = Rds(settings, lock, truth, pair, links, log, group, settings.database_port, multi_az=settings.multi_az)
    return Databases(main, children, store, log, groups, closing)


def _ecs(tasks: Tasks, cloudwatch: CloudWatch, bus: Events) -> Ecs:
    """Connect the cluster with its scheduler, the alarms it asks and the bus it tells."""
    events = EcsEvents(bus, task_view)

    def alarm_state(name: str) -> str | None:
        record = cloudwatch.alarms.get(name)
        return record.state.value if record else None

    rollouts = Rollouts(tasks.truth, events, alarm_state, tasks.settings.simulated.deployment_bake_s)
    most = MOST_AT_ONCE if Light.of(tasks.settings) else MOST_ORDINARY_AT_ONCE
    ecs = Ecs(tasks, Scheduler(tasks, tasks.elbv2, rollouts, events, start_delay_s=0.0, most=most))
    tasks.tell, tasks.changed = ecs.tell, events.task
    return ecs


def _fis(
    settings: Settings,
    lock: threading.RLock,
    truth: Truth,
    ecs: Ecs,
    links: Links,
    cloudwatch: CloudWatch,
    events: Events,
    api: OwnApi,
) -> Fis:
    resolver = Resolver(ecs, api)
    network = Network(lock, truth, links, resolver)
    actions = Actions(lock, truth, ecs, api, cloudwatch, network, settings.home)
    fis = Fis(lock, truth, resolver, actions, cloudwatch, events)
    fis.listen()
    return fis


def _witness(alarms: Alarms, truth: Truth) -> None:
    """Write down when alarms really turned, and what became of their actions."""

    def acted(firing: Firing, error: str) -> None:
        truth.note("alarm.action", alarm=firing.alarm, action=firing.actions[0], state=firing.new, error=error)

    def turned(name: str, value: str) -> None:
        record = alarms.get(name)  # listeners hear it a moment after the change
        truth.note("alarm.state", record.state.transitioned_at if record else None, alarm=name, state=value)

    alarms.listeners.append(turned)
    alarms.actions.courier.witnesses.append(acted)


def _to_logs(logs: Logs) -> Deliverer:
    """Return what writes an event to the log group of a rule's target, in a stream of its own."""

    def deliver(target: Mapping[str, Any], text: str) -> None:
        group, at = group_of(logs.store, target["Arn"]), now_ms()
        with logs.store.lock:
            stream = group.streams.setdefault(EVENT_STREAM, Stream(EVENT_STREAM, at))
        logs.store.put(group, stream, [(at, text)])

    return deliver


def _messages(settings: Settings, truth: Truth, cloudwatch: CloudWatch, events: Events) -> tuple[Sns, Rules, Logs]:
    """Connect what is told: alarms' actions by SNS, events that a rule passes on to SNS or to a log group."""
    url, scale = f"http://127.0.0.1:{settings.api_port}", settings.simulated.sns_retry_s / AWS_DELAY_S
    sns = Sns(url, truth, cloudwatch.metrics, Delivery(truth, scale))
    cloudwatch.alarms.actors.append(sns.on_firing)
    rules = Rules(truth, cloudwatch.metrics, {"sns": lambda target, text: sns.take_event(target["Arn"], text)})
    logs = Logs(LogStore(listeners=[Publisher(cloudwatch.metrics).hear]))
    rules.deliverers["logs"] = _to_logs(logs)
    events.listeners.append(rules.hear)
    return sns, rules, logs
