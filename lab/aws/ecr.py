"""Amazon ECR: the repository of the backend's images, over its API. `ecr_images` holds the records."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lab.aws.ecr_images import HOST, LAYER_BYTES, Image, Repository, build_in, digest_of, is_digest
from lab.aws.names import arn, instant
from lab.aws.registry import AwsError, Call, Params, handles
from lab.aws.unplayed import refuse_unplayed
from lab.builds import BUILDS
from lab.settings import ACCOUNT

if TYPE_CHECKING:
    from lab.aws.world import World

PAGE = 100
LARGEST = 1000


def _repository(world: World, params: Params) -> Repository:
    name, registry = params["repositoryName"], params.get("registryId") or ACCOUNT
    found = world.ecr.repositories.get(name) if registry == ACCOUNT else None
    if found is None:
        raise _unknown(name, registry)
    return found


def _unknown(name: str, registry: str = ACCOUNT) -> AwsError:
    message = f"The repository with name '{name}' does not exist in the registry with id '{registry}'"
    return AwsError("RepositoryNotFoundException", message)


def _page(items: list[Any], params: Params) -> tuple[list[Any], dict[str, object]]:
    size = int(params.get("maxResults") or PAGE)
    token = params.get("nextToken") or "0"
    if not 1 <= size <= LARGEST or not token.isdigit():
        raise AwsError("InvalidParameterException", "Invalid parameter: maxResults or nextToken.")
    first = int(token)
    more: dict[str, object] = {"nextToken": str(first + size)} if first + size < len(items) else {}
    return items[first : first + size], more


@handles("ecr", "DescribeRepositories")
def describe_repositories(world: World, params: Params, call: Call) -> dict[str, object]:
    """The repositories, or those that are named.

    Missing: scanning, encryption with KMS and lifecycle policies; what is told of them is fixed.
    """
    names = params.get("repositoryNames") or sorted(world.ecr.repositories)
    registry = params.get("registryId") or ACCOUNT
    unknown = [name for name in names if name not in world.ecr.repositories or registry != ACCOUNT]
    if unknown:
        raise _unknown(unknown[0], registry)
    shown, more = _page(names, params)
    return {"repositories": [_repository_view(world.ecr.repositories[name]) for name in shown], **more}


def _repository_view(repository: Repository) -> dict[str, object]:
    return {
        "repositoryArn": arn("ecr", f"repository/{repository.name}"),
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "repositoryUri": f"{HOST}/{repository.name}",
        "createdAt": instant(repository.created_at),
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


@handles("ecr", "DescribeImages")
def describe_images(world: World, params: Params, call: Call) -> dict[str, object]:
    """The images, or those that are named by tag or digest; newest push last.

    Simulated: imageSizeInBytes; the lab has no layers.
    Missing: scan findings and archiving.
    """
    repository = _repository(world, params)
    images = [_named(repository, each) for each in params.get("imageIds") or []]
    wanted = images or [image for image in repository.images.values() if _fits(repository, image, params)]
    shown, more = _page(wanted, params)
    return {"imageDetails": [_details(repository, image) for image in shown], **more}


def _named(repository: Repository, wanted: Params) -> Image:
    found = repository.find(tag=wanted.get("imageTag"), digest=wanted.get("imageDigest"))
    if found is None:
        shown = f"{{imageDigest:'{wanted.get('imageDigest', 'null')}', imageTag:'{wanted.get('imageTag', 'null')}'}}"
        message = f"The image with imageId {shown} does not exist within the repository with name '{repository.name}'"
        raise AwsError("ImageNotFoundException", f"{message} in the registry with id '{ACCOUNT}'")
    return found


def _fits(repository: Repository, image: Image, params: Params) -> bool:
    """Does an image pass the filter on its tags? None of the lab's is archived."""
    chosen = params.get("filter") or {}
    status: str = chosen.get("tagStatus", "ANY")
    if chosen.get("imageStatus", "ANY") not in ("ANY", "ACTIVE"):
        return False
    return status == "ANY" or (status == "TAGGED") == bool(repository.tags_of(image.digest))


def _details(repository: Repository, image: Image) -> dict[str, object]:
    tags = repository.tags_of(image.digest)
    view: dict[str, object] = {
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": LAYER_BYTES + len(image.manifest),
        "imagePushedAt": instant(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    }
    if tags:
        view["imageTags"] = tags
    if image.pulled_at is not None:
        view["lastRecordedPullTime"] = instant(image.pulled_at)
    return view


@handles("ecr", "ListImages")
def list_images(world: World, params: Params, call: Call) -> dict[str, object]:
    """One line a tag, and one for each image without a tag."""
    repository = _repository(world, params)
    ids: list[dict[str, str]] = []
    for image in repository.images.values():
        if _fits(repository, image, params):
            tags = repository.tags_of(image.digest)
            ids += [{"imageDigest": image.digest, "imageTag": tag} for tag in tags]
            ids += [] if tags else [{"imageDigest": image.digest}]
    shown, more = _page(ids, params)
    return {"imageIds": shown, **more}


def _failure(repository: Repository, wanted: Params) -> dict[str, object]:
    """Say why an image was not found."""
    tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
    code, reason = "ImageNotFound", "Requested image not found"
    if not tag and not digest:
        code, reason = "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
    elif digest and not is_digest(digest):
        code, reason = "InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex"
    elif tag and digest and tag in repository.tags:
        code, reason = "ImageTagDoesNotMatchDigest", "Requested image not found: the tag has another digest"
    return {"imageId": dict(wanted), "failureCode": code, "failureReason": reason}


def _image_view(repository: Repository, image: Image, tag: str | None) -> dict[str, object]:
    named = {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})}
    return {
        "registryId": ACCOUNT,
        "repositoryName": repository.name,
        "imageId": named,
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    }


