"""moto's records: the services that need no behaviour, and what staging keeps in them from the start.

moto's backends belong to the process and have no locks, so there is one `Records` a process, with one lock.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder

from lab.aws.policy import RUNNER
from lab.aws.protocol import Environ, Reply
from lab.settings import LOCK_TABLE, REGION

if TYPE_CHECKING:
    from lab.aws.registry import Params

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Records:
    """moto's WSGI application, one request at a time."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()

    def reply(self, environ: Environ) -> Reply:
        """Answer one request; NotImplementedError or ModuleNotFoundError for what moto cannot do."""
        seen: list[tuple[str, list[tuple[str, str]]]] = []

        def capture(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
            seen.append((status, headers))
            return lambda data: None

        with self._lock:
            chunks: Iterable[bytes] = self._moto(environ, capture)
            try:
                body = b"".join(chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        status, headers = seen[-1]
        return Reply(int(status[:3]), tuple(headers), body)

    def call(self, service: str, operation: str, params: Params) -> Reply:
        """Make a call of the lab's own, which no audit sees. For services of the json and the query protocol."""
        scope = f"Credential=lab/20260101/{REGION}/{service}/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=lab"}
        model = get_service_model(service)
        if model.metadata["protocol"] == "json":
            headers["X-Amz-Target"] = f"{model.metadata['targetPrefix']}.{operation}"
            kind, body = f"application/x-amz-json-{model.metadata['jsonVersion']}", json.dumps(params)
        else:
            kind = "application/x-www-form-urlencoded"
            body = urlencode({"Action": operation, "Version": model.api_version, **params})
        builder = EnvironBuilder(method="POST", data=body.encode(), headers=headers, content_type=kind)
        try:
            environ: dict[str, Any] = builder.get_environ()
            return self.reply(environ)
        finally:
            builder.close()


@cache
def records() -> Records:
    """Return the records of this process."""
    return Records()


def seed_records() -> None:
    """Put the runner's role and the lock table in place, which also spares the first caller moto's start."""
    own = records()
    own.call("iam", "CreateRole", {"RoleName": RUNNER, "AssumeRolePolicyDocument": json.dumps(_TRUST)})
    table: Params = {
        "TableName": LOCK_TABLE,
        "AttributeDefinitions": [{"AttributeName": "environment", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "environment", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    own.call("dynamodb", "CreateTable", table)
    own.call("dynamodb", "GetItem", {"TableName": LOCK_TABLE, "Key": {"environment": {"S": "nobody"}}})
    own.call("sts", "GetSessionToken", {})
