"""The shared parts of the benchmarks that no lab is needed for."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from benchmarks._bench import ROOT, delays_in, free_port, last_off, quantile, shortened
from benchmarks._bench_breach import Breach
from benchmarks.abort_latency import Abort, columns, table


def test_only_the_labs_seconds_are_shortened() -> None:
    """The first place of a name is the lab's; a name that is not there is an error, so that none is forgotten."""
    text = shortened((ROOT / "gameday.toml").read_text(), {"baseline_s": 0.5})
    assert text.count("baseline_s = 0.5") == 1 and "baseline_s = 300" in text
    with pytest.raises(LookupError, match="no coffee_s"):
        shortened(text, {"coffee_s": 1})


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_quantile_is_one_of_the_values(share: float, expected: float) -> None:
    """The nearest rank: no value is made up between two."""
    assert quantile([float(value) for value in range(100, 0, -1)], share) == expected


def test_delays_are_counted_from_what_really_happened() -> None:
    """On minus off; the last one that went counts, and only since the given instant."""
    facts = [{"t": 1.0, "what": "latency.on"}, {"t": 2.0, "what": "latency.on"}, {"t": 3.0, "what": "latency.off"}]
    assert delays_in(facts) == 1
    assert last_off(facts, 2.5) == 3.0 and last_off(facts, 3.5) is None


def test_two_labs_never_get_the_same_ports() -> None:
    """Though neither has opened any yet."""
    assert abs(free_port() - free_port()) >= 7


def test_a_breach_begins_at_the_instant_it_names() -> None:
    """Good before, bad from then on, good again after it."""
    breach = Breach()
    try:
        with urllib.request.urlopen(breach.url, timeout=5) as answer:
            assert answer.status == 200
        assert breach.begin() == breach.at
        with pytest.raises(urllib.error.HTTPError) as failed:
            urllib.request.urlopen(breach.url, timeout=5)
        assert failed.value.code == 503
        failed.value.close()
        breach.end()
        with urllib.request.urlopen(breach.url, timeout=5) as answer:
            assert answer.status == 200
    finally:
        breach.close()


def test_an_abort_without_an_exact_breach_tells_only_its_own_time() -> None:
    """What is not known makes no column, and the ratio is that of the medians of the ground truth."""
    exact = Abort(breach=10.0, tripped=10.2, undone=10.6, off=10.5)
    signals = Abort(breach=None, tripped=10.2, undone=10.6, off=10.5)
    assert list(columns([signals])) == ["guard's word to undone and verified"]
    assert columns([exact])["breach to the last delay gone"] == [0.5]
    told = table([exact], [signals], {"fail-fast": [5.0], "safeguards": []})
    assert "10.0x" in told and told.splitlines()[-1].endswith("-")
