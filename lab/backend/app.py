"""FoodConnect's backend, small and real: log in, read the feed, post. One process is one task.

    python -m uvicorn lab.backend.app:create_app --factory --host HOST --port PORT --timeout-graceful-shutdown 3

Creating a post needs an `Idempotency-Key`: the same key always means the same post, so clients and this service
itself may repeat the request when an answer was lost. Answers are JSON; an error is {"error": "a sentence"}.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from types import FrameType
from typing import LiteralString, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.backend.config import Config
from lab.backend.database import TROUBLE, Database, Row
from lab.backend.observed import Observed
from lab.backend.requests import (
    LARGEST_ID,
    idempotency_key,
    identity,
    in_range,
    json_body,
    storable,
    text,
    whole_number,
)
from lab.backend.schema import password_hash
from lab.backend.telemetry import Telemetry, log, log_as_json
from lab.backend.weak import Errors, Leak, Noise, end_without

POST: LiteralString = "id, author, title, body, created"
# On a known key nothing is changed, but there is a commit, and that waits for the standby: so a post that was written
# by an attempt whose answer was lost is never confirmed before the standby has it.
CREATE: LiteralString = f"""
insert into posts(idempotency_key, author, title, body) values (%s, %s, %s, %s)
on conflict (idempotency_key) do update set idempotency_key = excluded.idempotency_key
returning {POST}, xmax = 0
"""
# What a service does that knows no keys: each attempt is another post.
CREATE_ANOTHER: LiteralString = f"""
insert into posts(idempotency_key, author, title, body) values (%s || '-' || gen_random_uuid(), %s, %s, %s)
returning {POST}, true
"""
FEED: LiteralString = f"""
select {POST} from posts
where (%s::bigint is null or author = %s) and (%s::bigint is null or id < %s) and (%s::text is null or title ^@ %s)
order by id desc limit %s
"""


class Backend:
    """The endpoints, over one database."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database
        self.draining = False

    async def login(self, request: Request) -> Response:
        """Trade an e-mail address and a password for a token; 401 when they do not fit."""
        fields = await json_body(request)
        email, password = text(fields, "email"), text(fields, "password")
        found = await self._database.rows("select id, password_hash, salt from users where email = %s", email)
        user, stored, salt = cast(tuple[int, bytes, bytes], found[0]) if found else (0, b"", b"as long as others")
        given = await asyncio.to_thread(password_hash, password, salt)
        if not hmac.compare_digest(given, stored):
            raise HTTPException(401, "the e-mail address or the password is wrong")
        return answer({"token": secrets.token_urlsafe(24), "user_id": user})

    async def create_post(self, request: Request) -> Response:
        """Create a post: 201; 200 with the post as it is when the key is known."""
        key = idempotency_key(request)
        fields = await json_body(request)
        values = identity(fields, "author"), text(fields, "title"), text(fields, "body")
        [row] = await self._create(key, *values)
        return answer(post(row), 201 if row[-1] else 200)

    async def _create(self, *values: object) -> list[Row]:
        """Write a post; with `repeat_post_after_s` a second one if the first is not confirmed by then."""
        hasty_s = self._config.repeat_post_after_s
        if not hasty_s:
            return await self._database.rows(CREATE, *values)
        attempts = [asyncio.create_task(self._database.rows(CREATE_ANOTHER, *values))]
        if not (await asyncio.wait(attempts, timeout=hasty_s))[0]:
            attempts.append(asyncio.create_task(self._database.rows(CREATE_ANOTHER, *values)))
            await asyncio.wait(attempts)
        good = [attempt for attempt in attempts if attempt.exception() is None]
        return (good or attempts)[0].result()

    async def feed(self, request: Request) -> Response:
        """List posts, newest first."""
        limit = whole_number(request, "limit", default=20, least=1, most=1000)
        author = whole_number(request, "author", default=None, least=0, most=LARGEST_ID)
        before = whole_number(request, "before", default=None, least=0, most=LARGEST_ID)
        prefix = request.query_params.get("title_prefix")
        if prefix is not None and not storable(prefix):
            raise HTTPException(400, "'title_prefix' holds characters that no title has")
        rows = await self._database.rows(FEED, author, author, before, before, prefix, prefix, limit)
        return answer([post(row) for row in rows])

    async def one_post(self, request: Request) -> Response:
        """Return one post; 404 when there is none."""
        given = request.path_params["id"]
        by_id: LiteralString = f"select {POST} from posts where id = %s"
        rows = await self._database.rows(by_id, int(given)) if in_range(given, 0, LARGEST_ID) else []
        if not rows:
            raise HTTPException(404, f"there is no post {given[:30]!r}")
        return answer(post(rows[0]))

    async def health(self, request: Request) -> Response:
        """Say whether this task should get requests: not while it stops, nor when the database has long been silent."""
        if self._config.health_check == "always":
            return self._well()
        if self._config.health_check == "database" and not await self._database.answers():
            raise HTTPException(503, "the database does not answer")
        silent_s = self._database.silent_s
        if self.draining:
            raise HTTPException(503, "this task is stopping")
        if silent_s is None:
            raise HTTPException(503, "the database has not answered yet")
        if silent_s > self._config.ready_grace_s:
            raise HTTPException(503, f"the database has not answered for {silent_s:.0f} s")
        return self._well()

    def _well(self) -> Response:
        return answer({"ok": True, "task": self._config.task_id, "release": self._config.release})

    def routes(self) -> list[Route]:
        """Return the endpoints; a route's name is its name in the metrics."""
        return [
            Route("/login", self.login, methods=["POST"]),
            Route("/posts", self.feed, methods=["GET"]),
            Route("/posts", self.create_post, methods=["POST"]),
            Route("/posts/{id}", self.one_post, methods=["GET"]),
            Route(self._config.health_path, self.health, methods=["GET"]),
        ]


