"""Wrong channels of `gameday.toml` are told with their line, and no message repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.config import load_settings
from gameday.engine.check import problems_of
from gameday.errors import InputError
from gameday.notify import channels_of

HEAD = '[environments.staging]\nkind = "aws"\nregion = "eu-west-1"\n\n[environments.staging.channels.a]\n'
SECRET = "S3cretValueOfSomebody42"
PAGE = 'kind = "statuspage"\npage = "p"\ntoken = "env:KEY"\n'
WRONG = [
    ("a webhook", f'kind = "slack"\nwebhook = "https://hooks.slack.com/services/T0/B0/{SECRET}"', 7, "env:NAME"),
    ("a token", f'kind = "slack"\nchannel = "c"\ntoken = "xoxb-{SECRET}"', 8, "env:NAME"),
    ("a routing key", f'kind = "pagerduty"\nrouting_key = "{SECRET}"', 7, "env:NAME"),
    ("a key in an address", f'kind = "webhook"\nurl = "https://x.example/hook?k={SECRET}"', 7, "secret in its address"),
    ("a path with a key", f'kind = "webhook"\nurl = "https://x.example/hook/{SECRET}"', 7, "secret in its address"),
    ("a secret in a name", f'kind = "slack"\ntoken = "env:T"\nchannel = "xoxb-{SECRET}"', 8, "looks like a secret"),
    ("no address", 'kind = "webhook"\nurl = "x.example"', 7, "https://HOST/PATH"),
    ("in the open", 'kind = "webhook"\nurl = "http://x.example/h"', 7, "private"),
    ("a malformed address", 'kind = "webhook"\nurl = "https://[::1/h"', 7, "no address"),
    ("no such kind", 'kind = "slak"', 6, "did you mean 'slack'"),
    ("no such key", 'kind = "sns"\ntopik = "x"\ntopic = "arn:aws:sns:eu-west-1:123456789012:t"', 7, "'topic'"),
    ("a key of another kind", 'kind = "sns"\npage = "x"\ntopic = "arn:aws:sns:eu-west-1:123456789012:t"', 7, "nothing"),
    ("no topic", 'kind = "sns"\ntopic = "foodconnect"', 7, "arn:aws:sns:"),
    ("a FIFO topic", 'kind = "sns"\ntopic = "arn:aws:sns:eu-west-1:123456789012:t.fifo"', 7, "FIFO"),
    ("a topic elsewhere", 'kind = "sns"\ntopic = "arn:aws:sns:us-east-1:123456789012:t"', 7, "in us-east-1"),
    ("nothing needed", 'kind = "pagerduty"', 5, "lacks the key 'routing_key'"),
    ("no way in", 'kind = "slack"', 5, "one way in"),
    ("two ways in", 'kind = "slack"\nwebhook = "env:A"\ntoken = "env:B"\nchannel = "c"', 5, "one way in"),
    ("a bot without a channel", 'kind = "slack"\ntoken = "env:B"', 5, "'channel'"),
    ("a page for nobody", PAGE, 5, "sandbox = true"),
    ("a page for both", PAGE + "sandbox = true\npublic = true", 5, "sandbox = true"),
    ("a secret where a table goes", f'kind = "slack"\nwebhook = {{token = "{SECRET}"}}', 7, "must be text"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_a_wrong_channel_is_told_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    """Once, with what to write instead, and without the secret."""
    path = tmp_path / "gameday.toml"
    path.write_text(HEAD + text + "\n")
    (problem,) = problems_of(path, tmp_path)
    assert (problem.line, words in problem.message) == (line, True), str(problem)
    assert SECRET not in problem.message
    assert "; " in problem.message or words == "must be text"


def test_a_lab_names_no_address_elsewhere(tmp_path: Path) -> None:
    """What is fine for a real account is told of in a lab."""
    path = tmp_path / "gameday.toml"
    path.write_text(HEAD.replace("aws", "lab") + 'kind = "webhook"\nurl = "https://hooks.example.com/gameday"\n')
    (problem,) = problems_of(path, tmp_path)
    assert problem.line == 7 and "nothing leaves a lab" in problem.message


def test_the_same_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """With the line where the file is at hand; every problem at once."""
    (tmp_path / "gameday.toml").write_text(HEAD + 'kind = "sns"\n[environments.staging.channels.b]\nkind = "slack"\n')
    environment = load_settings(tmp_path).environment("staging")
    with pytest.raises(InputError, match=r"(?s)gameday\.toml:5:1: .*gameday\.toml:7:1: "):
        channels_of(environment, tmp_path)


RIGHT = [
    'kind = "slack"\nwebhook = "env:SLACK_WEBHOOK_URL"',
    'kind = "slack"\ntoken = "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-a1b2c3#bot"\n'
    'channel = "C0123456789"',
    'kind = "pagerduty"\nrouting_key = "env:K"\nendpoint = "https://events.eu.pagerduty.com"\nincidents = true',
    PAGE + "public = true",
    'kind = "webhook"\nurl = "https://hooks.example.com/gameday"',
    'kind = "webhook"\nurl = "http://127.0.0.1:9999/hook"\ntoken = "env:T"',
    'kind = "sns"\ntopic = "arn:aws-us-gov:sns:eu-west-1:123456789012:foodconnect_game-day"',
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_channel_is_fine(tmp_path: Path, text: str) -> None:
    """As the guide writes them."""
    path = tmp_path / "gameday.toml"
    path.write_text(HEAD + text + "\n")
    assert problems_of(path, tmp_path) == []
    assert channels_of(load_settings(tmp_path).environment("staging")).named["a"].kind


def test_the_guide_shows_channels_that_are_fine(tmp_path: Path) -> None:
    """The example of docs/notifications.md, as it stands there."""
    guide = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    example = guide.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "gameday.toml"
    path.write_text(example.replace("[environments.staging]\n", HEAD.partition("\n\n")[0] + "\n"))
    assert problems_of(path, tmp_path) == []
    found = channels_of(load_settings(tmp_path).environment("staging"))
    assert {one.kind for one in found.named.values()} == {"slack", "pagerduty", "sns", "webhook", "statuspage"}
    assert found.environment.owner
