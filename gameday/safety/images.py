"""Which image a service runs and which it would run: by digest, because a tag means another image tomorrow.

A service deployment resolves its tags once, so what runs stands in the tasks and in the service revisions, and not in
the task definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from gameday.aws import Aws
from gameday.errors import Refusal

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REGISTRY = re.compile(r"(\d{12})\.dkr\.ecr\.[\w-]+\.amazonaws\.com(?:\.cn)?")
UNDER_WAY = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
MOST = 100  # DescribeTasks takes no more at once
MANIFESTS = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]  # what a registry may hand out as it was pushed: another one would be another digest
MOST_ARNS = 20  # DescribeServiceDeployments and DescribeServiceRevisions take no more


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image as a container definition names it: `host/repository[:tag][@digest]`."""

    host: str
    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, text: str) -> ImageName:
        """Take a name apart; without tag and digest it is `latest`."""
        named, _, digest = text.partition("@")
        host, slash, path = named.partition("/")
        if not slash or not ("." in host or ":" in host):
            host, path = "", named
        repository, _, tag = path.partition(":")
        return cls(host, repository, tag or ("" if digest else "latest"), digest)

    @property
    def text(self) -> str:
        """The name again."""
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}" if self.host else f"{self.repository}{tag}{digest}"

    def at(self, digest: str) -> ImageName:
        """The same repository's image of that digest."""
        return ImageName(self.host, self.repository, "", digest)

    def other(self, image: str) -> ImageName:
        """The image that *image* means beside this one: a digest, a tag, or a whole name."""
        if DIGEST.fullmatch(image):
            return self.at(image)
        if "/" in image or "@" in image:
            return ImageName.of(image)
        return ImageName(self.host, self.repository, image, "")


def resolve(aws: Aws, name: ImageName) -> str:
    """Return the digest that an image has in ECR now. Raises Refusal: it is in no repository that can be asked."""
    registry = REGISTRY.fullmatch(name.host)
    if registry is None:
        raise Refusal(f"the image {name.text} is not in Amazon ECR, so its digest cannot be known")
    wanted: Any = {"imageDigest": name.digest} if name.digest else {"imageTag": name.tag}
    ecr = aws.ecr
    try:
        found = ecr.describe_images(registryId=registry[1], repositoryName=name.repository, imageIds=[wanted])
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        raise Refusal(f"the image {name.text} is not in its repository; push it, or name another") from None
    return found["imageDetails"][0]["imageDigest"]


def refuse_if_gone(aws: Aws, name: ImageName) -> None:
    """Raise Refusal when the image that runs is in ECR no more: a task outlives its image, an undo needs it."""
    try:
        resolve(aws, name)
    except Refusal as gone:
        raise Refusal(f"the image that runs now could not be put back: {gone}") from None


def manifest_request(name: ImageName, digest: str) -> dict[str, Any]:
    """Return the parameters of BatchGetImage for the manifest of a digest."""
    wanted = [{"imageDigest": digest}]
    return {"repositoryName": name.repository, "imageIds": wanted, "acceptedMediaTypes": MANIFESTS}


def push_request(name: ImageName, tag: str, manifest: str) -> dict[str, Any]:
    """Return the parameters of PutImage that let *tag* name the image of a manifest."""
    return {"repositoryName": name.repository, "imageTag": tag, "imageManifest": manifest}


def move_tag(aws: Aws, name: ImageName, tag: str, digest: str) -> None:
    """Let *tag* name the image of *digest*, as a push does. Nothing happens when it names it already."""
    [image] = aws.ecr.batch_get_image(**manifest_request(name, digest))["images"]
    with suppress(aws.ecr.exceptions.ImageAlreadyExistsException):
        kind: Any = image.get("imageManifestMediaType")
        aws.ecr.put_image(**push_request(name, tag, image["imageManifest"]), imageManifestMediaType=kind)


def short(digest: str) -> str:
    """Return enough of a digest for a sentence: `sha256:0123456789ab`."""
    return digest[:19]


def tasks_of(aws: Aws, cluster: str, service: str, *, stopped: bool = False) -> list[dict[str, Any]]:
    """Return the tasks of a service that should run, or with *stopped* those that have ended lately."""
    pages = aws.ecs.get_paginator("list_tasks").paginate(
        cluster=cluster, serviceName=service, desiredStatus="STOPPED" if stopped else "RUNNING"
    )
    arns = [arn for page in pages for arn in page["taskArns"]]
    tasks: list[Any] = []
    for first in range(0, len(arns), MOST):
        tasks += aws.ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + MOST])["tasks"]
    return tasks


def digest_in(task: Mapping[str, Any], container: str) -> str:
    """Return the digest that a task's container was started from, "" while it is not known."""
    return next((str(one.get("imageDigest") or "") for one in task["containers"] if one["name"] == container), "")


def address_of(task: Mapping[str, Any]) -> str:
    """Return the private address of a task, "" while it has none."""
    details = [one for face in task.get("attachments", []) for one in face.get("details", [])]
    return next((str(one["value"]) for one in details if one["name"] == "privateIPv4Address"), "")


@dataclass(frozen=True, slots=True)
class Deployment:
    """One service deployment: what ECS says of it, and the digest of its target revision's container."""

    arn: str
    status: str
    digest: str
    task_definition: str
    told: Mapping[str, Any]

    @property
    def under_way(self) -> bool:
        """Whether it still moves."""
        return self.status in UNDER_WAY


def deployments_of(aws: Aws, cluster: str, service: str, container: str, **filters: Any) -> list[Deployment]:
    """Return service deployments, newest first: of ListServiceDeployments' *filters*, at most the last twenty."""
    listed = aws.ecs.list_service_deployments(cluster=cluster, service=service, maxResults=MOST_ARNS, **filters)
    arns = [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]
    if not arns:
        return []
    told = aws.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    revisions = _revisions(aws, [one["targetServiceRevision"]["arn"] for one in told])
    found = [_deployment(cast("dict[str, Any]", one), revisions, container) for one in told]
    return sorted(found, key=lambda one: one.told["createdAt"], reverse=True)


def _revisions(aws: Aws, arns: Sequence[str]) -> dict[str, dict[str, Any]]:
    answer = aws.ecs.describe_service_revisions(serviceRevisionArns=sorted(set(arns)))
    return {one["serviceRevisionArn"]: cast("dict[str, Any]", one) for one in answer["serviceRevisions"]}


def _deployment(told: dict[str, Any], revisions: Mapping[str, dict[str, Any]], container: str) -> Deployment:
    revision = revisions.get(told["targetServiceRevision"]["arn"], {})
    images = [one for one in revision.get("containerImages", []) if one["containerName"] == container]
    digest = str(images[0].get("imageDigest") or "") if images else ""
    definition = str(revision.get("taskDefinition") or "")
    return Deployment(told["serviceDeploymentArn"], told["status"], digest, definition, told)
