"""Images are told apart by digest, and a name says which part is what."""

from __future__ import annotations

import pytest

from gameday.safety.images import ImageName


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1.dkr.ecr.r.amazonaws.com/a/b:c", ("1.dkr.ecr.r.amazonaws.com", "a/b", "c", "")),
        ("localhost:5000/a", ("localhost:5000", "a", "latest", "")),
        ("a/b@sha256:00", ("", "a/b", "", "sha256:00")),
        ("h.io/a:t@sha256:00", ("h.io", "a", "t", "sha256:00")),
    ],
)
def test_names_of_images_are_taken_apart(text: str, parts: tuple[str, str, str, str]) -> None:
    """Host, repository, tag, digest; `latest` where neither stands."""
    name = ImageName.of(text)
    assert (name.host, name.repository, name.tag, name.digest) == parts


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sha256:" + "0" * 64, "h.io/a@sha256:" + "0" * 64),
        ("v2", "h.io/a:v2"),
        ("h.io/other:v2", "h.io/other:v2"),
    ],
)
def test_a_release_may_be_named_by_tag_digest_or_in_full(given: str, meant: str) -> None:
    """A tag or a digest is one of the same repository."""
    name = ImageName.of("h.io/a:v1").other(given)
    assert name.text == meant and ImageName.of(name.text) == name
