"""Fixtures for the lab's AWS API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.aws import registry
from tests.lab.aws.served import Api

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.registry import Handler


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A served API on a free port."""
    served = Api(tmp_path)
    try:
        yield served
    finally:
        served.close()


@pytest.fixture
def cloudwatch(api: Api) -> CloudWatchClient:
    """A client of the served CloudWatch."""
    return api.cloudwatch


@pytest.fixture
def own_handlers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Handler]:
    """An empty list of handlers for the length of a test."""
    listed: dict[tuple[str, str], Handler] = {}
    monkeypatch.setattr(registry, "_handlers", listed)
    return listed


@pytest.fixture
def minute() -> int:
    """A whole minute, ten minutes ago."""
    return int(time.time()) // 60 * 60 - 600
