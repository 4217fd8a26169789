"""Fixtures for the lab's AWS API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto.core.utils import get_service_model

from lab.aws import registry
from tests.lab.aws.served import Api
from tests.lab.test_shapes import wrong

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from lab.aws.registry import Call, Handler, Params
    from lab.aws.world import World


SHAPED = ("logs", "xray")  # whatever their handlers answer in any test is compared with botocore's model


def shaped(service: str, operation: str, handler: Handler) -> Handler:
    """Return a handler that fails when its answer has members that the model has not, or values of another type."""

    def checked(world: World, params: Params, call: Call) -> dict[str, object]:
        answer = handler(world, params, call)
        model = get_service_model(service).operation_model(operation)
        assert wrong(model.output_shape, answer, operation) == []
        return answer

    return checked


@pytest.fixture(autouse=True)
def shaped_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the answers of `SHAPED` with the model."""
    handlers = {key: shaped(*key, each) if key[0] in SHAPED else each for key, each in registry._handlers.items()}
    monkeypatch.setattr(registry, "_handlers", handlers)


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
