"""What runs do to a session, and fixtures without an environment. Nothing is played here."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from gameday.config import Environment
from gameday.pytest_plugin.turns import turn
from gameday.safety.lock import Holder, LocalLock
from tests.gameday.pytest_plugin.conftest import Ask

pytest_plugins = ["pytester"]

TWO_TESTS = """
    from pathlib import Path
    from gameday.pytest_plugin.desk import settled
    from gameday.pytest_plugin.played import Played

    def test_one(request):
        findings = {{"verdict": "{verdict}", "run": "r"}}
        played = settled(request.node, Played(Path("x.yaml"), {code}, findings, Path("r")))
        assert played.word == {word!r}

    def test_two():
        pass
"""


@pytest.mark.parametrize(
    ("code", "verdict", "word", "passed"),
    [
        (6, "held", "undo incomplete", 1),
        (130, "interrupted", "interrupted", 1),
        (-9, "held", "killed", 1),
        (5, "aborted", "aborted", 2),
        (1, "broke", "broke", 2),
    ],
)
def test_nothing_follows_a_run_that_left_something(
    ask: Ask, pytester: pytest.Pytester, code: int, verdict: str, word: str, passed: int
) -> None:
    """The session ends after an incomplete undo and after a halt; the report of the run is named in any case."""
    pytester.makepyfile(TWO_TESTS.format(code=code, verdict=verdict, word=word))
    result = ask()
    result.assert_outcomes(passed=passed)
    result.stdout.fnmatch_lines([f"{word}*r/report.html"])
    assert ("Interrupted: gameday" in result.stdout.str()) == (passed == 1)


def test_fixtures_skip_without_an_environment(ask: Ask, pytester: pytest.Pytester) -> None:
    """A team's checks of staging do not fail where nobody named staging."""
    pytester.makepyfile("def test_a(environment): assert 0\ndef test_b(lab): assert 0\ndef test_c(run): assert 0\n")
    ask().assert_outcomes(skipped=3)


def test_the_environment_is_there_and_is_no_lab(ask: Ask, pytester: pytest.Pytester) -> None:
    """`environment` is the value of gameday.toml; a test of the lab is skipped elsewhere."""
    pytester.makepyfile(
        "def test_a(environment): assert (environment.name, environment.kind) == ('staging', 'aws')\n"
        "def test_b(lab): assert 0\n"
    )
    ask("--on", "staging", "--gameday-yes").assert_outcomes(passed=1, skipped=1)


def test_a_run_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another run holds the environment, with a sentence that names it; and then it begins."""
    monkeypatch.setenv("GAMEDAY_STATE", str(tmp_path))
    environment = Environment("lab", "eu-west-1", name="lab")
    other = LocalLock(environment)
    other.take()
    other.write(Holder.here("2026-12-01T10-00-00Z-stop", tmp_path))
    said: list[str] = []
    began = threading.Event()

    def play() -> None:
        with turn(environment, said.append):
            began.set()

    thread = threading.Thread(target=play)
    thread.start()
    deadline = time.monotonic() + 30
    while not said and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "one run at a time; waiting for run 2026-12-01T10-00-00Z-stop" in said[0] and not began.is_set()
    other.release()
    thread.join(30)
    assert began.is_set()


def test_tests_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them never play at the same time, and patience ends."""
    monkeypatch.setenv("GAMEDAY_STATE", str(tmp_path))
    environment = Environment("lab", "eu-west-1", name="lab")
    said: list[str] = []
    with turn(environment, said.append):
        assert said == []
        with turn(environment, said.append, patience_s=0.2):  # then the run itself is refused, with the reason
            assert said == ["lab takes one run at a time; waiting for another test"]
