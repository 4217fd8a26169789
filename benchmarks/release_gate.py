"""Releases of the backend, good ones and defective ones: what stops which, how fast, and does a good one pass quietly?

    python -m benchmarks.release_gate [--good 20] [--defects errors-10-percent,slow-start,...]

Each release is brought out, by image digest, on two labs as a pipeline would: on `staging` it is deployed and then
gated (`gameday gate release`), on `production`, with users on it, it is deployed and watched (`gameday watch`). The
default build is gated first, so that there is a last good release to compare with. Exit code 1 if a defect passes
everything, or if a good release is stopped by anything.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3

from benchmarks._bench import ROOT, Lab, spread
from gameday.model import from_iso

DEFECTS = ("errors-10-percent", "slow-start", "no-retry", "memory-leak", "wrong-health-check")
GOOD = "default"
SHORT = {"warmup_s": 2, "baseline_s": 5, "fault_s": 5, "recovery_s": 6}
USERS = 60  # requests a second on production
GATE_WITHIN_S, SETTLES_WITHIN_S, WATCH_WITHIN_S = 900.0, 90.0, 180.0
PASSED = {"gate": "passed", "watch": "well"}


@dataclass(frozen=True, slots=True)
class Came:
    """What one stage said of one release: `passed`, `well`, or what else, after so many seconds, and why."""

    said: str
    after_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One release on both labs."""

    release: str
    deployed: str  # how the deployment on staging ended
    gate: Came | None  # None: the deployment itself was stopped
    watch: Came

    @property
    def stopped_by(self) -> list[str]:
        """Who said no."""
        by = [] if self.gate else [f"deployment ({self.deployed})"]
        by += ["gate"] if self.gate and self.gate.said != PASSED["gate"] else []
        return by + (["watch"] if self.watch.said != PASSED["watch"] else [])


def client(lab: Lab, service: str) -> Any:
    """Return a boto3 client of the lab."""
    at = lab.environment()
    return boto3.client(
        service, endpoint_url=at.endpoint, region_name=at.region, aws_access_key_id="lab", aws_secret_access_key="lab"
    )  # type: ignore[call-overload]  # the service's name is not a literal here


def deploy(lab: Lab, build: str, number: int) -> str:
    """Bring out a build's image by digest, as a new revision; return the ARN of the service deployment."""
    ecs, names = client(lab, "ecs"), lab.environment().names
    images = client(lab, "ecr").describe_images(repositoryName=names["service"], imageIds=[{"imageTag": build}])
    digest = images["imageDetails"][0]["imageDigest"]
    service = ecs.describe_services(cluster=names["cluster"], services=[names["service"]])["services"][0]
    now = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    [container] = now["containerDefinitions"]
    repository = container["image"].partition("@")[0].rpartition(":")[0] or container["image"].partition("@")[0]
    told = [*container["environment"], {"name": "RELEASE", "value": f"{build}-{number}"}]
    container = {**container, "image": f"{repository}@{digest}", "environment": told}
    kept = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "requiresCompatibilities", "cpu", "memory",
            "runtimePlatform", "enableFaultInjection", "pidMode")  # fmt: skip
    given = {name: now[name] for name in kept if name in now}
    made = ecs.register_task_definition(**given, containerDefinitions=[container])["taskDefinition"]
    ecs.update_service(cluster=names["cluster"], service=names["service"], taskDefinition=made["taskDefinitionArn"])
    newest = ecs.list_service_deployments(cluster=names["cluster"], service=names["service"])["serviceDeployments"]
    return str(newest[0]["serviceDeploymentArn"])


def settled(lab: Lab, arn: str) -> str:
    """Wait until a deployment is over; return how ECS says it ended."""
    ecs, until = client(lab, "ecs"), time.monotonic() + SETTLES_WITHIN_S
    while time.monotonic() < until:
        status = str(ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]["status"])
        if status in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"):
            return status
        time.sleep(0.2)
    return "never ended"


