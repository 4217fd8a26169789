"""The lab's AWS as its own services see it: FIS, for one, finds and reboots databases by RDS's operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.aws.registry import Call, handler_of
from lab.settings import REGION

if TYPE_CHECKING:
    from lab.aws.world import World


@dataclass(slots=True)
class OwnApi:
    """Calls handlers; `world` is set once there is one."""

    world: World | None = None

    @staticmethod
    def plays(service: str, operation: str) -> bool:
        """Does the lab have this operation of its own?"""
        return handler_of(service, operation) is not None

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Return an operation's answer; AwsError when it refuses. Takes the world's lock."""
        handler = handler_of(service, operation)
        assert handler is not None and self.world is not None, f"no handler for {service}:{operation}, or no world"
        with self.world.lock:
            return dict(handler(self.world, params, Call("lab", REGION, service)))
