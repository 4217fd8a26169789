"""What guards look at: the load's signals at once, and everything remote through readers that never hold them up.

Each remote thing (an alarm, an address, the safety lever) has a thread that asks and remembers. An answer that has
grown old is no answer: a guard must not go on with what was true some time ago.
"""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from gameday.aws import Aws
from gameday.engine.sampler import Sampler
from gameday.engine.signals import LiveLoad
from gameday.model import GuardSpec

HTTP_EVERY_S = 0.25
AWS_EVERY_S = 1.0  # DescribeAlarms allows few calls a second in an account
LATE_S = 5.0  # an older answer is none
HTTP_WITHIN_S = 2.0
T = TypeVar("T")


class Reader(Generic[T]):
    """Asks one remote thing again and again on a thread of its own."""

    def __init__(
        self, name: str, ask: Callable[[], T], failed: Callable[[str, Exception], None], every_s: float = AWS_EVERY_S
    ) -> None:
        self._ask = ask
        self._every_s = every_s
        self._failed = failed
        self._name = name
        self._answer: tuple[float, T] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"gameday-guard-{name}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; a question under way may still be answered."""
        self._stop.set()

    @property
    def newest(self) -> T | None:
        """The newest answer, None when there is none that is fresh."""
        answer = self._answer
        return answer[1] if answer and time.monotonic() - answer[0] <= LATE_S else None

    def _run(self) -> None:
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                self._answer = (asked, self._ask())
            except Exception as error:  # noqa: BLE001  no answer: it grows old, and the guard's grace time runs
                self._failed(self._name, error)
            self._stop.wait(max(0.0, asked + self._every_s - time.monotonic()))


class GuardSources:
    """The sources of one run's guards."""

    def __init__(
        self, guards: Sequence[GuardSpec], live: LiveLoad, sampler: Sampler, aws: Aws, url: str,
        failed: Callable[[str, Exception], None],
    ) -> None:  # fmt: skip
        self.live = live
        self.sampler = sampler
        self.aws = aws
        self.url = url
        self._alarms = {
            guard.alarm: Reader(guard.alarm, _bound(self._ask_alarm, guard.alarm), failed)
            for guard in guards
            if guard.alarm
        }
        self._addresses = {
            guard.http: Reader(guard.http, _bound(self._ask_http, guard.http), failed, HTTP_EVERY_S)
            for guard in guards
            if guard.http
        }
        levers = [guard for guard in guards if guard.safety_lever]
        self._lever = Reader("safety-lever", self._ask_lever, failed) if levers else None

    def start(self) -> None:
        """Begin to ask."""
        for reader in self._readers():
            reader.start()

    def stop(self) -> None:
        """End."""
        for reader in self._readers():
            reader.stop()

    def signal(self, name: str, over_s: float) -> float | None:
        """Return a signal of the load over a window."""
        return self.live.signal(name, over_s)

    def metric(self, guard: GuardSpec) -> float | None:
        """Return the newest fresh value of the guard's metric."""
        return self.sampler.newest(metric_name(guard))

    def alarm(self, name: str) -> str | None:
        """Return an alarm's state, metric or composite."""
        return self._alarms[name].newest

    def http(self, address: str) -> int | None:
        """Return the status that an address answers; 0: no answer."""
        return self._addresses[address].newest

    def safety_lever(self) -> str | None:
        """Return the state of the account's FIS safety lever."""
        return self._lever.newest if self._lever else None

    def _readers(self) -> list[Reader[Any]]:
        return [*self._alarms.values(), *self._addresses.values(), *([self._lever] if self._lever else [])]

    def _ask_alarm(self, name: str) -> str:
        kinds: Any = ["MetricAlarm", "CompositeAlarm"]
        answer = self.aws.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=kinds)
        found: list[Any] = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        if not found:
            raise LookupError(f"there is no alarm {name}")
        return str(found[0]["StateValue"])

    def _ask_lever(self) -> str:
        return str(self.aws.fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"])

    def _ask_http(self, address: str) -> int:
        url = address if address.startswith(("http://", "https://")) else self.url.rstrip("/") + address
        try:
            with urllib.request.urlopen(url, timeout=HTTP_WITHIN_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)
        except OSError:
            return 0


def metric_name(guard: GuardSpec) -> str:
    """Return under which name a guard's metric is sampled: that of `steady`, or one of its own."""
    return guard.metric if guard.metric and "/" not in guard.metric else f"guard {guard.metric}"


def _bound(ask: Callable[[str], T], argument: str) -> Callable[[], T]:
    return lambda: ask(argument)
