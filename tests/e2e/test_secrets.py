"""Planted secrets are found nowhere: not in the record, not in Chaos Toolkit's journal and log, not on the terminal."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Desk, Edited, Ended
from tests.e2e.test_verdicts import STOP

FROM_ENVIRONMENT, UNTOLD, INLINE = "env-5ecret/Q7+x", "plain name 5ecret", "inl1ne-5ecret"
HEADER, CONFIGURED, SESSION = "he4der-5ecret", "c0nfigured-5ecret", "IQoJb3JpZ2luX2VjE5ecret"
SECRETS = (FROM_ENVIRONMENT, UNTOLD, INLINE, HEADER, CONFIGURED, SESSION)
VARIABLES = {"FOOD_API_TOKEN": FROM_ENVIRONMENT, "FOOD_THING": UNTOLD, "AWS_SESSION_TOKEN": SESSION}

JOURNEY = '''"""A journey whose own mistake tells a secret, in its samples and on standard output."""

import os

from load.feed import Feed


class Loud(Feed):
    """Reads the feed, and now and then fails with a secret in its words."""

    def read_feed(self, number):
        """Read, or fail aloud."""
        if number % 20 == 0:
            print("the token is", os.environ["FOOD_API_TOKEN"], flush=True)
            raise RuntimeError("refused with header " + os.environ["FOOD_THING"])
        return super().read_feed(number)


del Feed
'''


def plant(data: dict[str, Any], url: str, journey: Path) -> None:
    """Put secrets into an experiment: declared, configured, in headers, and in what probes raise and return."""
    data["secrets"] = {
        "api": {
            "token": {"type": "env", "key": "FOOD_API_TOKEN"},
            "thing": {"type": "env", "key": "FOOD_THING"},
            "inline": INLINE,
        }
    }
    data["configuration"] = {"api_token": CONFIGURED}
    health = {
        "type": "probe",
        "name": "health-with-headers",
        "tolerance": 200,
        "provider": {
            "type": "http",
            "url": f"{url}/health",
            "secrets": ["api"],
            "headers": {"Authorization": "Bearer ${token}", "X-Thing": "${thing}", "X-Api-Key": HEADER},
        },
    }
    data["steady-state-hypothesis"]["probes"].append(health)
    data["method"] += [*map(raises, ("token", "thing", "inline", "api_token")), echoes()]
    data["extensions"][0]["load"]["journey"] = str(journey)
    data["extensions"][0]["objectives"] = {"error_budget": 1.0}
    data["extensions"][0].pop("guards")


def raises(name: str) -> dict[str, Any]:
    """Return a probe whose exception repeats the secret *name*."""
    arguments = {"address": f"${{{name}}}"}
    provider = {
        "type": "python",
        "module": "ipaddress",
        "func": "ip_address",
        "secrets": ["api"],
        "arguments": arguments,
    }
    return {"type": "probe", "name": f"raises-with-{name}", "provider": provider}


def echoes() -> dict[str, Any]:
    """Return a probe whose output repeats secrets, plain and in base64."""
    said = "${token} " + base64.b64encode(b"app:" + FROM_ENVIRONMENT.encode()).decode()
    provider = {"type": "process", "path": "echo", "secrets": ["api"], "arguments": [said, "${thing}"]}
    return {"type": "probe", "name": "echoes", "provider": provider}


@pytest.fixture
def planted(desk: Desk, edited: Edited, tmp_path: Path) -> Path:
    """Return an experiment with secrets in every corner."""
    journey = tmp_path / "loud.py"
    journey.write_text(JOURNEY)
    url = json.loads(desk("lab", "status", "--json").out)["url"]
    return edited(STOP, lambda data: plant(data, url, journey))


def assert_clean(folder: Path, ended: Ended, *more: Path) -> None:
    """No secret in the folder, on the terminal or in *more* files; the places where they stood show that they did."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    texts = {str(path): path.read_text(errors="surrogateescape") for path in (*files, *more)}
    texts |= {"standard output": ended.out, "standard error": ended.err}
    found = [(name, secret) for name, text in texts.items() for secret in SECRETS if leaks(text, secret)]
    assert not found
    for name in ("journal.json", "load.log", "samples.jsonl"):
        assert "[redacted]" in texts[str(folder / name)], name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files} == {path.name: 0o600 for path in files}


def leaks(text: str, secret: str) -> bool:
    """Return whether *secret* stands in *text*, plain or in base64 behind `app:`."""
    encoded = base64.b64encode(b"app:" + secret.encode()).decode().rstrip("=")[6:-2]
    return secret in text or encoded in text


def only_run(runs: Path) -> Path:
    """Return the only run folder in *runs*."""
    (folder,) = (path for path in runs.iterdir() if path.is_dir() and (path / "plan.json").exists())
    return folder


def test_gameday_run_keeps_secrets(desk: Desk, planted: Path, tmp_path: Path) -> None:
    """In environment, configuration, headers, exceptions, outputs and the load's own words; reports included."""
    runs = tmp_path / "runs"
    words = ("run", str(planted), "--runs", str(runs), "--set", f"api_token={CONFIGURED}")
    ended = desk(*words, **VARIABLES)
    folder = only_run(runs)
    assert_clean(folder, ended)
    assert {path.name for path in folder.iterdir()} >= {"findings.json", "report.html", "report.md", "junit.xml"}
    journal = json.loads((folder / "journal.json").read_text())
    assert [run["status"] for run in journal["run"]] == ["succeeded", *["failed"] * 4, "succeeded"], ended.err
    for command in (["show", folder.name, "--runs", str(runs), "--json"], ["runs", "--runs", str(runs)]):
        shown = desk(*command)
        assert not [secret for secret in SECRETS if leaks(shown.out + shown.err, secret)]


def test_plain_chaos_run_keeps_secrets(desk: Desk, planted: Path, tmp_path: Path) -> None:
    """Its own journal and log too, which its command line writes: at the most talkative level."""
    lines = desk("lab", "env").out.replace("AWS_SESSION_TOKEN=", "IGNORED=")
    runs, log, journal = tmp_path / "runs", tmp_path / "chaostoolkit.log", tmp_path / "journal.json"
    script = f'{lines}\nexec "$0" --verbose --no-version-check --log-file "$1" run --journal-path "$2" "$3"'
    chaos = str(Path(sys.executable).with_name("chaos"))
    command = ["bash", "-c", script, chaos, str(log), str(journal), str(planted)]
    ended = desk.finish(desk.process(command, {**VARIABLES, "GAMEDAY_RUNS": str(runs)}))
    assert_clean(only_run(runs), ended, log, journal)
    written = json.loads(journal.read_text())
    assert written["gameday"]["verdict"] and len(written["run"]) == 6, ended.err
    assert "[redacted]" in journal.read_text() and "[redacted]" in log.read_text() and "[redacted]" in ended.err
