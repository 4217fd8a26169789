"""The comment for a pull request: short, and nothing recorded changes its shape."""

from __future__ import annotations

from collections.abc import Callable

from gameday.record import Record
from reports import md


def test_one_run_fits_in_a_comment(recorded: Callable[..., Record]) -> None:
    """At most a hundred lines, even when every list is long."""
    many = [f"reason number {number}" for number in range(200)]
    record = recorded(
        verdict="broke",
        why=tuple(many),
        findings={
            **{"not_tested": many, "promises": {"made": 200, "kept": 0, "open": many}},
            **{"recovery": {"layers": [{"name": name, "after_fault_s": 1.0} for name in many]}},
            **{"proofs": {"fault": {"proven": True, "evidence": many}}},
        },
    )
    text = md.render([record])
    assert len(text.splitlines()) <= 100
    assert "and 192 more in the page" in text


def test_the_verdict_and_its_evidence_come_first(recorded: Callable[..., Record]) -> None:
    """Heading, decisive sentence, objectives and proofs stand before what is folded away."""
    text = md.render([recorded(verdict="broke", why=("p99 was 2.28 s (limit 800 ms)",))])
    assert text.startswith("# ❌ Broke: Users keep reading and posting while RDS fails over\n\n**p99 was 2.28 s")
    folded = text.index("<details>")
    for words in ("| Latency, 99th percentile | 800 ms | 412 ms | ❌ |", "these delays are simulated, not measured"):
        assert text.index(words) < folded
    assert text.index("gameday run experiments/rds") > folded


def test_recorded_text_stays_text(recorded: Callable[..., Record]) -> None:
    """A title cannot break a table, open a tag, call people or style itself."""
    text = md.render(
        [recorded(title="a | b <script> @team *bold* `code` [x](http://y)\n# heading snake_case _it_ #12")]
    )
    heading = text.splitlines()[0]
    assert heading.endswith(
        r"a \| b \<script\> @<!-- -->team \*bold\* \`code\` \[x\](http://y) \# heading snake_case \_it\_ \#12"
    )


def test_several_runs_begin_with_a_table(recorded: Callable[..., Record]) -> None:
    """One row a run."""
    text = md.render([recorded(), recorded(run="second", verdict="refused", why=("3 of 3 tasks would go",))])
    assert text.startswith("# 2 runs\n\n| Verdict | Experiment | Why | Recovery |")
    assert "| ⛔ Refused | Users keep reading and posting while RDS fails over | 3 of 3 tasks would go. |" in text


def test_a_command_cannot_close_its_block(recorded: Callable[..., Record]) -> None:
    """A fence within the command to repeat is made harmless."""
    text = md.render([recorded(findings={"repeat_with": "gameday run x\n```\n<script>"})])
    assert text.count("```") == 2
