"""The page: verdict first, complete without JavaScript, nothing of the outside, readable colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from gameday.record import Record
from reports import html

VOID = {"meta", "link", "br", "img", "input", "hr"}
BLOCKS = {"td", "th", "p", "li", "dd", "h2", "h3", "div", "br"}
EVIL = "<script>alert('1')</script><img src=x onerror=alert(2)>\"'&</title>"


class Page(HTMLParser):
    """Collects elements with their attributes, the words outside scripts, and what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.words.append(" " if tag in BLOCKS else "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        """The visible text with single spaces."""
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element called *tag*."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(*records: Record) -> Page:
    """Render and parse; a page whose elements do not nest fails here."""
    parsed = Page(html.render(records))
    assert parsed.open == []
    return parsed


def test_the_page_says_the_verdict_first_and_then_why(recorded: Callable[..., Record]) -> None:
    """The word, the title, the decisive sentence, when and where come before anything else."""
    text = page(recorded()).text
    order = ["Held", "Users keep reading", "Every objective was met: recovered 2.3 s", "2026-12-01 09:59:58 UTC"]
    order += ["lab, eu-west-1", "simulated, not measured: task start 2 s, failover detection 1.5 s", "Objectives"]
    order += [
        "Timeline",
        "Proofs",
        "The system was well again",
        "Failed, share",
        "Writes Acknowledged",
        "Abort and undo",
        "not tested",
        "Repeat and check",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_the_evidence_is_on_the_page(recorded: Callable[..., Record]) -> None:
    """Numbers with units, proofs, layers, the ledger, the line to run it again, and hashes."""
    text = page(recorded()).text
    for words in (
        *("Failed requests 5% 3.02% met", "Latency, 99th percentile 800 ms 412 ms met", "p99 9.8 ms 2.28 s 61 ms"),
        *("p99, closed loop 9 ms 940 ms 58.7 ms", "availability zone went from eu-west-1a to eu-west-1b"),
        *("2,880 of 2,880 planned requests were sent (100%)", "RDS: failover completed +2.2 s +0.8 s"),
        *(
            "between 2.1 s and 2.3 s",
            "Indeterminate the answer was lost",
            "docs/runbooks/database-failover.md",
            "1 of 1 promised undos were kept",
        ),
        *("A second failover within the hour.", "gameday run experiments/rds/reboot-with-failover.yaml --on lab"),
        *("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "samples.jsonl", "chaostoolkit-lib"),
    ):
        assert words in text


def test_the_page_is_one_file_that_asks_for_nothing(recorded: Callable[..., Record]) -> None:
    """No stylesheet, script, font or image comes from elsewhere, and the page's policy forbids it too."""
    parsed = page(recorded())
    assert [link["href"] for link in parsed.all("link")] == ["data:,"]
    assert all("src" not in script for script in parsed.all("script"))
    assert not {"img", "iframe", "object", "embed", "video"} & {name for name, _ in parsed.elements}
    assert "default-src 'none'" in str(parsed.all("meta"))
    rendered = html.render([recorded(run="again")])
    assert "url(" not in rendered and "@import" not in rendered and "@font-face" not in rendered


def test_recorded_text_never_becomes_markup(recorded: Callable[..., Record]) -> None:
    """A title, a reason, a mark, a metric's name with <script> in it stay text."""
    record = recorded(
        title=EVIL,
        why=(EVIL,),
        marks=((-14.0, EVIL, {EVIL: EVIL}), (0.0, "fault", {"targets": [EVIL]})),
        findings={
            **{"repeat_with": EVIL, "not_tested": [EVIL], "versions": {EVIL: EVIL}, "environment": {"name": EVIL}},
            **{"objectives": [{"name": EVIL, "limit": 1, "measured": 2, "unit": EVIL, "met": True}]},
            **{"recovery": {"layers": [{"name": EVIL, "after_fault_s": 1.0}]}, "phases": {EVIL: {"requests": 1}}},
            **{"promises": {"made": 1, "kept": 0, "open": [{"sentence": EVIL, "by_hand": EVIL}]}},
        },
    )
    metric = '{"name": "</script><script>alert(3)</script>", "at": 1796119214.1, "value": 1, "seen": 1796119215}\n'
    (record.folder / "metrics.jsonl").write_text(metric)
    parsed = page(record, recorded(run="other"))
    harmless = page(recorded(run="a"), recorded(run="b"))
    assert len(parsed.all("script")) == len(harmless.all("script"))
    assert not parsed.all("img")
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert "<script>alert('1')</script>" in parsed.text


def test_several_runs_begin_with_an_overview(recorded: Callable[..., Record]) -> None:
    """One row a run with its verdict and its reason, linked to the run below."""
    parsed = page(recorded(), recorded(run="second", verdict="broke", why=("p99 was 2 s (limit 800 ms)",)))
    targets = [str(link["href"]) for link in parsed.all("a") if link["href"] != "#overview"]
    assert len(targets) == 2
    assert {target.removeprefix("#") for target in targets} <= {str(run.get("id")) for run in parsed.all("article")}
    assert parsed.text.index("p99 was 2 s") < parsed.text.index("Objectives")
    assert [name for name, _ in parsed.elements if name == "h1"] == ["h1"]


def test_ids_are_unique_and_every_reference_has_its_target(recorded: Callable[..., Record]) -> None:
    """Anchors, labels of charts and headings point at what is there, also with the same run twice."""
    record = recorded()
    parsed = page(record, record)
    ids = [str(attributes["id"]) for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = " ".join(str(attributes.get("aria-labelledby") or "") for _, attributes in parsed.elements)
    assert set(labels.split()) <= set(ids)


def test_headings_step_down_one_at_a_time(recorded: Callable[..., Record]) -> None:
    """Whoever reads by headings misses no level."""
    for parsed in (page(recorded(run="a")), page(recorded(run="b"), recorded(run="c"))):
        levels = [int(name[1]) for name, _ in parsed.elements if re.fullmatch(r"h[1-6]", name)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_charts_and_tables_speak_to_everyone(recorded: Callable[..., Record]) -> None:
    """A chart has a title and a description; a table's header cells say which way they read."""
    parsed = page(recorded())
    charts = [svg for svg in parsed.all("svg") if "chart" in str(svg.get("class"))]
    assert len(charts) == 3
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in charts)
    assert all(svg.get("role") or svg.get("aria-hidden") == "true" for svg in parsed.all("svg"))
    assert all(cell.get("scope") in ("row", "col") for cell in parsed.all("th"))


def test_what_is_still_changed_cannot_be_overlooked(recorded: Callable[..., Record]) -> None:
    """An open promise stands right below the verdict, with the command that restores it."""
    owed = {"what": "the link loses its delay", "restore_with": "curl -X DELETE http://localhost/delay"}
    record = recorded(verdict="aborted", findings={"promises": {"made": 2, "kept": 1, "open": [owed]}})
    text = page(record).text
    assert "The link loses its delay; restore it with: curl -X DELETE http://localhost/delay" in text
    assert text.index("Still changed.") < text.index("Objectives")
    assert "1 undo owed" in page(record, record).text


def test_promises_that_a_crash_left_open_are_found_without_findings(recorded: Callable[..., Record]) -> None:
    """A run without findings still says what is changed, from the promises on disk."""
    record = recorded(files=("plan", "marks"))
    (record.folder / "promises.jsonl").write_text(
        '{"promise": {"id": "a", "sentence": "tasks back to 3", "by_hand": "aws ecs update-service"}}\n'
        '{"promise": {"id": "b", "sentence": "the delay is gone", "by_hand": "curl"}}\n{"kept": "b"}\n'
    )
    text = page(record).text
    assert "Tasks back to 3; restore it with: aws ecs update-service" in text
    assert "The delay is gone" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_contrast_with_what_they_stand_on(scheme: str) -> None:
    """Text reaches 4.5 to 1 on every ground it is used on; lines of the chart reach 3 to 1."""
    colours = palette(scheme)
    verdicts = ("held", "broke", "doubt", "stop", "quiet", "paused")
    pairs = [(ink, ground, 4.5) for ink in ("ink", "soft") for ground in ("page", "paper")]
    pairs += [(ink, f"{name}-tint", 4.5) for name in verdicts for ink in (name, "ink", "soft")]
    pairs += [(name, "paper", 4.5) for name in ("held", "broke", "doubt", "stop")] + [("flag-ink", "flag", 4.5)]
    pairs += [(name, "paper", 3.0) for name in ("p99", "p50", "limit", "metric", "failed")]
    poor = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < pair[2]} == {}


def palette(scheme: str) -> dict[str, str]:
    """Return the custom properties of the stylesheet for a colour scheme."""
    sheet = (Path(html.__file__).parent / "html.css").read_text()
    light, dark = sheet.split("@media (prefers-color-scheme: dark)")[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", dark.split("\n* {")[0]))
    return found


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, after WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
