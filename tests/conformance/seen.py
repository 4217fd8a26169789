"""Watches real boto3 clients: which operation was answered, which was refused, and with which code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.lab.twin import Twin

Name = tuple[str, str]  # ("ecs", "StopTask")


@dataclass
class Seen:
    """The clients of a lab, and what came back: answers by operation, error codes by operation."""

    lab: Twin
    answered: set[Name] = field(default_factory=set)
    refused: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return the watched client of a service, one for each; it checks no parameters, the lab does."""
        if service not in self._clients:
            quick = Config(parameter_validation=False, retries={"total_max_attempts": 1})
            client = self._clients[service] = self.lab.client(service, quick)
            client.meta.events.register("after-call", self._note)
        return self._clients[service]

    def _note(self, *, http_response: Any, parsed: Any, model: Any, **_: object) -> None:
        name = model.service_model.service_name, model.name
        if http_response.status_code < 300:
            self.answered.add(name)
        else:
            self.refused[name].add(parsed.get("Error", {}).get("Code", str(http_response.status_code)))


@contextmanager
def refused(*codes: str) -> Iterator[None]:
    """Expect that the one call in this block is refused with one of these codes."""
    with pytest.raises(ClientError) as error:
        yield
    assert error.value.response["Error"]["Code"] in codes, str(error.value)


def all_refused(code: str, *calls: Callable[[], object]) -> None:
    """Expect that each of these calls is refused with this code."""
    for call in calls:
        with refused(code):
            call()


def must_be_given(model: Any) -> tuple[list[str], list[str]]:
    """Return the members that a call of an operation must have: those of the address, and all others.

    A query is part of the address: without it, botocore's model knows no operation there.
    """
    shape = model.input_shape
    required = list(shape.required_members) if shape is not None else []
    address = [name for name in required if shape.members[name].serialization.get("location") in ("uri", "querystring")]
    return address, [name for name in required if name not in address]


def ask_with_nothing(client: Any, operation: str, address: list[str]) -> None:
    """Call an operation without its required members (but for its address); the lab must refuse, not fail."""
    method = next(py for py, name in client.meta.method_to_api_mapping.items() if name == operation)
    with refused("ValidationException", "ValidationError", "InvalidParameterException", "MissingParameter"):
        getattr(client, method)(**dict.fromkeys(address, "default"))