@handles("ecr", "BatchGetImage")
def batch_get_image(world: World, params: Params, call: Call) -> dict[str, object]:
    """The manifests of images; those that are not there are failures.

    Missing: acceptedMediaTypes is not read; a manifest comes as it was pushed.
    """
    repository = _repository(world, params)
    images, failures = [], []
    for wanted in params["imageIds"]:
        found = repository.find(tag=wanted.get("imageTag"), digest=wanted.get("imageDigest"))
        if found is None:
            failures.append(_failure(repository, wanted))
        else:
            images.append(_image_view(repository, found, wanted.get("imageTag")))
    return {"images": images, "failures": failures}


@handles("ecr", "PutImage")
def put_image(world: World, params: Params, call: Call) -> dict[str, object]:
    """Push a manifest, or move a tag to one; its build must be one that the lab has ("layers").

    ImageTagAlreadyExistsException where tags are immutable, ImageAlreadyExistsException when nothing would change.
    Missing: layers are neither uploaded nor checked, and no event ECR Image Action is sent.
    """
    repository, manifest, tag = _repository(world, params), params["imageManifest"], params.get("imageTag")
    digest = _checked_digest(manifest, params.get("imageDigest"))
    tagged = repository.tags.get(tag) if tag else None
    if digest in repository.images and (tag is None or tagged == digest):
        raise AwsError("ImageAlreadyExistsException", f"Image with digest '{digest}' and tag '{tag}' already exists")
    if tagged is not None and repository.mutability == "IMMUTABLE":
        message = f"The image tag '{tag}' already exists in the '{repository.name}' repository"
        raise AwsError(
            "ImageTagAlreadyExistsException", f"{message} and cannot be overwritten because the tag is immutable."
        )
    media_type = params.get("imageManifestMediaType") or json.loads(manifest).get("mediaType")
    fresh = Image(manifest, time.time(), **({"media_type": media_type} if media_type else {}))
    image = repository.images.setdefault(digest, fresh)
    if tag:
        repository.tags[tag] = digest
    world.truth.note("image.put", repository=repository.name, digest=digest, tag=tag, build=image.build)
    return {"image": _image_view(repository, image, tag)}


def _checked_digest(manifest: str, claimed: str | None) -> str:
    """Return the digest of a manifest that can be pushed."""
    try:
        is_object = isinstance(json.loads(manifest), dict)
    except ValueError:
        is_object = False
    if not is_object:
        message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        raise AwsError("InvalidParameterException", message)
    if build_in(manifest) not in BUILDS:
        raise AwsError(
            "LayersNotFoundException", "The manifest names no build that the lab has; its layers are missing."
        )
    digest = digest_of(manifest)
    if claimed not in (None, digest):
        raise AwsError("ImageDigestDoesNotMatchException", "The digest of the manifest is another than imageDigest.")
    return digest


@handles("ecr", "BatchDeleteImage")
def batch_delete_image(world: World, params: Params, call: Call) -> dict[str, object]:
    """By digest: the image with all of its tags. By tag: the tag, and the image when that was its last tag.

    Missing: no event ECR Image Action is sent.
    """
    repository = _repository(world, params)
    gone: list[dict[str, str]] = []
    failures = []
    for wanted in params["imageIds"]:
        tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
        found = repository.find(tag=tag, digest=digest)
        if found is None:
            failures.append(_failure(repository, wanted))
            continue
        removed = [tag] if tag else repository.tags_of(found.digest)
        gone += [{"imageDigest": found.digest, "imageTag": name} for name in removed] or [{"imageDigest": found.digest}]
        for name in removed:
            del repository.tags[name]
        if not repository.tags_of(found.digest):
            del repository.images[found.digest]
    return {"imageIds": gone, "failures": failures}


@handles("ecr", "PutImageTagMutability")
def put_image_tag_mutability(world: World, params: Params, call: Call) -> dict[str, object]:
    """MUTABLE or IMMUTABLE; the kinds with exclusion filters are not played.

    Missing: the kinds with exclusion filters, and such filters, are refused.
    """
    repository, wanted = _repository(world, params), params["imageTagMutability"]
    if wanted not in ("MUTABLE", "IMMUTABLE"):
        raise AwsError("InvalidParameterException", f"The lab plays MUTABLE and IMMUTABLE tags only, not {wanted}.")
    refuse_unplayed("InvalidParameterException", params, ("imageTagMutabilityExclusionFilters",))
    repository.mutability = wanted
    return {"registryId": ACCOUNT, "repositoryName": repository.name, "imageTagMutability": wanted}
