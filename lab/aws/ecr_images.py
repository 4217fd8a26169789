"""The image registry: one repository whose images are the builds of the backend, known by digest and by tags.

A manifest is a small JSON document that names its build; its digest is the sha256 of exactly those bytes, so whoever
pushes the same build with another note gets another image. A tag is a name that can be moved to another digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.settings import ACCOUNT, REGION, SERVICE

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
REPOSITORY = f"{HOST}/{SERVICE}"
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
BUILD = "org.foodconnect.build"  # the annotation of a manifest that names its build
LATEST = "latest"
LAYER_BYTES = 48_000_000  # what an image is said to weigh: the lab has no layers
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class CannotPull(Exception):
    """The image is not there, or is none that the lab can run."""


def image_of(build: str) -> str:
    """Return the image name of a build of the backend, by its tag."""
    return f"{REPOSITORY}:{build}"


def manifest_of(build: str, **notes: str) -> str:
    """Return the manifest of a build; `notes` make another image of the same build."""
    annotations = {BUILD: build, **notes}
    return json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "annotations": annotations}, sort_keys=True)


def digest_of(manifest: str) -> str:
    """Return the digest of a manifest: `sha256:...` of its bytes."""
    return f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"


def is_digest(text: str) -> bool:
    """Is this written as a digest?"""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image as a container definition names it: `repository[:tag][@digest]`."""

    repository: str  # with its host, if it has one
    tag: str
    digest: str | None

    @classmethod
    def of(cls, image: str) -> ImageName:
        """Take a name apart; without tag and digest it is `latest`, as for Docker."""
        named, _, digest = image.partition("@")
        head, slash, last = named.rpartition("/")
        name, _, tag = last.partition(":")
        return cls(f"{head}{slash}{name}", tag or LATEST, digest or None)


@dataclass(slots=True)
class Image:
    """One image; times are epoch seconds."""

    manifest: str
    pushed_at: float
    media_type: str = MEDIA_TYPE
    pulled_at: float | None = None

    @property
    def digest(self) -> str:
        """Its digest."""
        return digest_of(self.manifest)

    @property
    def build(self) -> str | None:
        """The build that its manifest names."""
        return build_in(self.manifest)


def build_in(manifest: str) -> str | None:
    """Return the build that a manifest names; None if it names none or is no JSON object."""
    try:
        found = json.loads(manifest).get("annotations", {}).get(BUILD)
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


@dataclass(slots=True)
class Repository:
    """One repository: images by digest, and digests by tag."""

    name: str
    created_at: float
    mutability: str = "MUTABLE"
    images: dict[str, Image] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def tags_of(self, digest: str) -> list[str]:
        """Return the tags of an image, sorted."""
        return sorted(tag for tag, tagged in self.tags.items() if tagged == digest)

    def find(self, *, tag: str | None = None, digest: str | None = None) -> Image | None:
        """Return the image of a digest, of a tag, or of both when they agree; None otherwise."""
        tagged = self.tags.get(tag) if tag else None
        if tag and (tagged is None or digest not in (None, tagged)):
            return None
        return self.images.get(digest or tagged or "")


@dataclass(slots=True)
class Registry:
    """Every repository by name. Written under the world's lock; one look-up is safe from any thread."""

    repositories: dict[str, Repository] = field(default_factory=dict)

    @classmethod
    def of_builds(cls, builds: Iterable[str]) -> Registry:
        """Return a registry with one image a build, tagged with its name; `latest` is the build `default`."""
        now = time.time()
        repository = Repository(SERVICE, now)
        for build in builds:
            image = Image(manifest_of(build), now)
            repository.images[image.digest] = image
            repository.tags[build] = image.digest
        if "default" in repository.tags:
            repository.tags[LATEST] = repository.tags["default"]
        return cls({SERVICE: repository})

    def resolve(self, image: str) -> str | None:
        """Return the digest that an image name means now; None if it is in no repository of the lab's."""
        found = self._find(image)
        return found.digest if found else None

    def pull(self, image: str, digest: str | None) -> tuple[str, str]:
        """Return (digest, build) of an image, by `digest` where a deployment has settled on one; CannotPull if none."""
        name = ImageName.of(image)
        found = self._find(f"{name.repository}@{digest}" if digest else image)
        build = found.build if found else None
        if found is None or build is None:
            raise CannotPull(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {image}: {image}: not found"
            )
        found.pulled_at = time.time()
        return found.digest, build

    def _find(self, image: str) -> Image | None:
        name = ImageName.of(image)
        host, _, short = name.repository.rpartition("/")
        repository = self.repositories.get(short)
        if repository is None or host not in ("", HOST):
            return None
        return repository.find(digest=name.digest) if name.digest else repository.find(tag=name.tag)
