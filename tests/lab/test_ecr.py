"""The image registry: images are builds, by digest; tags move, unless they may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.ecr_images import REPOSITORY, CannotPull, ImageName, Registry, digest_of, image_of, manifest_of
from lab.builds import BUILDS
from lab.settings import SERVICE
from tests.lab.twin import Twin

DEFAULT, NO_RETRY = digest_of(manifest_of("default")), digest_of(manifest_of("no-retry"))


@pytest.fixture
def ecr(running_lab: Twin) -> Iterator[Any]:
    """A client; afterwards every tag is as at the start, and tags are mutable."""
    client = running_lab.client("ecr")
    yield client
    client.put_image_tag_mutability(repositoryName=SERVICE, imageTagMutability="MUTABLE")
    tags = {each["imageTag"] for each in client.list_images(repositoryName=SERVICE)["imageIds"] if "imageTag" in each}
    extra = [{"imageTag": tag} for tag in tags - {*BUILDS, "latest"}]
    if extra:
        client.batch_delete_image(repositoryName=SERVICE, imageIds=extra)


def test_images_name_builds() -> None:
    """Every build can be pulled by tag and by digest, with and without the registry's host; anything else cannot."""
    registry = Registry.of_builds(BUILDS)
    assert [registry.pull(image_of(name), None)[1] for name in BUILDS] == list(BUILDS)
    assert registry.pull(f"{REPOSITORY}@{NO_RETRY}", None) == (NO_RETRY, "no-retry")
    assert registry.pull(image_of("default"), NO_RETRY) == (NO_RETRY, "no-retry")
    assert registry.pull(SERVICE, None) == (DEFAULT, "default")
    for image in (
        "nginx:latest",
        image_of("no-such-build"),
        "foodconnect-frontend:default",
        f"{SERVICE}@{DEFAULT[:-1]}0",
    ):
        with pytest.raises(CannotPull, match="CannotPullContainerError"):
            registry.pull(image, None)


def test_image_names_are_taken_apart() -> None:
    """A port in the host is no tag; a digest is taken with or without a tag before it."""
    assert ImageName.of("host:5000/a/b") == ImageName("host:5000/a/b", "latest", None)
    assert ImageName.of("b:1@sha256:00") == ImageName("b", "1", "sha256:00")


def test_repository_holds_one_image_a_build(ecr: Any) -> None:
    """Images, tags and digests of the first moment: each build once, `latest` beside `default`."""
    [repository] = ecr.describe_repositories()["repositories"]
    assert (repository["repositoryUri"], repository["imageTagMutability"]) == (REPOSITORY, "MUTABLE")
    details = {each["imageDigest"]: each for each in ecr.describe_images(repositoryName=SERVICE)["imageDetails"]}
    assert details[DEFAULT]["imageTags"] == ["default", "latest"]
    assert {tag for each in details.values() for tag in each["imageTags"]} == {*BUILDS, "latest"}
    pages = ecr.get_paginator("list_images").paginate(repositoryName=SERVICE, PaginationConfig={"PageSize": 2})
    listed = [each for page in pages for each in page["imageIds"]]
    assert len(listed) == len(BUILDS) + 1
    assert {"imageDigest": NO_RETRY, "imageTag": "no-retry"} in listed


def test_manifest_can_be_fetched_and_its_tag_moved(ecr: Any) -> None:
    """PutImage with a fetched manifest moves a tag to that image; the digest is the sha256 of the manifest."""
    got = ecr.batch_get_image(
        repositoryName=SERVICE, imageIds=[{"imageTag": "no-retry"}, {"imageTag": "no-such"}, {"imageDigest": "x"}]
    )
    [image] = got["images"]
    assert digest_of(image["imageManifest"]) == image["imageId"]["imageDigest"] == NO_RETRY
    assert [each["failureCode"] for each in got["failures"]] == ["ImageNotFound", "InvalidImageDigest"]
    for manifest, digest in ((image["imageManifest"], NO_RETRY), (manifest_of("default"), DEFAULT)):
        ecr.put_image(repositoryName=SERVICE, imageManifest=manifest, imageTag="latest-2")
        [found] = ecr.describe_images(repositoryName=SERVICE, imageIds=[{"imageTag": "latest-2"}])["imageDetails"]
        assert found["imageDigest"] == digest


def test_same_build_with_another_note_is_another_image(ecr: Any) -> None:
    """A pushed manifest gets a digest of its own; with its only tag the image is gone again."""
    manifest = manifest_of("default", release="42")
    pushed = ecr.put_image(repositoryName=SERVICE, imageManifest=manifest, imageTag="r42")["image"]["imageId"]
    assert pushed["imageDigest"] not in (DEFAULT, NO_RETRY)
    gone = ecr.batch_delete_image(repositoryName=SERVICE, imageIds=[{"imageTag": "r42"}])["imageIds"]
    assert gone == [pushed]
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName=SERVICE, imageIds=[pushed])


def test_immutable_tags_and_impossible_images_are_refused(ecr: Any) -> None:
    """AWS's errors: an immutable tag, an image that is there, a build nobody has, no JSON, a wrong digest."""
    ecr.put_image_tag_mutability(repositoryName=SERVICE, imageTagMutability="IMMUTABLE")
    cases = {
        "ImageTagAlreadyExistsException": {"imageManifest": manifest_of("no-retry"), "imageTag": "latest"},
        "ImageAlreadyExistsException": {"imageManifest": manifest_of("default"), "imageTag": "latest"},
        "LayersNotFoundException": {"imageManifest": manifest_of("no-such-build"), "imageTag": "new"},
        "InvalidParameterException": {"imageManifest": "not JSON", "imageTag": "new"},
        "ImageDigestDoesNotMatchException": {"imageManifest": manifest_of("default", a="b"), "imageDigest": NO_RETRY},
    }
    for code, request in cases.items():
        with pytest.raises(ClientError) as refused:
            ecr.put_image(repositoryName=SERVICE, **request)
        assert refused.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        ecr.list_images(repositoryName="foodconnect-frontend")
