"""The backend's settings. This is the one place that knows their environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """One task's settings; times in seconds. Each field's environment variable has its name in capitals."""

    database_url: str
    task_id: str = "task"
    service_name: str = "foodconnect-backend"
    release: str = "dev"
    pool_size: int = 16  # connections, opened at the start: a pool that grows through a slow link starves
    db_retry_budget_s: float = 4.0  # how long database trouble is retried; 0: never
    db_attempt_timeout_s: float = 2.0  # the longest one attempt may take, a connection from the pool included
    db_acquire_timeout_s: float = 2.0  # the longest an attempt waits for a connection from the pool
    ready_grace_s: float = 10.0  # how long /health stays good without an answer from the database
    drain_s: float = 0.3  # from SIGTERM to the close of the listener, while /health already says 503
    metrics_every_s: float = 1.0
    probe_every_s: float = 0.5  # how often the database is asked whether it is there
    aws_endpoint_url: str = ""  # without it no metrics are sent: this backend must never find a real account
    aws_region: str = "eu-west-1"
    xray_sampling: str = "1/s+5%"  # requests a second that are traced, and the share of the others

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Config:
        """Read the settings; ValueError names the variable that is missing or no number."""
        if not environment.get("DATABASE_URL"):
            raise ValueError("DATABASE_URL is not set; it must be a postgresql:// address")
        texts = (
            "database_url",
            "task_id",
            "service_name",
            "release",
            "aws_endpoint_url",
            "aws_region",
            "xray_sampling",
        )
        found: dict[str, str | float | int] = {}
        for name in cls.__dataclass_fields__:
            given = environment.get(name.upper())
            if given is not None:
                found[name] = given if name in texts else number(name.upper(), given)
        if "pool_size" in found:
            found["pool_size"] = int(found["pool_size"])
        return cls(**found)  # type: ignore[arg-type]  # texts for texts, numbers for numbers, as sorted above


def number(name: str, given: str) -> float:
    """Return a setting that is a number of at least zero."""
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number of at least 0, not {given!r}")
    return value
