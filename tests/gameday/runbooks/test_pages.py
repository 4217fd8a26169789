"""Our own pages: that nothing in them has drifted, that experiments and pages name each other, how they are built."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from gameday import runbooks
from gameday.runbooks.drift import INDEX, journey_paths
from gameday.runbooks.reading import Runbook
from lab.backend.app import Backend
from lab.backend.config import Config

ROOT = Path(__file__).parents[3]
NAMES = {
    "runbooks": ("incident-response", "database-recovery", "service-degradation", "rollback-deployment"),
    "playbooks": ("scaling-events", "security-incident", "data-migration"),
    "sop": ("deployment", "monitoring", "backup-restore"),
}
PAGES = [ROOT / "docs" / folder / f"{name}.md" for folder, names in NAMES.items() for name in names]
SECTIONS = (
    "Names and variables",
    "First look",
    "Steps",
    "To undo",
    "When to escalate",
    "What to tell whom",
    "Drilled by",
)
EXPERIMENTS = sorted((ROOT / "experiments").glob("*/*-*.yaml"))


@pytest.mark.parametrize("path", [*PAGES, ROOT / "docs" / "runbooks" / INDEX], ids=lambda path: path.stem)
def test_nothing_has_drifted(path: Path) -> None:
    """Every command of the page parses, every link leads somewhere, every variable is explained."""
    assert [str(problem) for problem in runbooks.problems_of(path, ROOT)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_page_has_what_is_looked_for_at_night(path: Path) -> None:
    """Who may, signs, first look, decisions with numbers, undo, escalation, templates, drill; commands in its steps."""
    page = runbooks.read(path)
    text = path.read_text()
    headings = [heading.text for heading in page.headings if heading.level == 2]
    assert [name for name in SECTIONS if name not in headings] == []
    assert any(name.startswith("Signs") or name == "What is watched" for name in headings)
    assert "| Who may |" in text and "| Goal |" in text and "```text" in text
    assert {"Decide", "How bad"} & set(headings)
    assert len(page.steps) >= 6 and sum(bool(step.commands) for step in page.steps) >= 5


def test_the_wheel_has_every_page_that_a_check_needs() -> None:
    """The pages, and what they link to, are in the bundled suite: a plan names them, and its check follows links."""
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    bundled = [ROOT / name for name in targets["wheel"]["force-include"]]
    linked = {(page.parent / link.target.partition("#")[0]).resolve() for page in PAGES
              for link in runbooks.read(page).links if "://" not in link.target}  # fmt: skip
    for page in (*PAGES, *linked):
        assert any(page.is_relative_to(part) for part in bundled), page
    assert not any((ROOT / "docs").is_relative_to(part) for part in bundled), "the suite's own pages are not of it"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_is_one_that_is_looked_at(path: Path) -> None:
    """A link that is broken across lines would be missed by the check: there is none."""
    assert path.read_text().count("](") == len(runbooks.read(path).links)


def test_the_index_names_every_page() -> None:
    """The folders have these ten pages and the index, which links each of them."""
    index = ROOT / "docs" / "runbooks" / INDEX
    assert set(runbooks.pages(ROOT)) == {*PAGES, index}
    linked = {Path(os.path.normpath(index.parent / link.target)) for link in runbooks.read(index).links}
    assert linked == set(PAGES)


def test_incident_response_has_the_bands() -> None:
    """Acknowledge 0-5, investigate 5-15, mitigate 15-30, communicate throughout, resolve 30+."""
    steps = runbooks.read(PAGES[0]).steps
    assert {step.band for step in steps} == {"0-5 min", "5-15 min", "15-30 min", "throughout", "30+ min"}
    bands = {step.text: step.band_s for step in steps}
    assert bands["Acknowledge the page"] == (0.0, 300.0) and bands["Find what changed"] == (300.0, 900.0)
    assert bands["Mitigate"] == (900.0, 1800.0) and bands["Close, and write it down"] == (1800.0, None)
    assert bands["Tell people"] is None


def runbook_of(experiment: Path) -> str:
    """Return the page that an experiment names."""
    data = yaml.safe_load(experiment.read_text())
    return str(next(one for one in data["extensions"] if one["name"] == "gameday").get("runbook"))


def drills(page: Runbook) -> set[Path]:
    """Return the experiments that a page says it is drilled by."""
    return {Path(os.path.normpath(page.path.parent / target)) for target in page.drilled_by if target.endswith(".yaml")}


def test_experiments_and_pages_name_each_other() -> None:
    """Every experiment names a page that links back to it, and no page claims an experiment that names another."""
    named = {experiment: ROOT / runbook_of(experiment) for experiment in EXPERIMENTS}
    assert len(named) >= 4 and set(named.values()) <= set(PAGES)
    for path in PAGES:
        assert drills(runbooks.read(path)) == {experiment for experiment, page in named.items() if page == path}


def test_no_page_says_by_hand_when_it_was_drilled() -> None:
    """A date of a drill would not be kept true: the runs tell it."""
    for path in PAGES:
        assert not re.search(r"[Ll]ast drilled:?\s*(on\s*)?\d", path.read_text())


def test_curl_is_held_against_the_real_endpoints() -> None:
    """What the journeys ask, with /health and one thing by its id, is what the backend has."""
    routes = [route.path for route in Backend(Config(database_url=""), None).routes()]  # type: ignore[arg-type]  # nothing is asked
    known = journey_paths(ROOT)
    for path in routes:
        assert any(re.fullmatch(pattern, path.replace("{id}", "17")) for pattern in known), path
    assert not any(re.fullmatch(pattern, "/orders") for pattern in known)
