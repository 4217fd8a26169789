"""Every build, one entry each. All but `default` and `noisy-healthy` are weak twins: each has exactly one weakness."""

from __future__ import annotations

from collections.abc import Mapping

from lab.aws.names import subnet_of
from lab.builds.model import Build, Seeds
from lab.settings import ACCOUNT, REGION, SERVICE, ZONES

MUTABLE_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{SERVICE}:latest"
ONE_SUBNET = {"awsvpcConfiguration": {"subnets": [subnet_of(ZONES[0])], "assignPublicIp": "DISABLED"}}

BACKEND = (
    Build(
        name="default",
        models="The backend as released: database trouble is retried with a jittered back-off for up to 4 s.",
        expects="A failover delays requests by as long as it takes; none fails and no write is lost or doubled.",
    ),
    Build(
        name="no-retry",
        models="The backend before retries: trouble with the database is answered with 503, within half a second.",
        expects="A failover fails nearly every request that meets it; the error rate rises above its alarm.",
        environment={"DB_RETRY_BUDGET_S": "0", "DB_ACQUIRE_TIMEOUT_S": "0.5"},
    ),
    Build(
        name="retry-storm",
        models="Three layers each try four times, at once and after 0.1 s: one request asks the database 64 times.",
        expects="A delay of 100 ms between backend and database becomes an outage: cut attempts keep the pool busy.",
        environment={"RETRY_LAYERS": "3", "DB_ATTEMPT_TIMEOUT_S": "0.1"},
    ),
    Build(
        name="no-pool-timeout",
        models="A request waits for ever for a connection of the pool.",
        expects="While the database is silent requests pile up without an answer, and the load balancer says 504.",
        environment={"DB_ACQUIRE_TIMEOUT_S": "inf"},
    ),
    Build(
        name="no-statement-timeout",
        models="A statement may take as long as it likes.",
        expects="A statement that waits for a lock is never given up: its request hangs, and its connection with it.",
        environment={"DB_ATTEMPT_TIMEOUT_S": "3600"},
    ),
    Build(
        name="small-pool",
        models="A task has one connection to the database, where the default has 16.",
        expects="A delay of 100 ms between backend and database makes requests queue for a connection for seconds.",
        environment={"POOL_SIZE": "1"},
    ),
    Build(
        name="duplicate-posts",
        models="A post whose answer takes longer than 0.25 s is sent to the database again, without a key.",
        expects="A failover doubles the posts that wait for it.",
        environment={"REPEAT_POST_AFTER_S": "0.25"},
    ),
    Build(
        name="stale-endpoint",
        models="The database's address is looked up once, when a task starts.",
        expects="After a failover the tasks still talk to the old server: every request fails until they are replaced.",
        address="once",
    ),
    Build(
        name="health-always-ok",
        models="The health check answers 200 whatever happens.",
        expects="A task that has lost the database, or is stopping, stays in rotation: its requests fail.",
        environment={"HEALTH_CHECK": "always"},
    ),
    Build(
        name="health-needs-database",
        models="The health check asks the database; a task that fails it three times within 2 s ends itself.",
        expects="A failover ends every task at once: users get 503 until others run, where the default only waits.",
        environment={"HEALTH_CHECK": "database"},
    ),
    Build(
        name="slow-start",
        models="A task needs 6 s until it listens, which stands for 25 s on AWS.",
        expects="A stopped task is missing for 6 s longer; a second loss in that time leaves one task of three.",
        environment={"START_S": "6"},
    ),
    Build(
        name="ignores-sigterm",
        models="The process ignores SIGTERM.",
        expects="Each stop lasts the whole stop time-out and ends with SIGKILL and exit code 137.",
        environment={"IGNORE_SIGTERM": "1"},
    ),
    Build(
        name="memory-leak",
        models="Each request leaves 256 kB behind; above 192 MB the process is killed, as for want of memory.",
        expects="Under load tasks end with exit code 137 without any fault, all within seconds: they grew alike.",
        environment={"LEAK_KB": "256", "MEMORY_LIMIT_MB": "192"},
    ),
    Build(
        name="noisy-healthy",
        models="A healthy backend with noise: one request of eight is up to 0.4 s slower, 3 of 1000 answer 429 or 500.",
        expects="Nothing: every experiment that holds for the default build holds for this one, and no alarm fires.",
        environment={"NOISY": "1"},
    ),
    Build(
        name="errors-10-percent",
        models="One request of ten is answered with 500, and the health check says that all is well.",
        expects="As a release: only an alarm on errors stops it; the circuit breaker sees healthy tasks only.",
        environment={"ERRORS_PERCENT": "10"},
    ),
    Build(
        name="wrong-health-check",
        models="The health check answers at /healthz, where the load balancer does not ask: it finds 404 at /health.",
        expects="As a release: no task becomes healthy, and the circuit breaker goes back. No lab begins with it.",
        environment={"HEALTH_PATH": "/healthz"},
    ),
    Build(
        name="no-metrics",
        models="The metric pipeline is dead: nothing arrives in the namespace FoodConnect.",
        expects="No experiment can be judged: its steady state has no data, which is never taken for good.",
        environment={"METRICS_EVERY_S": "0"},
    ),
)
STAGING = (
    Build(
        name="single-task",
        models="The service runs one task.",
        expects="Stopping it is an outage until another runs; where one must stay healthy the experiment is refused.",
        settings={"tasks": 1},
    ),
    Build(
        name="one-zone",
        models="The service has the subnet of one availability zone, so all its tasks run there.",
        expects="The loss of that zone takes every task at once.",
        seeds=Seeds(service={"networkConfiguration": ONE_SUBNET}),
    ),
    Build(
        name="single-az",
        models="The database has no standby.",
        expects="A failover is refused for want of a standby; a crash lasts until the server is up again in its place.",
        settings={"multi_az": False},
    ),
    Build(
        name="asynchronous-standby",
        models="A commit does not wait for the standby, which gets everything late.",
        expects="A failover loses the posts that were acknowledged last.",
        settings={"replication": "asynchronous"},
    ),
    Build(
        name="dead-alarm",
        models="The alarm for the error rate watches a metric that nobody sends.",
        expects="The alarm stays OK in every outage, and nobody is paged.",
        seeds=Seeds(alarm={"MetricName": "Errors"}),
    ),
    Build(
        name="slow-alarm",
        models="The alarm for the error rate waits for 5 of 5 periods of one minute.",
        expects="An outage of less than five minutes is over before anybody is paged.",
        seeds=Seeds(alarm={"Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 5}),
    ),
    Build(
        name="rollback-to-tag",
        models="The task definition names its image by the tag `latest`, which each release moves.",
        expects="Rolling a bad release back starts the bad image again: the old task definition names the same tag.",
        seeds=Seeds(container={"image": MUTABLE_IMAGE}),
    ),
)
BUILDS: Mapping[str, Build] = {build.name: build for build in (*BACKEND, *STAGING)}
