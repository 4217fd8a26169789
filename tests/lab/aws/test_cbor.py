"""CBOR against the examples of RFC 8949, and everything that is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lab.aws.cbor import CborError, decode, encode


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("20", -1),
        ("3903e7", -1000),
        ("fb3ff199999999999a", 1.1),
        ("fbc010666666666666", -4.1),
        ("f4", False),
        ("f5", True),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("6449455446", "IETF"),
        ("62c3bc", "ü"),
        ("80", []),
        ("8301820203820405", [1, [2, 3], [4, 5]]),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("c1fb41d452d9ec200000", datetime(2013, 3, 21, 20, 4, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_values_go_both_ways(wire: str, value: object) -> None:
    """What the RFC shows is read, and written the same."""
    assert decode(bytes.fromhex(wire)) == value
    assert encode(value).hex() == wire


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("f93e00", 1.5),
        ("fa47c35000", 100_000.0),
        ("c11a514b67b0", datetime(2013, 3, 21, 20, 4, tzinfo=UTC)),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf6346756ef563416d7421ff", {"Fun": True, "Amt": -2}),
        ("a2616101616 2f6".replace(" ", ""), {"a": 1}),
    ],
)
def test_other_spellings_are_read(wire: str, value: object) -> None:
    """Short floats, indefinite lengths; a member without a value is absent."""
    assert decode(bytes.fromhex(wire)) == value


@pytest.mark.parametrize("wire", ["", "18", "a1", "a101", "8102ff00", "c202", "f8", "1c", "9f01", "81" * 100, "c16161"])
def test_what_is_no_cbor_is_refused(wire: str) -> None:
    """Too short, too long, too deep, or of a kind that is not read."""
    with pytest.raises(CborError):
        decode(bytes.fromhex(wire))


def test_what_cannot_be_written_is_said() -> None:
    """Only plain values go over the wire."""
    for value in (object(), 1 << 64, {"a": {1, 2}}):
        with pytest.raises(CborError):
            encode(value)
