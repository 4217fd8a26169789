"""FIS's three network actions, put on the target task's own links: the others never feel them.

What a task sends to the database goes "up" its egress link; what it answers to the load balancer goes "down" its
interface's link, health checks included, as on AWS. The load balancer has a node in each zone, the lab one process: a
source that is a zone delays that zone's share of its connections, drawn by chance. A blackhole is a silence above
TCP: the kernel of the link process still acknowledges. Nothing else that a task sends has a link, so sources such as
S3, and ports such as 443, are accepted and not felt.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock

from lab.aws.ecs_model import Task
from lab.aws.ecs_runner import DATABASE_PORT, EGRESS_NETWORK, PORT, egress_link, interface_link
from lab.aws.fis_faults import ActionFailed, Asked, Undo
from lab.aws.fis_targets import Resolver, in_zone, zones_among
from lab.faults import Fault
from lab.links import Links
from lab.settings import DATABASE, ZONES, LabError
from lab.truth import Truth

DATABASE_HOSTS = ("127.0.0.1", "localhost")
Faults = dict[str, Fault]  # by the link's name


@dataclass(slots=True)
class Network:
    """Disturbs tasks' links; `disturbed` says which experiment has which task."""

    lock: RLock
    truth: Truth
    links: Links
    resolver: Resolver
    disturbed: dict[str, str] = field(default_factory=dict)

    def latency(self, asked: Asked) -> Undo:
        """Delay what the tasks send by delayMilliseconds, plus or minus jitterMilliseconds, evenly spread."""
        plain = Fault(latency_ms=asked.number("delayMilliseconds"), jitter_ms=asked.number("jitterMilliseconds"))
        return self._on_egress("latency", asked, plain)

    def packet_loss(self, asked: Asked) -> Undo:
        """Lose lossPercent of what the tasks send, each chunk by chance; `lab.faults` says how TCP shows it."""
        return self._on_egress("loss", asked, Fault(loss_percent=asked.number("lossPercent")))

    def blackhole_port(self, asked: Asked) -> Undo:
        """Drop what goes to a port: the database's on the way out, the listener's on the way in."""
        way = asked.parameters["trafficType"], int(asked.parameters["port"]), asked.parameters["protocol"]
        name = {("egress", DATABASE_PORT, "tcp"): egress_link, ("ingress", PORT, "tcp"): interface_link}.get(way)
        silence = Fault(blackhole=True, direction="up")
        return self._disturb("blackhole", asked, lambda task: {name(task): silence} if name else {})

    def _on_egress(self, kind: str, asked: Asked, plain: Fault) -> Undo:
        sources = asked.parameters["sources"].split(",")
        percent = asked.number("flowsPercent")
        to_database = self._covers_database(sources)
        to_balancer = percent * (1 if "ALL" in sources else len(zones_among(sources)) / len(ZONES))

        def faults(task: Task) -> Faults:
            found = {}
            if to_database:
                found[egress_link(task)] = replace(plain, percent=percent, direction="up")
            if to_balancer:
                found[interface_link(task)] = replace(plain, percent=to_balancer, direction="down")
            return found

        return self._disturb(kind, asked, faults)

    def _covers_database(self, sources: list[str]) -> bool:
        found = [view for view in self.resolver.databases() if view["DBInstanceIdentifier"] == DATABASE]
        zone = found[0].get("AvailabilityZone", "") if found else ""
        host = (found[0].get("Endpoint") or {}).get("Address", "") if found else ""
        return covers_database(sources, zone, host)

    def _disturb(self, kind: str, asked: Asked, faults: Callable[[Task], Faults]) -> Undo:
        self._claim(asked)
        done: list[tuple[Task, str]] = []

        def undo() -> None:
            failed = [error for task, link in done if (error := self._clear(kind, asked.experiment, task, link))]
            self._release(asked)
            if failed:
                raise failed[0]

        try:
            for task in asked.tasks:
                for link, fault in faults(task).items():
                    self.links.set(link, fault)
                    done.append((task, link))
                    self._note(f"{kind}.on", asked.experiment, task, link, fault=fault.as_dict())
        except LabError as error:
            undo()
            raise ActionFailed(f"The fault could not be injected: {error}") from error
        return undo

    def _clear(self, kind: str, experiment: str, task: Task, link: str) -> LabError | None:
        """Make a link plain again; return why it could not be done, for every other must still be tried."""
        gone: Mapping[str, object] = {}
        try:
            self.links.clear(link)
        except LabError as error:
            if self._is_there(link):
                return error
            gone = {"gone": True}  # with its stopped task
        self._note(f"{kind}.off", experiment, task, link, **gone)
        return None

    def _is_there(self, link: str) -> bool:
        try:
            return link in self.links.describe()
        except LabError:  # the whole link process is gone, and every fault with it
            return False

    def _note(self, what: str, experiment: str, task: Task, link: str, **details: object) -> None:
        self.truth.note(what, None, task=task.id, link=link, experiment=experiment, **details)

    def _claim(self, asked: Asked) -> None:
        """A task takes one network fault at a time."""
        with self.lock:
            if taken := [task for task in asked.tasks if task.id in self.disturbed]:
                words = f"Experiment {self.disturbed[taken[0].id]} already disturbs the network of {taken[0].arn}."
                raise ActionFailed(words)
            self.disturbed.update((task.id, asked.experiment) for task in asked.tasks)

    def _release(self, asked: Asked) -> None:
        with self.lock:
            for task in asked.tasks:
                self.disturbed.pop(task.id, None)


def covers_database(sources: list[str], zone: str, host: str = DATABASE_HOSTS[0]) -> bool:
    """Does one of these FIS sources mean the database: by address, network, name, its zone, or ALL?"""
    names = {"ALL", host, *DATABASE_HOSTS}
    return any(source in names or in_zone(zone, [source]) or _holds_endpoint(source) for source in sources)


def _holds_endpoint(source: str) -> bool:
    try:
        network = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False
    return network.overlaps(ipaddress.ip_network(EGRESS_NETWORK)) or ipaddress.ip_address("127.0.0.1") in network
