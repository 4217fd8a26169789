"""Where tasks live: addresses nobody has, sources that mean a database."""

from __future__ import annotations

import socket

import pytest

from lab.aws import ecs_runner
from lab.aws.ecs_runner import is_free, places
from lab.aws.fis_network import covers_database


def test_places_are_different_and_skip_what_is_taken() -> None:
    """A hundred places share no address; one that somebody listens on is left out, also by a second lab."""
    fresh = places(29001)
    found = [fresh() for _ in range(100)]
    assert len({place.interface for place in found}) == 100
    with socket.create_server(found[0].interface):
        again = places(29001)()
    assert again.interface == found[1].interface


def test_without_own_addresses_ports_tell_tasks_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only 127.0.0.1 is there, every part of a place has a port of its own, free at that time."""
    monkeypatch.setattr(ecs_runner, "has_own_addresses", lambda: False)
    place = places(29001)()
    addresses = {place.interface, place.process, place.egress}
    assert len(addresses) == 3
    assert {host for host, _ in addresses} == {"127.0.0.1"}
    assert all(map(is_free, addresses))


@pytest.mark.parametrize(
    ("sources", "covers"),
    [
        ("ALL", True),
        ("127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("127.79.0.0/16", True),
        ("10.0.20.0/24,127.79.12.0/24", True),
        ("eu-west-1a", True),
        ("eu-west-1b", False),
        ("10.0.20.0/24,10.0.21.0/24", False),
        ("S3,DYNAMODB", False),
        ("example.com", False),
    ],
)
def test_sources_mean_the_database_or_not(sources: str, covers: bool) -> None:
    """An address, network or zone of FIS's `sources` is the database's, or it is not (it is in eu-west-1a here)."""
    assert covers_database(sources.split(","), "eu-west-1a") is covers
