"""Secrets by reference: `env:NAME`, `secretsmanager:ARN`, `#KEY` behind it one key of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable

from gameday.aws import Aws
from gameday.config import environment_variable
from gameday.redact import Redactor

ENV = re.compile(r"env:([A-Za-z_]\w*)")
MANAGED = re.compile(
    r"secretsmanager:(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+)(?:#([\w.-]+))?"
)

LONG_ENOUGH = 8  # a shorter end of an address would be found in ordinary words


def is_reference(text: str) -> bool:
    """Return whether *text* names a secret, and is none itself."""
    return bool(ENV.fullmatch(text) or MANAGED.fullmatch(text))


class Vault:
    """Opens references, each once, and teaches the redactor what it found. It may be used from any thread."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._lock = threading.Lock()
        self._open: dict[str, str] = {}

    def learn(self, references: Iterable[str]) -> None:
        """Learn the variables that *references* name, before anything is said."""
        names = [found[1] for reference in references if (found := ENV.fullmatch(reference))]
        for value in filter(None, map(environment_variable, names)):
            self.redactor.learn([value, *_inside(value)])

    def open(self, reference: str, aws: Aws) -> tuple[str, str]:
        """Return (secret, ""), or ("", why there is none)."""
        if found := ENV.fullmatch(reference):
            value = environment_variable(found[1]) or ""
            return value, "" if value else f"the variable {found[1]} is not set"
        managed = MANAGED.fullmatch(reference)
        if managed is None:
            return "", "its secret is no reference; write env:NAME or secretsmanager:ARN"
        with self._lock:
            known = self._open.get(reference)
        if known is not None:
            return known, ""
        value, why = _managed(aws, managed[1], managed[2] or "")
        if value:
            self.redactor.learn([value, *_inside(value)])
            with self._lock:
                self._open[reference] = value
        return value, why


def _inside(value: str) -> list[str]:
    """Return the end of an address: of a webhook's, that is its secret."""
    last = value.rpartition("/")[2] if "://" in value else ""
    return [last] if len(last) >= LONG_ENOUGH else []


def _managed(aws: Aws, arn: str, key: str) -> tuple[str, str]:
    from botocore.exceptions import BotoCoreError, ClientError

    name = arn.rpartition(":secret:")[2]
    try:
        text = str(aws.client("secretsmanager").get_secret_value(SecretId=arn).get("SecretString") or "")
    except ClientError as error:
        return "", f"the secret {name} cannot be read: {error.response['Error']['Code']}"
    except BotoCoreError as error:
        return "", f"the secret {name} cannot be read: {type(error).__name__}"
    if not key:
        return text, "" if text else f"the secret {name} holds no text"
    try:
        value = json.loads(text).get(key)
    except (ValueError, AttributeError):
        return "", f"the secret {name} is no JSON object, so that it has no key {key}"
    return (value, "") if isinstance(value, str) and value else ("", f"the secret {name} has no text under {key}")
