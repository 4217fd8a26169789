"""What is being released: its id, the image that runs, and when it was committed and pushed.

The image is read from the newest deployment of the service, because a tag may name another image by now.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from gameday.model import Json, iso

if TYPE_CHECKING:
    from gameday.aws import Aws


@dataclass(frozen=True, slots=True)
class Release:
    """One release. Times are ISO 8601 in UTC; None: not known."""

    id: str | None = None
    digest: str | None = None
    task_definition: str | None = None
    committed_at: str | None = None
    pushed_at: str | None = None

    def as_json(self) -> dict[str, Json]:
        """Return it as `gate.json` and `watch.json` have it."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Release:
        """Read what `as_json` gave."""
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in data.items() if name in names})


def find(
    aws: Aws, cluster: str, service: str, id: str | None = None, committed: str | None = None
) -> Release:  # fmt: skip
    """Return the release that *service* runs. Raises what boto3 raises when the service cannot be read."""
    described = aws.ecs.describe_services(cluster=cluster, services=[service])["services"]
    definition = described[0]["taskDefinition"] if described else None
    image = _image(aws, cluster, service)
    digest = image.get("imageDigest")
    pushed = _pushed(aws, image.get("image", ""), digest)
    return Release(id, digest, definition, committed or _committed(id), pushed)


def _image(aws: Aws, cluster: str, service: str) -> Mapping[str, Any]:
    """Return the first container image of the newest deployment's revision; {} when there is none to read."""
    listed = aws.ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    if not listed:
        return {}
    newest = max(listed, key=lambda each: each["createdAt"])
    arn = newest["targetServiceRevisionArn"]
    revisions = aws.ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
    images = revisions[0].get("containerImages", []) if revisions else []
    return cast("Mapping[str, Any]", images[0]) if images else {}


def _pushed(aws: Aws, image: str, digest: str | None) -> str | None:
    repository = image.partition("/")[2].partition("@")[0].partition(":")[0]
    if not digest or not repository:
        return None
    with suppress(Exception):  # ecr:DescribeImages need not be allowed: then it is not known
        found = aws.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])
        return iso(found["imageDetails"][0]["imagePushedAt"].timestamp())
    return None


def _committed(id: str | None) -> str | None:
    """Return when *id* was committed, where it is a commit of the repository here."""
    if not id or id.startswith("-"):
        return None
    with suppress(OSError, ValueError, subprocess.TimeoutExpired):
        asked = ["git", "show", "-s", "--format=%cI", f"{id}^{{commit}}"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
        if told.returncode == 0:
            return iso(datetime.fromisoformat(told.stdout.strip()).timestamp())
    return None
