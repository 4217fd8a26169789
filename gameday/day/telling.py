"""How a day tells people: one message after another in a thread of its own, so that no slow channel keeps it.

What became of each stands in the day's events, and with it the thread of each channel, in which a resumed day goes on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from gameday.day.events import Event, Timeline
from gameday.day.plan import Plan
from gameday.notify import Channels, Message, Notifier

KIND = "game day"
Job = Callable[[], None]


class Aside:
    """A thread that does one thing after another."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True, name="gameday-aside")
        self._thread.start()

    def do(self, job: Job) -> None:
        """Do *job* when its turn comes; what it raises is told."""
        self._jobs.put(job)

    def close(self, within_s: float) -> None:
        """Wait until all is done, for a bounded time; what is not done then is told."""
        self._jobs.put(None)
        self._thread.join(within_s)
        if self._thread.is_alive():
            self._failed(f"not all that was to be told was told within {within_s:g} s; {self._jobs.qsize()} waited")

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001  what is done aside never fails the day
                self._failed(f"{type(error).__name__}: {error}")


class Teller:
    """Says what happens in a day. An incident is opened only by a plan that pages people."""

    def __init__(self, plan: Plan, notifier: Notifier, timeline: Timeline, aside: Aside) -> None:
        self._plan, self._notifier, self._timeline, self._aside = plan, notifier, timeline, aside

    def __call__(self, title: str, *lines: str, incident: str = "") -> None:
        """Say *title* and *lines* as soon as those before are said; *incident*: trigger or resolve."""
        message = self._notifier.message(KIND, f"{self._plan.title}: {title}", lines)
        if incident == "trigger" and self._plan.page_people:
            message = replace(message, incident="trigger")
        elif incident == "resolve" and self._plan.page_people:
            message = replace(message, incident="resolve")
        self._aside.do(lambda: self._send(message))

    def _send(self, message: Message) -> None:
        said = self._notifier.send(message)
        if said:
            failed = [f"{one.channel} failed: {one.detail}" for one in said if not one.ok]
            self._timeline.add("told", "; ".join([message.title, *failed]), who="the suite",
                               deliveries=[one.as_json() for one in said])  # fmt: skip


def threads(events: Iterable[Event]) -> dict[str, str]:
    """Return the thread of each channel as the day's events have it."""
    found: dict[str, str] = {}
    for event in events:
        deliveries = event.data.get("deliveries")
        for each in deliveries if event.kind == "told" and isinstance(deliveries, list) else ():
            if isinstance(each, dict) and each.get("ok") and each.get("ref"):
                found.setdefault(str(each["channel"]), str(each["ref"]))
    return found


def chosen(channels: Channels, plan: Plan) -> Channels:
    """Return those of an environment's channels that the plan names; all of them when it names none."""
    named = {name: one for name, one in channels.named.items() if not plan.channels or name in plan.channels}
    return Channels(channels.environment, named)
