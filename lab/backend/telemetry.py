"""What the backend says about itself: a JSON line a request on standard output, metrics to CloudWatch, traces to X-Ray.

Metrics go out once an interval in one PutMetricData, segments in PutTraceSegments, from a thread of their own that
loads boto3 after the server is up, so that neither a slow AWS nor the import delays the start. A failure costs one
interval and is logged, no more.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from lab.backend.clients import SEND_S, client
from lab.backend.config import Config
from lab.backend.tracing import Request, Sampler, Segments, begin, segment

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_xray.client import XRayClient

NAMESPACE = "FoodConnect"
COUNTED = {"create_post": "PostsCreated", "login": "UserLogins"}  # endpoint -> metric of its successes
MOST_VALUES = 150  # PutMetricData takes no more in one datum
MOST_SEGMENTS = 50  # in one PutTraceSegments
AFTER_START_S = 0.5

log = logging.getLogger("foodconnect")


@dataclass(slots=True)
class Interval:
    """The requests that ended in one interval: latencies in ms of the measured endpoints, and counts of all."""

    latencies_ms: dict[str, list[float]] = field(default_factory=dict)
    succeeded: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    failures: int = 0  # answers 5xx

    def add(self, endpoint: str | None, status: int, ms: float) -> None:
        """Count one request; without an endpoint only its success or failure."""
        self.requests += 1
        self.failures += status >= 500
        if endpoint is None:
            return
        self.latencies_ms.setdefault(endpoint, []).append(ms)
        self.succeeded[endpoint] += status < 400


def distribution(values: Sequence[float], most: int = MOST_VALUES) -> tuple[list[float], list[float]]:
    """Return distinct values and how often each occurs, as coarse as it takes to have at most `most` of them."""
    step = 0.1
    while True:
        counts = Counter(round(round(value / step) * step, 1) for value in values)
        if len(counts) <= most:
            return list(counts), [float(count) for count in counts.values()]
        step *= 2


def metric_data(interval: Interval, service: str, at: float) -> list[dict[str, Any]]:
    """Return the interval as PutMetricData's MetricData; empty when there were no requests."""
    if not interval.requests:
        return []
    common = {
        "Dimensions": [{"Name": "Service", "Value": service}],
        "Timestamp": at,
        "StorageResolution": 1,
    }
    error_rate = 100 * interval.failures / interval.requests
    data: list[dict[str, Any]] = [{"MetricName": "ErrorRate", "Unit": "Percent", "Value": error_rate, **common}]
    for endpoint, latencies_ms in interval.latencies_ms.items():
        values, counts = distribution(latencies_ms)
        shape = {"Unit": "Milliseconds", "Values": values, "Counts": counts}
        data.append({"MetricName": f"API_Latency_{endpoint}", **shape, **common})
    for endpoint, name in COUNTED.items():
        if endpoint in interval.latencies_ms:
            data.append({"MetricName": name, "Unit": "Count", "Value": interval.succeeded[endpoint], **common})
    return data


class Telemetry:
    """Collects finished requests and sends them, interval by interval, once started."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._interval = Interval()
        self._segments = Segments()
        self._sampler = Sampler(config.xray_sampling) if self._sends else None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send_for_ever, name="telemetry", daemon=True)

    def record(self, endpoint: str | None, status: int, ms: float) -> None:
        """Count one finished request."""
        with self._lock:
            self._interval.add(endpoint, status, ms)

    @property
    def _sends(self) -> bool:
        return bool(self._config.aws_endpoint_url and self._config.metrics_every_s)

    def begin(self, header: str) -> Request:
        """Begin a request that came with this X-Amzn-Trace-Id; where nothing is sent nothing is sampled."""
        return begin(header, self._sampler)

    def finished(self, request: Request, http: dict[str, object], status: int, error: BaseException | None) -> None:
        """Keep the segment of a sampled request."""
        self._segments.add(segment(request, self._config, http, status, error))

    def start(self) -> None:
        """Begin to send; without an endpoint nothing is sent."""
        if self._sends:
            self._thread.start()
        else:
            log.info("no metrics are sent: AWS_ENDPOINT_URL or METRICS_EVERY_S is not set")

    def stop(self) -> None:
        """Send what is left and end; takes at most some seconds."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(2 * SEND_S)

    def _send_for_ever(self) -> None:
        if self._ended.wait(AFTER_START_S):
            return
        metrics, traces = clients(self._config)
        due = time.monotonic()
        while not self._ended.is_set():
            due = max(due + self._config.metrics_every_s, time.monotonic())
            self._ended.wait(due - time.monotonic())
            self._send(metrics)
            self._send_segments(traces)

    def _send(self, client: CloudWatchClient) -> None:
        with self._lock:
            interval, self._interval = self._interval, Interval()
        data = metric_data(interval, self._config.service_name, time.time())
        if not data:
            return
        try:
            client.put_metric_data(Namespace=NAMESPACE, MetricData=data)  # type: ignore[arg-type]  # built as JSON
        except Exception as error:  # noqa: BLE001  # whatever boto3 raises, the service must go on without metrics
            log.warning("metrics of %d requests are lost: %s", interval.requests, error)

    def _send_segments(self, client: XRayClient) -> None:
        """Send what has been waiting; after the first failure the rest is given up, and told like what was lost."""
        waiting, lost = self._segments.take()
        sent = 0
        try:
            for first in range(0, len(waiting), MOST_SEGMENTS):
                batch = waiting[first : first + MOST_SEGMENTS]
                answer = client.put_trace_segments(TraceSegmentDocuments=[json.dumps(body) for body in batch])
                lost += len(answer.get("UnprocessedTraceSegments", ()))
                sent += len(batch)
            if lost:
                told: Any = {"Timestamp": time.time(), "SegmentsSentCount": sent, "SegmentsSpilloverCount": lost}
                client.put_telemetry_records(TelemetryRecords=[told])
        except Exception as error:  # noqa: BLE001  # whatever boto3 raises, the service must go on without traces
            log.warning("segments of %d requests are lost: %s", lost + len(waiting) - sent, error)
            return
        if lost:
            log.warning("segments of %d requests are lost: there were too many", lost)


def clients(config: Config) -> tuple[CloudWatchClient, XRayClient]:
    """Return clients of CloudWatch and X-Ray that give up quickly."""
    where = config.aws_endpoint_url, config.aws_region
    return cast("CloudWatchClient", client("cloudwatch", *where)), cast("XRayClient", client("xray", *where))


class JsonLines(logging.Formatter):
    """One JSON object a line; a record's own fields come from `extra={"fields": {...}}`."""

    def __init__(self, task: str, release: str) -> None:
        super().__init__()
        self._origin = {"task": task, "release": release}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {"ts": round(record.created, 6), "level": record.levelname, **self._origin}
        fields = getattr(record, "fields", None)
        line |= fields or {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class OncePerSecond(logging.Filter):
    """Lets one record a second pass and tells how many it kept back: a lost database is told of once a connection."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about one record."""
        now = time.monotonic()
        if now < self._next:
            self._kept_back += 1
            return False
        if self._kept_back:
            record.msg = f"{record.getMessage()} ({self._kept_back} more such lines kept back)"
            record.args = None
        self._next, self._kept_back = now + 1.0, 0
        return True


def log_as_json(task: str, release: str) -> None:
    """Send every log record of this process to standard output as JSON, the chatty ones throttled."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(task, release))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("psycopg.pool", "psycopg"):
        logging.getLogger(name).addFilter(OncePerSecond())
