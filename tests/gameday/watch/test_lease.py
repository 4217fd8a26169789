"""One watcher a service on a machine, and whether an experiment goes on: by locked files, without any AWS."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gameday.errors import Refusal
from gameday.model import Json, iso
from gameday.safety.lock import Holder, LocalLock
from gameday.watch.lease import Lease, experiment_now
from gameday.watch.session import Asked, is_about, named
from tests.gameday.watch.stage import GOOD, NEW, NOW, environment


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of this test alone."""
    monkeypatch.setenv("GAMEDAY_STATE", str(tmp_path / "state"))


def test_the_second_watcher_of_a_service_is_refused_by_name(tmp_path: Path) -> None:
    """The first is named with its process; another service is free; so is this one afterwards."""
    first = Lease(None, environment(), "c", "s")
    first.take("the first", tmp_path)
    with pytest.raises(Refusal, match=f"1 watcher has s already.*the first.*process {os.getpid()}"):
        Lease(None, environment(), "c", "s").take("the second", tmp_path)
    other = Lease(None, environment(), "c", "other")
    other.take("of another", tmp_path)
    assert (first.give_back(), other.give_back()) == ("", "")
    again = Lease(None, environment(), "c", "s")
    again.take("the third", tmp_path)
    assert again.give_back() == ""


def test_an_experiment_is_seen_by_its_lock(tmp_path: Path) -> None:
    """From when its run holds the environment until it lets go; one that has not said its name counts from now."""
    where = environment()
    assert experiment_now(None, where) is None
    lock = LocalLock(where)
    lock.take()
    begun = experiment_now(None, where)
    assert begun
    assert begun.run == "that has just begun"
    holder = replace(Holder.here("run-1", tmp_path), since=1.0)
    lock.write(holder)
    assert experiment_now(None, where) == holder
    lock.write_over()
    lock.release()
    assert experiment_now(None, where) is None


def test_a_watcher_is_no_experiment(tmp_path: Path) -> None:
    """Its lock is another file than the environment's."""
    lease = Lease(None, environment(), "c", "s")
    lease.take("watch", tmp_path)
    assert experiment_now(None, environment()) is None
    lease.give_back()


def test_names_come_from_the_command_or_the_environment() -> None:
    """The command's first."""
    where = replace(environment(), names={"cluster": "c", "service": "s"})
    assert named(where, Asked()) == ("c", "s")
    assert named(where, Asked(service="other")) == ("c", "other")


@pytest.mark.parametrize(
    ("arn", "digest", "after_s", "about"),
    [
        ("deployment/2", "b", 0, True),  # what it watched
        ("deployment/3", "c", 0, True),  # its way back, as written down
        ("deployment/4", "a", 1, True),  # its way back, whose answer it did not live to read
        ("deployment/4", "a", 9000, False),  # the good image again, much later: somebody else's
        ("deployment/4", "c", 1, False),  # another release
    ],
)
def test_a_watch_that_was_cut_short_is_gone_on_with_only_where_it_was(
    arn: str, digest: str, after_s: float, about: bool
) -> None:
    """A rollback that was left must not be taken for that of a later release."""
    told: dict[str, Json] = {
        "deployment": {"arn": "deployment/2"},
        "rollback": {"deployment": "deployment/3", "to": {"digest": GOOD["app"]}},
        "times": {"rollback_started_at": iso(NOW)},
    }
    newest = replace(NEW, arn=arn, digests={"app": "sha256:" + digest * 64}, created_at=NOW + after_s)
    assert is_about(told, newest) is about