def post(row: Row) -> dict[str, object]:
    """Return a row of `POST` as JSON takes it."""
    number, author, title, body, created = row[:5]
    return {
        "id": number,
        "author": author,
        "title": title,
        "body": body,
        "created": cast(datetime, created).isoformat(),
    }


def answer(value: object, status: int = 200, **headers: str) -> Response:
    """Return JSON."""
    return Response(json.dumps(value), status, headers, "application/json")


async def refused(request: Request, error: Exception) -> Response:
    """Turn an HTTPException into {"error": sentence}; an unknown path or method is one too."""
    refusal = cast(HTTPException, error)
    own = {"Not Found": f"there is nothing at {request.url.path}", "Method Not Allowed": f"not for {request.method}"}
    sentence = own.get(refusal.detail, refusal.detail)
    return Response(json.dumps({"error": sentence}), refusal.status_code, refusal.headers, "application/json")


async def unavailable(request: Request, error: Exception) -> Response:
    """Answer 503: the database could not be reached in time."""
    name, why = type(error).__name__, str(error).strip()
    fields = {"message": f"the database is not available: {name}: {why}", "error_class": name}
    fields |= {"method": request.method, "path": request.url.path, "trace_id": request.scope["trace_id"]}
    log.warning("database trouble", extra={"fields": fields})
    return answer({"error": "the database is not available; try again"}, 503, **{"Retry-After": "1"})


async def failed(request: Request, error: Exception) -> Response:
    """Answer 500: a bug, whose traceback goes to the log."""
    return answer({"error": "the service failed; the log says how"}, 500)


def drain_first(backend: Backend, loop: asyncio.AbstractEventLoop, drain_s: float) -> None:
    """On SIGTERM let /health say 503 for `drain_s` seconds before the server begins to stop."""
    stop = signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: FrameType | None) -> None:
        backend.draining = True
        if callable(stop):
            loop.call_soon_threadsafe(loop.call_later, drain_s, stop, number, None)

    signal.signal(signal.SIGTERM, drain)


def weaknesses(config: Config) -> list[Middleware]:
    """Return what a weak build does around each request; nothing for any other."""
    found: list[Middleware] = []
    if config.leak_kb:
        found.append(Middleware(Leak, each_kb=config.leak_kb, limit_mb=config.memory_limit_mb))
    if config.errors_percent:
        found.append(Middleware(Errors, percent=config.errors_percent))
    if config.noisy:
        found.append(Middleware(Noise))
    return found


def create_app() -> Starlette:
    """Return the service as its environment says."""
    config = Config.from_environment(os.environ)
    log_as_json(config.task_id, config.release)
    database, telemetry = Database(config), Telemetry(config)
    backend = Backend(config, database)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if config.ignore_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            drain_first(backend, asyncio.get_running_loop(), config.drain_s)
        await asyncio.sleep(config.start_s)
        await database.open()
        checks = asyncio.create_task(end_without(database)) if config.health_check == "database" else None
        telemetry.start()
        try:
            yield
        finally:
            if checks:
                checks.cancel()
            await database.close()
            telemetry.stop()

    return Starlette(
        routes=backend.routes(),
        middleware=[Middleware(Observed, telemetry=telemetry, task=config.task_id), *weaknesses(config)],
        exception_handlers={HTTPException: refused, Exception: failed, **dict.fromkeys(TROUBLE, unavailable)},
        lifespan=lifespan,
    )
