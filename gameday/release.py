"""What was released: its name, the image by digest, and when it was committed and pushed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, cast

from gameday.aws import Aws
from gameday.model import Json, from_iso, iso


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a service; what could not be found out is None. Times are ISO 8601 in UTC."""

    id: str | None = None
    digest: str | None = None
    task_definition: str | None = None
    committed_at: str | None = None
    pushed_at: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return it as files have it."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Release:
        """Read what `as_json` wrote."""
        return cls(**{name: cast("Any", value.get(name)) for name in cls.__slots__})


def find(aws: Aws, cluster: str, service: str, id: str | None = None, committed: str | None = None) -> Release:
    """Return the release that a service's newest deployment brings."""
    listed = aws.ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    committed_at = iso(from_iso(committed)) if committed else _committed_at(id)
    if not listed:
        return Release(id, committed_at=committed_at)
    newest = max(listed, key=lambda each: each["createdAt"])
    arn = newest["targetServiceRevisionArn"]
    revision = cast("Any", aws.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"][0])
    image: Any = next((each for each in revision.get("containerImages", []) if each.get("imageDigest")), {})
    digest = image.get("imageDigest")
    pushed_at = _pushed_at(aws, image["image"], digest) if digest else None
    return Release(id, digest, revision.get("taskDefinition"), committed_at, pushed_at)


def _committed_at(id: str | None) -> str | None:
    if not id or not re.fullmatch(r"[\w./-]+", id) or id.startswith("-"):
        return None
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        command = ["git", "show", "-s", "--format=%cI", id, "--"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return iso(from_iso(answer.stdout.strip()))
    return None


def _pushed_at(aws: Aws, image: str, digest: str) -> str | None:
    from botocore.exceptions import BotoCoreError, ClientError

    name = image.partition("@")[0].partition("/")[2].partition(":")[0]
    with suppress(BotoCoreError, ClientError, LookupError):
        found = aws.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
        return iso(found["imageDetails"][0]["imagePushedAt"].timestamp())
    return None
