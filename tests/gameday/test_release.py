"""A release: what stands in files, and where its commit time comes from."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.release import ECR_IMAGE, Release, _image, commit_time, find

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerImageTypeDef

NOWHERE = Aws(Environment(kind="lab", region="eu-west-1", endpoint="http://127.0.0.1:9"))
COMMITTED = "2026-11-20T09:30:00+01:00"


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only commit of a repository that is the working directory; it has the tag v1.4.2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_COMMITTER_DATE", COMMITTED)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "x"], ["tag", "v1.4.2"]):
        subprocess.run(["git", *words], check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_commit_and_tag_have_git_s_time(commit: str) -> None:
    """A commit, seven digits of it, and a tag give the time of the commit in UTC."""
    for name in (commit, commit[:7], "v1.4.2"):
        assert commit_time(name) == "2026-11-20T08:30:00.000000Z", name


@pytest.mark.parametrize("name", ["1234", "HEAD", "master", "v9", "--output=x", "v1.4.2 --", "../x", ""])
def test_other_names_have_no_commit_time(commit: str, name: str) -> None:
    """A build's number, a branch, an unknown tag or an option of git is no commit, and writes nothing."""
    assert commit_time(name) is None
    assert [path.name for path in Path.cwd().iterdir()] == [".git"]


def test_without_a_repository_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a repository a commit has no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_time("0123abc") is None


def test_what_cannot_be_read_is_null() -> None:
    """With an API that does not answer the release has its name and its stated time, and nothing made up."""
    found = find(NOWHERE, "c", "s", id="build-7", committed=COMMITTED)
    assert found == Release(id="build-7", committed_at="2026-11-20T08:30:00.000000Z")


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20T09:30:00", "2026-11-20"])
def test_commit_time_needs_its_zone(text: str) -> None:
    """A time without its zone is refused with an example, before AWS is asked."""
    with pytest.raises(UsageError, match=r"--committed .*2026-12-01T10:00:00Z"):
        find(NOWHERE, "c", "s", committed=text)


def test_file_is_read_back() -> None:
    """What is written is read; a file that says nothing, or nonsense, gives nulls."""
    release = Release("1a2b3c4", "sha256:0", "arn:aws:ecs:x", "2026-11-20T08:30:00.000000Z", None)
    assert Release.from_json(release.as_json()) == release
    assert Release.from_json({"id": 7, "digest": ["x"], "more": True}) == Release()
    assert replace(release, id=None).as_json()["id"] is None


def test_image_is_the_one_behind_the_load_balancer() -> None:
    """Of several containers the load balancer's serves; without one it is unclear, and none is taken."""
    app: ContainerImageTypeDef = {"containerName": "app", "imageDigest": "a"}
    agent: ContainerImageTypeDef = {"containerName": "agent", "imageDigest": "b"}
    assert _image({"containerImages": [agent, app], "loadBalancers": [{"containerName": "app"}]}) == app
    assert _image({"containerImages": [agent, app]}) == {}
    assert _image({"containerImages": [agent]}) == agent
    assert _image({}) == {}


def test_ecr_names_are_taken_apart() -> None:
    """Account and repository of an image in ECR, in any partition; an image elsewhere has none."""
    for image in (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app@sha256:0",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app:v1",
    ):
        place = ECR_IMAGE.match(image)
        assert place is not None
        assert (place["account"], place["name"]) == ("123456789012", "team/app")
    assert ECR_IMAGE.match("public.ecr.aws/x/y:1") is None
