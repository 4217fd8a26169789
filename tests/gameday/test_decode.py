"""Input that is wrong is told with file, line, column and a mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.block import block_in
from gameday.config import load_settings
from gameday.decode import json_schema
from gameday.errors import InputError, UsageError
from gameday.model import Block
from gameday.source import Source

GOOD = """\
title: t
extensions:
  - name: gameday
    load: {journey: load/feed.py, rate: 60}
    steady:
      error_rate: {metric: FoodConnect/ErrorRate, max: 5}
    fault: {proof: ecs.task_stopped}
"""


def problems(tmp_path: Path, text: str) -> list[str]:
    """Return the problems of a file, without its path."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        block_in(Source.yaml(path))
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_good_block_is_read(tmp_path: Path) -> None:
    """What stands in the file stands in the value, and the rest has its default."""
    path = tmp_path / "x.yaml"
    path.write_text(GOOD)
    block = block_in(Source.yaml(path))
    assert block is not None and block.load is not None and block.fault is not None
    assert (block.load.rate, block.steady["error_rate"].max, block.fault.proofs) == (60.0, 5.0, ("ecs.task_stopped",))


def test_an_unknown_key_is_told_with_its_place_and_the_word_meant(tmp_path: Path) -> None:
    """The line is the key's own."""
    assert problems(tmp_path, GOOD.replace("steady:", "stedy:")) == ["5:5: unknown key 'stedy'; did you mean 'steady'?"]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one message at a time."""
    text = GOOD.replace("rate: 60", "rate: fast").replace("max: 5", "max: 5, mox: 6").replace("proof: ecs", "prof: ecs")
    assert len(problems(tmp_path, text)) == 4  # the rate, mox, prof, and the proof that is now missing


def test_yaml_errors_have_a_place(tmp_path: Path) -> None:
    """A syntax error is a problem of the file like any other."""
    assert problems(tmp_path, "title: [1, 2\nmethod: 3")[0].startswith("2:7: not valid YAML")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """YAML would keep the second one in silence."""
    assert "stands twice" in problems(tmp_path, GOOD + "title: again\n")[0]


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """It names the file and what to do."""
    with pytest.raises(UsageError, match="no such file"):
        Source.yaml(tmp_path / "none.yaml")


def test_configuration_problems_name_the_line(tmp_path: Path) -> None:
    """TOML has no node tree, so the place is found in the text."""
    text = '[environments.lab]\nkind = "lab"\nregion = "eu-west-1"\n\n[environments.lab.phases]\nwarmpu_s = 3\n'
    (tmp_path / "gameday.toml").write_text(text)
    with pytest.raises(InputError, match=r"gameday\.toml:6:1: unknown key 'warmpu_s'; did you mean 'warmup_s'"):
        load_settings(tmp_path)


def test_an_unknown_environment_is_told_with_the_known_ones() -> None:
    """A typo must not start anything."""
    settings = load_settings(Path(__file__).parents[2])
    with pytest.raises(UsageError, match="did you mean 'staging'"):
        settings.environment("stagin")


def test_the_schema_knows_every_key() -> None:
    """Editors complete from the same types that decode."""
    schema = json_schema(Block)
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert isinstance(properties, dict) and set(properties) >= {"load", "steady", "fault", "guards", "objectives"}