@contextmanager
def users(lab: Lab, seconds: float) -> Iterator[None]:
    """Requests on the load balancer meanwhile."""
    url = f"{lab.environment().url}/posts?limit=20"
    command = [sys.executable, "-m", "benchmarks._bench_load", url, str(USERS), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def command(lab: Lab, within_s: float, *words: str) -> dict[str, Any]:
    """Run `gameday WORDS --json` and return what it printed."""
    process = lab.start([sys.executable, "-m", "gameday", *words, "--json"])
    try:
        process.wait(within_s)
    finally:
        process.kill()
    try:
        return dict(json.loads(lab.said("out.txt")))
    except ValueError:
        raise RuntimeError(f"gameday {' '.join(words)}: exit code {process.returncode}: {lab.said()[-2000:]}") from None


def gated(lab: Lab, release: str, since: float) -> Came:
    """Gate what runs on this lab now."""
    told = command(lab, GATE_WITHIN_S, "gate", "release", "--release", release, "--yes")
    return Came(str(told["outcome"]), time.time() - since, (told["why"] or ["-"])[0])


def watched(lab: Lab, build: str, number: int) -> Came:
    """Bring a release out under users, and watch it."""
    with users(lab, WATCH_WITHIN_S):
        time.sleep(3)  # a ratio from before the release
        began = time.time()
        deploy(lab, build, number)
        told = command(lab, WATCH_WITHIN_S, "watch", "--service", "foodconnect-backend", "--release", build, "--yes")
    detected = told["times"].get("detected_at")
    after = (from_iso(detected) if detected else time.time()) - began
    return Came(str(told["outcome"]), after, (told["why"] or ["-"])[0])


def on_staging(lab: Lab, build: str, number: int) -> tuple[str, Came | None]:
    """Bring a release out on staging, and gate it if it stays."""
    began = time.time()
    status = settled(lab, deploy(lab, build, number))
    if status != "SUCCESSFUL":
        return f"{status} after {time.time() - began:.1f} s", None
    return status, gated(lab, f"{build}-{number}", began)


def play(staging: Lab, production: Lab, build: str, number: int) -> Row:
    """One release on both labs at once; afterwards both run the good one again."""
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(on_staging, staging, build, number)
        watch = pool.submit(watched, production, build, number).result()
        deployed, gate = first.result()
    for lab in (staging, production):
        if build != GOOD and settled(lab, deploy(lab, GOOD, number)) != "SUCCESSFUL":
            raise RuntimeError("the good release did not come back")
    return Row(build, deployed, gate, watch)


def tell(row: Row) -> None:
    """Print a row, and why."""
    gate = f"{row.gate.said} ({row.gate.after_s:.0f} s)" if row.gate else "-"
    watch = f"{row.watch.said} ({row.watch.after_s:.1f} s)"
    print(f"{row.release:<20} {row.deployed:<32} {gate:<24} {watch:<28} {', '.join(row.stopped_by) or 'nobody'}")
    for name, came in (("gate", row.gate), ("watch", row.watch)):
        if came and came.said != PASSED[name]:
            print(f"{'':<20} {name}: {came.why}")
    sys.stdout.flush()


def labs() -> tuple[Lab, Lab]:
    """Return staging and production, up, with our experiments."""
    pair = Lab.make(SHORT), Lab.make(SHORT)
    for lab in pair:
        shutil.copytree(ROOT / "experiments", lab.suite / "experiments", dirs_exist_ok=True)
        lab.up()
    return pair


def each(releases: list[str], then: Callable[[Row], None]) -> list[Row]:
    """Play the releases one after another on two labs; the default build is gated first."""
    staging, production = labs()
    rows = []
    try:
        first = gated(staging, "first", time.time())
        print(f"the last good release to compare with: gate {first.said}", file=sys.stderr)
        for number, build in enumerate(releases, start=1):
            rows.append(play(staging, production, build, number))
            then(rows[-1])
    finally:
        staging.down()
        production.down()
    return rows


def main() -> int:
    """Play, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=int, default=20, choices=range(101), metavar="N")
    parser.add_argument("--defects", default=",".join(DEFECTS), help="builds, with commas between")
    given = parser.parse_args()
    defects = [name for name in given.defects.split(",") if name]
    print(f"{'release':<20} {'deployment on staging':<32} {'gate':<24} {'watch':<28} stopped by")
    rows = each([*defects, *[GOOD] * given.good], tell)
    good = [row for row in rows if row.release == GOOD]
    passed = [row.release for row in rows if row.release != GOOD and not row.stopped_by]
    alarms = sum(bool(row.stopped_by) for row in good)
    print(f"defects that passed everything: {', '.join(passed) or 'none'}")
    print(f"good releases {len(good)}, false alarms {alarms}")
    print(f"gate of a good one   p50, p95, max: {spread([row.gate.after_s for row in good if row.gate])}")
    return int(bool(passed) or alarms > 0)


if __name__ == "__main__":
    sys.exit(main())
