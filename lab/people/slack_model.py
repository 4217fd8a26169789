"""Slack's records: channels with their messages; every `ts` is unique and later than the one before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lab.people.addresses import BOT_USER, CHANNELS, TEAM
from lab.people.web import Json


@dataclass(slots=True)
class Channel:
    """One channel; `messages` by ts, in the order they were posted, replies among them."""

    id: str
    name: str
    created: int = field(default_factory=lambda: int(time.time()))
    topic: str = ""
    messages: dict[str, Json] = field(default_factory=dict)

    def as_json(self) -> Json:
        """Return the channel."""
        about = {"creator": BOT_USER, "last_set": self.created}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "created": self.created,
            "creator": BOT_USER,
            "context_team_id": TEAM,
            "is_channel": True,
            "is_private": False,
            "is_archived": False,
            "is_member": True,
            "is_general": False,
            "num_members": 3,
            "topic": {"value": self.topic, **about},
            "purpose": {"value": "", **about},
        }

    def thread(self, ts: str) -> list[Json]:
        """Return a message and its replies, oldest first."""
        return [one for one in self.messages.values() if ts in (one["ts"], one.get("thread_ts"))]

    def timeline(self) -> list[Json]:
        """Return what stands in the channel itself, newest first."""
        return [one for one in reversed(self.messages.values()) if _stands_alone(one)]


def _stands_alone(message: Json) -> bool:
    """Is it no reply, or one that was also sent to the channel?"""
    return message.get("thread_ts") in (None, message["ts"]) or message.get("subtype") == "thread_broadcast"


@dataclass(slots=True)
class Workspace:
    """All channels by id."""

    channels: dict[str, Channel] = field(default_factory=dict)
    _last_us: int = 0

    def __post_init__(self) -> None:
        for name in CHANNELS:
            self.create(name)

    def create(self, name: str) -> Channel:
        """Make a channel."""
        made = Channel(f"C0FOOD{len(self.channels) + 1:03}", name)
        self.channels[made.id] = made
        return made

    def find(self, name_or_id: str) -> Channel | None:
        """Return a channel by id, by name, or by #name."""
        name = name_or_id.removeprefix("#")
        return next((one for one in self.channels.values() if name in (one.id, one.name)), None)

    def post(self, channel: Channel, fields: Json) -> Json:
        """Add a message with a new ts; return it."""
        message: Json = {
            "type": "message",
            "ts": self._new_ts(),
            "user": BOT_USER,
            "team": TEAM,
            "bot_id": "B0INCIDEN",
            "text": "",
            **{name: value for name, value in fields.items() if value not in (None, "")},
        }
        channel.messages[message["ts"]] = message
        parent = channel.messages.get(message.get("thread_ts", ""))
        if parent is not None and parent is not message:
            parent["thread_ts"] = parent["ts"]
            parent["reply_count"] = parent.get("reply_count", 0) + 1
            parent["latest_reply"] = message["ts"]
        return message

    def _new_ts(self) -> str:
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06}"
