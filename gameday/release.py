"""What is being released: its name, its image by digest, its task definition, and when it was committed and pushed.

`find` reads it from the service's newest deployment. What cannot be read is None, never a guess: a digest that
nobody saw must not look like one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from gameday.errors import UsageError
from gameday.model import Json, iso

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs.type_defs import (
        ContainerImageTypeDef,
        ListServiceDeploymentsRequestTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceRevisionTypeDef,
    )

    from gameday.aws import Aws

MOST = 20  # service revisions in one request
COMMIT = re.compile(r"[0-9a-f]{7,64}")  # shorter ones could be numbers of builds that match by chance
TAG = re.compile(r"[\w][\w./+-]*")
ECR_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com[\w.]*/(?P<name>[^:@]+)")


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a service; the times are ISO 8601 in UTC."""

    id: str | None = None
    digest: str | None = None  # `sha256:...` of the image that serves
    task_definition: str | None = None  # its ARN
    committed_at: str | None = None
    pushed_at: str | None = None  # when the image came into the registry

    def as_json(self) -> dict[str, Json]:
        """Return it as it stands in gate.json and watch.json."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Release:
        """Read what `as_json` wrote; what is missing or no text is None."""
        read = {name: data.get(name) for name in cls.__dataclass_fields__}
        return cls(**{name: value if isinstance(value, str) else None for name, value in read.items()})


def find(aws: Aws, cluster: str, service: str, id: str | None = None, committed: str | None = None) -> Release:
    """Return the release that the service's newest deployment brings.

    *committed* is an ISO 8601 time with its zone; without one, the commit time is git's when *id* is a commit (seven
    digits or more) or a tag of the repository of the working directory. Only reads. Raises UsageError: *committed* is
    no such time.
    """
    committed_at = stated(committed) if committed else commit_time(id) if id else None
    found = Release()
    if arn := _newest(aws, cluster, service):
        found = releases(aws, [arn]).get(arn, found)
    task_definition = found.task_definition or _primary(aws, cluster, service)
    return replace(found, id=id, committed_at=committed_at, task_definition=task_definition)


def releases(aws: Aws, revisions: Sequence[str]) -> dict[str, Release]:
    """Return what these service revisions (ARNs) bring: digest, task definition, time of the push. Only reads.

    What cannot be read is not there.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, Release] = {}
    pushed: dict[str, str | None] = {}
    for first in range(0, len(revisions), MOST):
        with suppress(BotoCoreError, ClientError):
            asked = list(revisions[first : first + MOST])
            for revision in aws.ecs.describe_service_revisions(serviceRevisionArns=asked)["serviceRevisions"]:
                image = _image(revision)
                digest = image.get("imageDigest")
                if digest and digest not in pushed:
                    pushed[digest] = _pushed(aws, image)
                found[revision["serviceRevisionArn"]] = Release(
                    digest=digest,
                    task_definition=revision.get("taskDefinition"),
                    pushed_at=pushed[digest] if digest else None,
                )
    return found


def service_deployments(
    aws: Aws, cluster: str, service: str, after: float | None = None
) -> Iterator[ServiceDeploymentBriefTypeDef]:
    """Yield the service's deployments, those created after *after* (epoch seconds); ECS keeps them for 90 days.

    In no order that AWS documents. Raises botocore's errors.
    """
    asked: ListServiceDeploymentsRequestTypeDef = {"cluster": cluster, "service": service, "maxResults": 100}
    if after is not None:
        asked["createdAt"] = {"after": datetime.fromtimestamp(after, UTC)}
    while True:
        page = aws.ecs.list_service_deployments(**asked)
        yield from page["serviceDeployments"]
        if not (token := page.get("nextToken")):
            return
        asked["nextToken"] = token


def commit_time(id: str) -> str | None:
    """Return when the commit or tag *id* of the working directory's repository was committed; None: it is neither."""
    names = [id] if COMMIT.fullmatch(id) else []
    names += [f"refs/tags/{id}"] if TAG.fullmatch(id) else []
    for name in names:
        command = ["git", "show", "-s", "--format=%cI", f"{name}^{{commit}}"]
        with suppress(OSError, subprocess.TimeoutExpired, ValueError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
            if done.returncode == 0:
                return iso(datetime.fromisoformat(done.stdout.strip()).timestamp())
    return None


def stated(text: str) -> str:
    """Return the time of `--committed` as records have it. Raises UsageError: it is none, or has no zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(f"--committed {text!r} is no time with its zone; write it as 2026-12-01T10:00:00Z")
    return iso(at.timestamp())


def _newest(aws: Aws, cluster: str, service: str) -> str | None:
    """Return the ARN of the service revision that the newest deployment brings; None where it cannot be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        newest = max(service_deployments(aws, cluster, service), key=lambda each: each["createdAt"], default=None)
        return newest["targetServiceRevisionArn"] if newest else None
    return None


def _image(revision: ServiceRevisionTypeDef) -> ContainerImageTypeDef:
    """Return the image of the container that serves: the load balancer's, else the only one; {} when it is unclear."""
    images: Sequence[ContainerImageTypeDef] = revision.get("containerImages", [])
    behind = {balancer.get("containerName") for balancer in revision.get("loadBalancers", [])}
    serving = [image for image in images if image.get("containerName") in behind]
    return (serving or (list(images) if len(images) == 1 else [{}]))[0]


def _primary(aws: Aws, cluster: str, service: str) -> str | None:
    """Return the task definition that the service wants now, without the history of its deployments."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        for found in aws.ecs.describe_services(cluster=cluster, services=[service])["services"]:
            return found.get("taskDefinition")
    return None


def _pushed(aws: Aws, image: ContainerImageTypeDef) -> str | None:
    """Return when the image was pushed, when it lies in ECR and may be looked at."""
    from botocore.exceptions import BotoCoreError, ClientError

    place, digest = ECR_IMAGE.match(image.get("image", "")), image.get("imageDigest")
    if place is None or digest is None:
        return None
    with suppress(BotoCoreError, ClientError):
        ecr: ECRClient = aws.client("ecr")
        found = ecr.describe_images(
            registryId=place["account"], repositoryName=place["name"], imageIds=[{"imageDigest": digest}]
        )["imageDetails"]
        return iso(found[0]["imagePushedAt"].timestamp()) if found else None
    return None
