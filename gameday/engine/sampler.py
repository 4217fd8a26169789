"""The metrics of a run: one batched GetMetricData a tick for all of them, every new point written down.

No data is never healthy: a metric whose newest point is older than the environment allows answers UNKNOWN.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gameday.config import Sampling
from gameday.model import Answer, MetricSpec, Point
from gameday.record import Recorder
from gameday.safety.armed import Steady

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def query(name: str, index: int, spec: MetricSpec, period_s: int) -> dict[str, Any]:
    """Return one MetricDataQuery; its id is `m` and *index*, because CloudWatch's ids are narrower than our names."""
    namespace, _, metric = spec.metric.rpartition("/")
    dimensions = [{"Name": key, "Value": value} for key, value in spec.dimensions.items()]
    stat = {
        "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
        "Period": period_s,
        "Stat": spec.stat,
    }
    return {"Id": f"m{index}", "MetricStat": stat, "Label": name, "ReturnData": True}


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask for at one instant: whole periods that are over and published."""

    start: float
    end: float

    @classmethod
    def ending(cls, now: float, pace: Sampling) -> Window:
        """Return the last window of *pace* whose metrics should have arrived by *now*."""
        end = math.floor((now - pace.late_s) / pace.period_s) * pace.period_s
        return cls(math.floor((end - pace.look_back_s) / pace.period_s) * pace.period_s, end)


class Sampler:
    """Samples on a thread of its own, outside Chaos Toolkit's pools."""

    def __init__(
        self, client: CloudWatchClient, steady: Mapping[str, MetricSpec], pace: Sampling, recorder: Recorder,
        more: Mapping[str, MetricSpec] | None = None,
    ) -> None:  # fmt: skip
        self.client = client
        self.judged = steady  # what `steady` answers for; *more* is sampled beside it, for guards
        self.specs = {**steady, **(more or {})}
        self.pace = pace
        self.recorder = recorder
        self.points: dict[str, dict[float, float]] = {name: {} for name in self.specs}
        self.failure = ""
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample; without metrics there is nothing to do."""
        if self.specs:
            self._thread = threading.Thread(target=self._run, daemon=True, name="gameday-sampler")
            self._thread.start()

    def stop(self) -> None:
        """End, after one last look."""
        self._stop.set()
        if self._thread:
            self._thread.join(15)
            attempt(self.tick, self._failed)

    def tick(self, now: float | None = None) -> None:
        """Ask once, for all metrics in one call, and write down what is new."""
        window = Window.ending(time.time() if now is None else now, self.pace)
        names = list(self.specs)
        queries = [query(name, index, self.specs[name], self.pace.period_s) for index, name in enumerate(names)]
        arguments: dict[str, Any] = {
            "MetricDataQueries": queries,
            "StartTime": datetime.fromtimestamp(window.start, UTC),
            "EndTime": datetime.fromtimestamp(window.end, UTC),
            "ScanBy": "TimestampAscending",
        }
        seen = time.time()
        fresh = []
        while True:
            answer = self.client.get_metric_data(**arguments)
            for result in answer["MetricDataResults"]:
                name = names[int(result["Id"][1:])]
                pairs = zip(result["Timestamps"], result["Values"], strict=True)
                fresh += self._keep(name, {at.timestamp(): value for at, value in pairs}, seen)
            if not answer.get("NextToken"):
                break
            arguments["NextToken"] = answer["NextToken"]
        self.recorder.points(fresh)
        self.failure = ""

    def steady(self, now: float | None = None) -> Steady:
        """Return what the newest window says: YES only when every metric has fresh data within its limits."""
        window = Window.ending(time.time() if now is None else now, self.pace)
        worst, reasons = Answer.YES, []
        with self._lock:
            for name, spec in self.judged.items():
                recent = {at: value for at, value in self.points[name].items() if at >= window.start}
                answer, reason = judge(name, spec, recent, window, self.pace)
                if reason:
                    reasons.append(reason + (f" (last try: {self.failure})" if self.failure else ""))
                if answer is Answer.NO or (answer is Answer.UNKNOWN and worst is Answer.YES):
                    worst = answer
        return Steady(worst, tuple(reasons))

    def newest(self, name: str, now: float | None = None) -> float | None:
        """Return a metric's newest value, None when it has none that is fresh."""
        window = Window.ending(time.time() if now is None else now, self.pace)
        with self._lock:
            points = self.points.get(name, {})
            at = max(points, default=None)
            if at is None or window.end - at > self.pace.max_gap_s + self.pace.period_s:
                return None
            return points[at]

    def _keep(self, name: str, points: Mapping[float, float], seen: float) -> list[Point]:
        """Remember *points* and return those that are new or changed."""
        with self._lock:
            known = self.points[name]
            fresh = [Point(name, at, value, seen) for at, value in points.items() if known.get(at) != value]
            known.update(points)
        return fresh

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self.pace.tick_s, time.monotonic())
            attempt(self.tick, self._failed)

    def _failed(self, error: Exception) -> None:
        self.failure = f"{type(error).__name__}: {error}"
        self.recorder.log("warning", "metrics could not be read", error=self.failure)


def judge(
    name: str, spec: MetricSpec, recent: Mapping[float, float], window: Window, pace: Sampling
) -> tuple[Answer, str]:
    """Return the answer of one metric over its points in *window*, and a sentence unless it is YES."""
    newest = max(recent, default=None)
    if newest is None or window.end - newest > pace.max_gap_s + pace.period_s:
        return Answer.UNKNOWN, f"{name} ({spec.metric}): no data in the last {pace.look_back_s:g} s"
    for at, value in sorted(recent.items()):
        if spec.max is not None and value > spec.max:
            return Answer.NO, f"{name} is {value:.4g}, above {spec.max:g} ({window.end - at:.0f} s ago)"
        if spec.min is not None and value < spec.min:
            return Answer.NO, f"{name} is {value:.4g}, below {spec.min:g} ({window.end - at:.0f} s ago)"
    return Answer.YES, ""


def attempt(action: Callable[[], None], failed: Callable[[Exception], None]) -> None:
    """Run *action*; a failure goes to *failed* and never ends the thread that samples."""
    try:
        action()
    except Exception as error:  # noqa: BLE001  whatever went wrong, the next tick tries again and no data says so
        failed(error)
