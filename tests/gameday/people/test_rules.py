"""Wrong `[environments.X.people]` of `gameday.toml` is told with its line, and no message repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.config import load_settings
from gameday.engine.check import problems_of

HEAD = '[environments.staging]\nkind = "aws"\nregion = "eu-west-1"\n\n[environments.staging.people.'
SECRET = "S3cretValueOfSomebody42"
WRONG = [
    ("a token", f'pagerduty]\ntoken = "{SECRET}"\nservice = "PABC123"', 6, "env:NAME"),
    ("no service", 'pagerduty]\ntoken = "env:T"', 5, "'service'"),
    ("a service's name", 'pagerduty]\ntoken = "env:T"\nservice = "the backend"', 7, "PABC123"),
    ("no address", 'pagerduty]\ntoken = "env:T"\nservice = "PABC123"\nendpoint = "http://x.example"', 8, "private"),
    ("a channel's name", 'slack]\ntoken = "env:T"\nchannel = "#incidents"', 7, "C0123456789"),
    ("a bot's token", f'slack]\ntoken = "xoxb-{SECRET}"\nchannel = "C0123456789"', 6, "env:NAME"),
    ("no page", 'statuspage]\ntoken = "env:T"\npage = ""', 7, "abc123def456"),
    ("no such key", 'statuspage]\ntoken = "env:T"\npage = "p"\npages = "q"', 8, "did you mean 'page'"),
    ("no such service", 'pagerdutty]\ntoken = "env:T"', 5, "did you mean 'pagerduty'"),
]


@pytest.mark.parametrize(("text", "line", "words"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_is_wrong_is_told_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Once, with what to write instead, and without the secret."""
    path = tmp_path / "gameday.toml"
    path.write_text(HEAD + text + "\n")
    (problem,) = problems_of(path, tmp_path)
    assert (problem.line, words in problem.message) == (line, True), str(problem)
    assert SECRET not in problem.message


def test_an_alarm_is_named_and_a_lab_is_not_left(tmp_path: Path) -> None:
    """An ARN is no name; what is fine for a real account is told of in a lab."""
    path = tmp_path / "gameday.toml"
    page = '{token = "env:T", page = "p", endpoint = "https://api.statuspage.io/v1"}'
    head = HEAD.replace("aws", "lab").removesuffix(".")
    path.write_text(f'{head}]\nalarms = ["arn:aws:x"]\nstatuspage = {page}\n')
    first, second = sorted(problems_of(path, tmp_path), key=lambda one: one.line)
    assert first.line == 6 and "write the name alone" in first.message
    assert second.line == 7 and "nothing leaves a lab" in second.message


def test_the_suites_own_names_what_the_lab_has() -> None:
    """Its lab reads all services; what it says is in order."""
    root = Path(__file__).parents[3]
    people = load_settings(root).environment("lab").people
    assert people.pagerduty and people.slack and people.statuspage and people.alarms
    assert problems_of(root / "gameday.toml", root) == []
