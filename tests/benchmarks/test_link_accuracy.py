"""The benchmark of the links' delays measures a real link, and says when what is promised was not kept."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.link_accuracy import Load, line, misses, quantiles, scene
from lab.faults import Fault


def test_quantiles_are_those_of_the_sorted_values() -> None:
    """p1, p50 and p99 of a hundred numbers in any order."""
    assert quantiles([*range(100, 0, -1)]) == (2, 51, 100)
    assert quantiles([7.0]) == (7.0, 7.0, 7.0)


def test_a_real_link_is_measured_and_judged() -> None:
    """Every echo is counted by client and link alike; the judgement follows the link's p50 and p99."""
    asked = Fault(latency_ms=200)
    with scene() as (links, _, linked):
        links.set("wire", replace(asked, latency_ms=20))
        seen = Load(echoes=24, connections=12, rate=300).put_on(linked)
        state = links.describe()["wire"]
    assert len(seen) == state.delayed_chunks == 24
    assert min(seen) >= state.delay_min_ms >= 20
    assert "24 chunks" in line("20", quantiles(seen), state)
    assert len(misses("200", asked, state)) == 2
    good = replace(state, delay_p50_ms=201.9, delay_p99_ms=209.9)
    assert misses("200", asked, good) == []
    assert misses("200", asked, replace(good, delay_p50_ms=202.1)) == ["200: p50 202.10 ms"]
    assert misses("200", asked, replace(good, delay_p99_ms=211.0)) != []
    assert misses("5", Fault(latency_ms=5), state) == []
