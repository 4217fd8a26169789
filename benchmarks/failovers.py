"""Failovers in a row under write load: is an acknowledged post ever lost, or doubled?

    python -m benchmarks.failovers [--failovers 20] [--rate 40] [--build default]

Posts go through the load balancer in an open loop, each with a key of its own in its title, each sent once. After every
failover, and at the end, every acknowledged post must be in the database exactly once. Exit code 1 if one is not, but
for a build that is expected to lose some (`--expect-loss`), where it is 1 if none was lost.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import boto3
import psycopg

from benchmarks._bench import free_port, spread
from lab import control
from lab.settings import DATABASE, REGION, Settings
from lab.truth import read_truth

MOST_AT_ONCE = 200
APART_S = 14.0  # a second failover within ten seconds is refused, as on RDS
ANSWER_S = 10.0


@dataclass
class Posts:
    """Writers in an open loop: a post is due every 1/rate seconds whatever became of the one before."""

    port: int
    rate: float
    ended: threading.Event = field(default_factory=threading.Event)
    sent: int = 0
    acknowledged: list[tuple[float, str]] = field(default_factory=list)  # when, and the key

    def write(self) -> None:
        """Send posts until ended."""
        began = time.monotonic()
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            while not self.ended.wait(max(0.0, began + self.sent / self.rate - time.monotonic())):
                self.sent += 1
                pool.submit(self._post, f"failovers-{self.sent}")

    def _post(self, key: str) -> None:
        body = json.dumps({"author": 1, "title": key, "body": "written while the database fails over"})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
            connection.request("POST", "/posts", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        if answer.status in (200, 201):
            self.acknowledged.append((time.time(), key))


def stored(dsn: str) -> Counter[str]:
    """Return how often each of our posts is in the database."""
    with psycopg.connect(dsn, sslmode="disable") as connection:
        rows = connection.execute("select title, count(*) from posts where title ^@ 'failovers-' group by title")
        return Counter({str(title): int(str(count)) for title, count in rows})


def fail_over(endpoint: str, truth: Path, number: int) -> float:
    """Ask for a failover; return how long the database could not be written to."""
    rds = boto3.client("rds", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="lab",
                       aws_secret_access_key="lab")  # fmt: skip
    asked = time.time()
    rds.reboot_db_instance(DBInstanceIdentifier=DATABASE, ForceFailover=True)
    deadline = time.monotonic() + APART_S + 30
    while time.monotonic() < deadline:
        facts = {
            str(fact["what"]): float(str(fact["t"])) for fact in read_truth(truth) if float(str(fact["t"])) > asked
        }
        if "primary.killed" in facts and "primary.writable" in facts:
            return facts["primary.writable"] - facts["primary.killed"]
        time.sleep(0.1)
    raise RuntimeError(f"failover {number} did not happen")


def gaps(posts: Posts, since: float, until: float) -> float:
    """Return the longest time between two acknowledgements in this span."""
    times = sorted(at for at, _ in list(posts.acknowledged) if since <= at <= until)
    return max((later - sooner for sooner, later in pairwise(times)), default=0.0)


def play(settings: Settings, failovers: int, rate: float) -> tuple[int, int, list[float]]:
    """Return how many acknowledged posts were lost, how many are there twice, and the outages in seconds."""
    state = control.up(settings, lambda sentence: print(f"  {sentence}", file=sys.stderr))
    posts = Posts(settings.alb_port, rate)
    writer = threading.Thread(target=posts.write)
    writer.start()
    outages, lost = [], 0
    print(f"{'':>4} {'outage s':>9} {'longest gap s':>14} {'acknowledged':>13} {'lost':>6} {'doubled':>8}")
    try:
        for number in range(1, failovers + 1):
            time.sleep(2)
            began = time.time()
            outages.append(fail_over(state.endpoint, settings.home / "truth.jsonl", number))
            time.sleep(APART_S - 2)
            acknowledged = {key for at, key in list(posts.acknowledged) if at < time.time() - 1}
            found = stored(state.dsn)
            lost = sum(key not in found for key in acknowledged)
            doubled = sum(count > 1 for count in found.values())
            gap = gaps(posts, began - 1, time.time())
            print(
                f"{number:>4} {outages[-1]:9.2f} {gap:14.2f} {len(acknowledged):>13} {lost:>6} {doubled:>8}", flush=True
            )
    finally:
        posts.ended.set()
        writer.join()
    found = stored(state.dsn)
    lost = sum(key not in found for _, key in posts.acknowledged)
    print(f"sent {posts.sent}, acknowledged {len(posts.acknowledged)}, lost {lost}")
    return lost, sum(count > 1 for count in found.values()), outages


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failovers", type=int, default=20, choices=range(1, 101), metavar="N")
    parser.add_argument("--rate", type=float, default=40.0, help="posts a second, at most 400")
    parser.add_argument("--build", default="default")
    parser.add_argument("--expect-loss", action="store_true", help="a loss is what the build is for")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="failovers-"))
    home.chmod(0o755)
    settings = Settings(home=home, port_base=free_port(), build=given.build)
    try:
        lost, doubled, outages = play(settings, given.failovers, min(given.rate, 400.0))
    finally:
        control.down(home)
    print(f"outage  p50, p95, max: {spread(outages)}; lost {lost}, doubled {doubled}")
    return int(doubled > 0 or (lost > 0) is not given.expect_loss)


if __name__ == "__main__":
    sys.exit(main())
