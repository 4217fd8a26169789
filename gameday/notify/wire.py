"""One HTTP request with JSON, as the channels without a client library make it; and what an answer's status means.

Redirects are not followed, since they would carry a message and its key elsewhere. Loopback is never reached through a
proxy. A request whose answer did not come is not made again: it may have arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from gameday.aws import is_loopback
from gameday.model import Json
from gameday.notify.order import Failed, TryAgain

TOO_MANY = (420, 429)
MOST_ANSWER = 2**20


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def request(
    who: str, method: str, url: str, body: Json, headers: Mapping[str, str], timeout_s: float
) -> tuple[dict[str, Json], str]:
    """Return the answer as (JSON object, text); an answer that is no JSON object gives an empty one.

    Raises TryAgain, Failed: *who* did not take it.
    """
    data = None if body is None else json.dumps(body).encode()
    sent = Request(url, data, {"Content-Type": "application/json", "User-Agent": "gameday", **headers}, method=method)
    handlers = [_Stay(), *([ProxyHandler({})] if is_loopback(url) else [])]
    try:
        with build_opener(*handlers).open(sent, timeout=timeout_s) as answer:
            text = answer.read(MOST_ANSWER).decode(errors="replace")
    except HTTPError as error:
        with error:
            said = error.read(MOST_ANSWER).decode(errors="replace")
        raise refusal(who, error.code, error.headers.get("Retry-After"), said) from None
    except (OSError, HTTPException) as error:
        raise lost(who, error, timeout_s) from None
    return _object(text), text


def judge(who: str, status: int, retry_after: str | None, said: str) -> None:
    """Raise TryAgain or Failed unless *status* is one of success."""
    if not 200 <= status < 300:
        raise refusal(who, status, retry_after, said)


def refusal(who: str, status: int, retry_after: str | None, said: str) -> Failed | TryAgain:
    """Return what an answer that is no success means."""
    why = f"{who} answers {status}" + (f": {' '.join(said.split())[:200]}" if said.strip() else "")
    return TryAgain(why, seconds(retry_after)) if status in TOO_MANY or status >= 500 else Failed(why)


def lost(who: str, error: BaseException, timeout_s: float) -> Failed | TryAgain:
    """Return what a connection's failure means: one that was refused can be tried again."""
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    if isinstance(cause, TimeoutError):
        return Failed(f"{who} gave no answer within {timeout_s:.1f} s; it may have arrived")
    if isinstance(cause, ConnectionRefusedError):
        return TryAgain(f"{who} cannot be reached: the connection was refused")
    return Failed(f"{who} cannot be reached: {type(cause).__name__}")


def seconds(retry_after: str | None) -> float | None:
    """Return a Retry-After header in seconds; a date, which none of these services writes, counts as none."""
    return float(retry_after) if retry_after and retry_after.strip().isdigit() else None


def _object(text: str) -> dict[str, Json]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
