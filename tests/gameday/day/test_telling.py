"""How a day tells people, and how it is told in lines."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from gameday.config import Channel, Environment
from gameday.day.desk.view import View
from gameday.day.events import Event, Timeline
from gameday.day.plan import Plan
from gameday.day.state import DayState
from gameday.day.telling import Aside, Teller, chosen, threads
from gameday.day.voice import Lines, line
from gameday.notify import Channels, Delivery, Message, Notifier
from tests.gameday.day.stage import pause, plan

LAB = Environment("lab", "eu-west-1", name="lab", owner="whoever")


class Heard(Notifier):
    """Keeps what was said instead of sending it; one channel takes it, one fails."""

    messages: list[Message]

    def send(self, message: Message) -> list[Delivery]:
        """Keep it."""
        self.messages.append(message)
        return [Delivery("timeline", True, "posted", "now", "ts-1"), Delivery("topic", False, "no such topic", "now")]


def told(folder: Path, of: Plan) -> tuple[Heard, Timeline]:
    """Tell begin and end of a day."""
    notifier = Heard(Channels(LAB), "a-day", "press a", of.roles.owner)
    notifier.messages = []
    timeline, aside = Timeline(folder), Aside(lambda why: None)
    teller = Teller(of, notifier, timeline, aside)
    teller("begins", "objective", incident="trigger")
    teller("ended: went well", incident="resolve")
    aside.close(60)
    return notifier, timeline


def test_every_message_names_the_day_its_owner_and_how_to_abort(tmp_path: Path) -> None:
    """In order, and begun with [GAME DAY]; what became of each stands in the events, failures too."""
    notifier, timeline = told(tmp_path, plan(pause("talk", 1)))
    assert [message.headline for message in notifier.messages] == [
        "[GAME DAY] a day: begins", "[GAME DAY] a day: ended: went well",
    ]  # fmt: skip
    assert notifier.messages[0].footer == {"Run": "a-day", "Owner": "Olga", "To abort": "press a"}
    first = timeline.read()[0]
    assert first.kind == "told" and first.text == "a day: begins; topic failed: no such topic"
    assert threads(timeline.read()) == {"timeline": "ts-1"}


def test_only_a_plan_that_pages_people_opens_an_incident(tmp_path: Path) -> None:
    """Without the word there are change events only."""
    assert [message.incident for message in told(tmp_path, plan(pause("talk", 1)))[0].messages] == ["", ""]
    paging = replace(plan(pause("talk", 1)), page_people=True)
    assert [message.incident for message in told(tmp_path, paging)[0].messages] == ["trigger", "resolve"]


def test_a_plan_chooses_among_the_channels(tmp_path: Path) -> None:
    """None named: all of them."""
    both = Channels(LAB, {"topic": Channel("sns"), "timeline": Channel("slack")})
    assert list(chosen(both, plan(pause("talk", 1), channels=["topic"])).named) == ["topic"]
    assert list(chosen(both, plan(pause("talk", 1))).named) == ["topic", "timeline"]


def test_what_is_done_aside_never_fails_the_day() -> None:
    """A job that raises is told, and the next one is done."""
    said: list[str] = []
    done = threading.Event()
    aside = Aside(said.append)
    aside.do(lambda: [][1])
    aside.do(done.set)
    assert done.wait(60)
    aside.close(60)
    assert said == ["IndexError: list index out of range"]


def test_a_day_in_lines_says_each_event_once() -> None:
    """Also one that comes late and is older than what was said before."""
    said: list[str] = []
    desk = Lines(said.append)
    begun, ended = Event(60.0, "item.begun", item="first"), Event(90.0, "run.ended", "too slow", item="first",
                                                                  data={"verdict": "broke"})  # fmt: skip
    page = Event(70.0, "page.triggered", "errors", who="PagerDuty")
    for events in ([begun], [begun, ended], [begun, page, ended]):
        desk.show(View(plan(pause("talk", 1)), DayState(), events, 100.0))
    assert said == [line(begun), line(ended), line(page)]
    assert line(ended) == "00:01:30Z run.ended            first broke too slow"
    assert line(Event(90.0, "note", "a\x1b]0;b\x07\nc")) == "00:01:30Z note                 a\\x1b]0;b\\x07 c"
    assert desk.commands() == []
