"""A stand-in of Slack: an incoming webhook, and the methods of the Web API that a timeline of an incident needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.people.addresses import BOT_USER, INCIDENTS_CHANNEL, TEAM, USERS, WEBHOOK_PATH
from lab.people.journal import Journal
from lab.people.slack_model import Channel, Workspace
from lab.people.web import Json, Refused, answer, arguments_of

Method: TypeAlias = Callable[[Json], Json]
_CHANNEL_NAME = re.compile(r"[a-z0-9_-]{1,80}")
LONGEST_TEXT = 40_000


class Slack:
    """The endpoints, over one workspace; `url` is where they answer."""

    def __init__(self, url: str, journal: Journal) -> None:
        self._url, self._journal = url, journal
        self.workspace = Workspace()
        self._methods: dict[str, Method] = {
            "api.test": lambda given: {},
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.getPermalink": self._permalink,
            "conversations.create": self._create,
            "conversations.history": self._history,
            "conversations.list": self._list,
            "conversations.replies": self._replies,
            "conversations.setTopic": self._set_topic,
            "reactions.add": self._react,
            "users.list": self._users,
        }

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("/slack/api/{method}", self.api, methods=["GET", "POST"]),
            Route("/slack/services/{team}/{app}/{secret}", self.webhook, methods=["POST"]),
        ]

    async def api(self, request: Request) -> Response:
        """Answer a method: always 200, {"ok": false, "error": ...} where it failed."""
        given = await arguments_of(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or given.get("token", "")
        method = self._methods.get(request.path_params["method"])
        try:
            if method is None:
                raise fail("unknown_method", req_method=request.path_params["method"])
            if not token:
                raise fail("not_authed")
            if not str(token).startswith("xox"):
                raise fail("invalid_auth")
            return answer({"ok": True, **method(given)})
        except Refused as error:
            return answer(error.body)

    async def webhook(self, request: Request) -> Response:
        """Post to #incidents: the text "ok", or an error in a word."""
        if not request.url.path.endswith(WEBHOOK_PATH):
            raise Refused(404, "no_service")
        body = (await request.body()).decode(errors="replace")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body = parse_qs(body).get("payload", [""])[0]
        try:
            given = json.loads(body)
        except ValueError:
            raise Refused(400, "invalid_payload") from None
        if not isinstance(given, dict):
            raise Refused(400, "invalid_payload")
        if not given.get("text") and not given.get("blocks") and not given.get("attachments"):
            raise Refused(400, "no_text")
        self._post({**given, "channel": INCIDENTS_CHANNEL, "subtype": "bot_message"})
        return answer("ok")

    def _auth_test(self, given: Json) -> Json:
        return {"url": f"{self._url}/", "team": "FoodConnect", "team_id": TEAM, "user": "gameday", "user_id": BOT_USER}

    def _post_message(self, given: Json) -> Json:
        channel, message = self._post(given)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _post(self, given: Json) -> tuple[Channel, Json]:
        channel = self._channel(given)
        parts = {name: _list_of(given.get(name)) for name in ("blocks", "attachments")}
        text, thread = str(given.get("text") or ""), given.get("thread_ts")
        if not text and not any(parts.values()):
            raise fail("no_text")
        if len(text) > LONGEST_TEXT:
            raise fail("msg_too_long")
        if thread and thread not in channel.messages:
            raise fail("thread_not_found")
        also = {"subtype": "thread_broadcast"} if str(given.get("reply_broadcast")).lower() == "true" else {}
        fields = {"subtype": given.get("subtype"), "text": text, "thread_ts": thread, "username": given.get("username"),
                  **parts, **also}  # fmt: skip
        message = self.workspace.post(channel, fields)
        self._journal.note("slack.message", channel=channel.name, ts=message["ts"], thread_ts=thread, text=text[:300])
        return channel, message

    def _update(self, given: Json) -> Json:
        channel = self._channel(given)
        message = channel.messages.get(str(given.get("ts")))
        if message is None:
            raise fail("message_not_found")
        if not given.get("text") and not given.get("blocks"):
            raise fail("no_text")
        message["text"] = str(given.get("text") or "")
        message["edited"] = {"user": BOT_USER, "ts": message["ts"]}
        if given.get("blocks"):
            message["blocks"] = _list_of(given["blocks"])
        self._journal.note("slack.updated", channel=channel.name, ts=message["ts"], text=message["text"][:300])
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}

    def _permalink(self, given: Json) -> Json:
        channel, ts = self._channel(given), str(given.get("message_ts"))
        if ts not in channel.messages:
            raise fail("message_not_found")
        return {"channel": channel.id, "permalink": f"{self._url}/archives/{channel.id}/p{ts.replace('.', '')}"}

    def _create(self, given: Json) -> Json:
        name = str(given.get("name") or "")
        if not name:
            raise fail("invalid_name_required")
        if not _CHANNEL_NAME.fullmatch(name):
            raise fail("invalid_name_specials")
        if self.workspace.find(name):
            raise fail("name_taken")
        return {"channel": self.workspace.create(name).as_json()}

    def _list(self, given: Json) -> Json:
        shown, cursor = _page([one.as_json() for one in self.workspace.channels.values()], given, 100)
        return {"channels": shown, **cursor}

    def _set_topic(self, given: Json) -> Json:
        channel = self._channel(given)
        channel.topic = str(given.get("topic") or "")
        return {"channel": channel.as_json()}

    def _history(self, given: Json) -> Json:
        found = [one for one in self._channel(given).timeline() if _between(one, given)]
        shown, cursor = _page(found, given, 100)
        return {
            "messages": shown,
            "has_more": bool(cursor["response_metadata"]["next_cursor"]),
            "pin_count": 0,
            **cursor,
        }

    def _replies(self, given: Json) -> Json:
        found = self._channel(given).thread(str(given.get("ts")))
        if not found:
            raise fail("thread_not_found")
        shown, cursor = _page([one for one in found if _between(one, given)], given, 1000)
        return {"messages": shown, "has_more": bool(cursor["response_metadata"]["next_cursor"]), **cursor}

    def _react(self, given: Json) -> Json:
        message = self._channel(given).messages.get(str(given.get("timestamp")))
        name = str(given.get("name") or "").strip(":")
        if message is None:
            raise fail("message_not_found")
        if not name:
            raise fail("invalid_name")
        reactions = message.setdefault("reactions", [])
        if any(one["name"] == name for one in reactions):
            raise fail("already_reacted")
        reactions.append({"name": name, "users": [BOT_USER], "count": 1})
        return {}

    def _users(self, given: Json) -> Json:
        members = [
            {
                "id": id_.replace("PUSER", "U0USER"),
                "team_id": TEAM,
                "name": email.partition("@")[0],
                "real_name": name,
                "deleted": False,
                "is_bot": False,
                "profile": {"real_name": name, "email": email},
            }
            for id_, name, email in USERS
        ]
        shown, cursor = _page(members, given, 100)
        return {"members": shown, **cursor}

    def _channel(self, given: Json) -> Channel:
        found = self.workspace.find(str(given.get("channel") or ""))
        if found is None:
            raise fail("channel_not_found")
        return found


def fail(error: str, **more: object) -> Refused:
    """Return Slack's answer to a method that failed."""
    return Refused(200, {"ok": False, "error": error, **more})


def _list_of(given: object) -> list[Json] | None:
    """Return blocks or attachments, which forms carry as JSON in a text."""
    if isinstance(given, str) and given:
        try:
            given = json.loads(given)
        except ValueError:
            raise fail("invalid_blocks_format") from None
    return given if isinstance(given, list) and given else None


def _between(message: Json, given: Json) -> bool:
    """Is a message later than `oldest` and earlier than `latest`, or at one of them if that counts?"""
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    at = float(message["ts"])
    inclusive = str(given.get("inclusive")).lower() in ("true", "1")
    return oldest <= at <= latest if inclusive else oldest < at < latest


def _page(items: list[Json], given: Json, most: int) -> tuple[list[Json], Json]:
    cursor, limit = str(given.get("cursor") or "0"), str(given.get("limit") or most)
    if not cursor.isdigit():
        raise fail("invalid_cursor")
    first, size = int(cursor), min(int(limit), 1000) if limit.isdigit() and int(limit) > 0 else most
    after = str(first + size) if first + size < len(items) else ""
    return items[first : first + size], {"response_metadata": {"next_cursor": after}}
