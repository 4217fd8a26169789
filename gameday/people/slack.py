"""Slack's Web API: what people say in one channel and its threads since the day began.

Bots are no people, but for those that are named as speaking for them; messages of the suite itself never count.
Replies in threads that began before the day are not seen: Slack lists threads by their first message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol, cast

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from gameday.config import Chat
from gameday.model import Json
from gameday.notify.message import GAME_DAY
from gameday.notify.order import Door, Failed
from gameday.notify.slack import API, client_of, refused
from gameday.notify.wire import lost
from gameday.people.asking import Until, inner, objects, ours
from gameday.people.seen import Seen

PAGE, MOST_PAGES = 200, 10
LONGEST = 500
SPOKEN = ("", "bot_message", "thread_broadcast", "file_share", "me_message")  # other subtypes are Slack's own notes


class _Method(Protocol):
    def __call__(self, **asked: object) -> object: ...


class Slack:
    """Reads one channel."""

    name = "Slack"

    def __init__(self, door: Door, settings: Chat, since: float) -> None:
        self._door, self._settings, self._since = door, settings, since
        self._threads: dict[str, tuple[str, list[Mapping[str, Json]]]] = {}  # ts -> (its latest reply, all replies)

    def read(self, until: Until) -> list[Seen]:
        """Return the messages of people. Raises NotSent."""
        url = self._door.address(self._settings.endpoint, API)
        client = client_of(self._door.secret(self._settings.token), url, until.left_s())
        said = self._all(until, client, "conversations_history", oldest=f"{self._since:.6f}")
        for parent in list(said):
            said += self._replies(until, client, parent)
        return list(seen_of(said, self._settings.channel, self._settings.bots, self._since))

    def _replies(self, until: Until, client: WebClient, parent: Mapping[str, Json]) -> list[Mapping[str, Json]]:
        ts, latest = inner(parent, "ts"), inner(parent, "latest_reply")
        if not latest:
            return []
        known = self._threads.get(ts)
        if known is None or known[0] != latest:
            known = latest, self._all(until, client, "conversations_replies", ts=ts)
            self._threads[ts] = known
        return known[1]

    def _all(self, until: Until, client: WebClient, method: str, **asked: str) -> list[Mapping[str, Json]]:
        found: list[Mapping[str, Json]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            client.timeout = max(1, int(until.left_s()))
            page = _ask(cast("_Method", getattr(client, method)), client.timeout, channel=self._settings.channel,
                        limit=PAGE, cursor=cursor or None, **asked)  # fmt: skip
            found += objects(page.get("messages"))
            cursor = inner(page, "response_metadata", "next_cursor")
            if not cursor:
                return found
        raise Failed(f"{self.name} has more than {PAGE * MOST_PAGES} messages there since the day began")


def _ask(method: _Method, timeout_s: float, **asked: object) -> Mapping[str, Json]:
    try:
        answer = method(**asked)
    except SlackApiError as error:
        raise refused(error) from None
    except OSError as error:
        raise lost(Slack.name, error, timeout_s) from None
    data = getattr(answer, "data", None)
    return cast("Mapping[str, Json]", data) if isinstance(data, dict) else {}


def seen_of(messages: list[Mapping[str, Json]], channel: str, bots: Collection[str], since: float) -> Iterator[Seen]:
    """Yield what people said in *messages*, each once."""
    told: set[str] = set()
    for message in messages:
        ts, text = inner(message, "ts"), inner(message, "text")
        at = _number(ts)
        if at is None or at < since or ts in told or not _is_of_people(message, bots, text):
            continue
        told.add(ts)
        thread = inner(message, "thread_ts")
        data: dict[str, Json] = {"channel": channel, "ts": ts, "thread": thread if thread != ts else ""}
        yield Seen(at, "chat.said", text[:LONGEST], _who(message), f"{Slack.name}:{channel}:{ts}", data)


def _is_of_people(message: Mapping[str, Json], bots: Collection[str], text: str) -> bool:
    bot = inner(message, "bot_id")
    by_people = not ours(text) if bot in bots else not bot and not text.lstrip().startswith(GAME_DAY)
    return inner(message, "subtype") in SPOKEN and by_people


def _who(message: Mapping[str, Json]) -> str:
    named = inner(message, "user_profile", "real_name") or inner(message, "username")
    return named or inner(message, "bot_profile", "name") or inner(message, "user") or inner(message, "bot_id")


def _number(ts: str) -> float | None:
    try:
        return float(ts)
    except ValueError:
        return None
