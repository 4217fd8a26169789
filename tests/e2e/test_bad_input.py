"""A user's mistake costs one clear sentence: no traceback, nothing started, nothing left running."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Desk, Edited, clean_environment
from tests.ports import free_port_base

STOP = "ecs/stop-one-task.yaml"


@pytest.fixture
def bare(short_suite: Path, tmp_path: Path) -> Desk:
    """A desk without a lab."""
    home = {"GAMEDAY_LAB_HOME": str(tmp_path / "lab"), "GAMEDAY_LAB_PORT_BASE": str(free_port_base())}
    return Desk(short_suite, {**clean_environment(), **home, "PYTHONPATH": str(Path(__file__).parents[2])})


def refused(desk: Desk, *words: str, code: int = 2, **more: str) -> str:
    """Run a command that must fail with *code* and one message; return the message."""
    ended = desk(*words, **more)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert not (Path(desk.environment["GAMEDAY_LAB_HOME"]) / "state.json").exists()
    return ended.err


def test_a_missing_file(bare: Desk) -> None:
    """It is named."""
    assert "nowhere.yaml: no such file" in refused(bare, "run", "nowhere.yaml")


def test_an_unknown_key_has_file_line_and_a_mend(bare: Desk, edited: Edited) -> None:
    """The same message from `run` and from `check`."""

    def misspell(data: dict[str, Any]) -> None:
        data["extensions"][0]["objectives"]["recover_withn_s"] = 3

    path = edited(STOP, misspell)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "recover_withn_s" in text)
    wanted = f"{path}:{line}:5: unknown key 'recover_withn_s'; did you mean 'recover_within_s'?"
    assert wanted in refused(bare, "run", str(path))
    assert wanted in refused(bare, "check", str(path))


def test_an_unknown_environment(bare: Desk) -> None:
    """With the one that was meant."""
    assert "did you mean 'staging'?" in refused(bare, "run", f"experiments/{STOP}", "--on", "stagin")


def test_an_unknown_value_for_set(bare: Desk) -> None:
    """A typo in --set must not be ignored."""
    assert "--set nonsense: write KEY=VALUE" in refused(bare, "run", f"experiments/{STOP}", "--set", "nonsense")


def test_missing_credentials(bare: Desk) -> None:
    """Outside the lab the account must answer before anything is touched."""
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "HOME": "/nonexistent"}
    message = refused(bare, "run", f"experiments/{STOP}", "--on", "staging", "--yes", code=3, **nowhere)
    assert "Unable to locate credentials" in message


def test_a_way_out_of_the_lab_is_refused(bare: Desk) -> None:
    """Settings that would send a lab run to a real account."""
    for name, value in (("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), ("AWS_PROFILE", "production")):
        assert name in refused(bare, "run", f"experiments/{STOP}", code=3, **{name: value})


def test_a_port_in_use(bare: Desk) -> None:
    """It is named, and nothing is left running."""
    port = int(bare.environment["GAMEDAY_LAB_PORT_BASE"])
    with socket.create_server(("127.0.0.1", port)):
        assert str(port) in refused(bare, "lab", "up")


def test_a_home_that_cannot_be_used(bare: Desk, tmp_path: Path) -> None:
    """The option that mends it is the one that the command has."""
    (tmp_path / "file").write_text("")
    assert "--home" in refused(bare, "lab", "--home", str(tmp_path / "file" / "home"), "up")
    assert "--home" in bare("lab", "--help").out


def test_an_unknown_build(bare: Desk) -> None:
    """With the one that was meant."""
    assert "did you mean 'no-retry'?" in refused(bare, "lab", "up", "--build", "no-retri")


def test_every_verb_has_help_with_an_example(bare: Desk) -> None:
    """A command without an example is half a command."""
    verbs = [line.split()[0] for line in bare("--help").out.partition("Commands:")[2].splitlines() if line.strip()]
    assert {"run", "check", "list", "runs", "show", "report", "lab"} <= set(verbs)
    for verb in verbs:
        ended = bare(verb, "--help")
        assert ended.code == 0 and "Example:" in ended.out, verb
