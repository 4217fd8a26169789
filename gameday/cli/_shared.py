"""What several verbs need: the suite's folder on the import path, and an environment that is up."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from gameday.config import BUNDLED, Environment, find_suite, load_settings
from gameday.errors import UndoIncomplete, UsageError

if TYPE_CHECKING:
    from gameday.engine.settling import Outcome
    from lab.control import LabState
    from lab.settings import Settings as LabSettings

PACKAGES = ("actions", "experiments", "lab", "load", "probes", "reports")
UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")

runs_option = click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
                           envvar="GAMEDAY_RUNS", help="Folder of the run folders.")  # fmt: skip
env_option = click.option("--on", "env", default="lab", show_default=True, metavar="ENV",
                          help="Environment of gameday.toml.")  # fmt: skip


def open_suite() -> Path:
    """Find the suite, put it first on the import path, and return it.

    Raises UsageError: a namesake of its folders from elsewhere would be imported instead.
    """
    suite = find_suite()
    roots = [suite, *([BUNDLED] if BUNDLED.is_dir() else [])]
    if not BUNDLED.is_dir() and suite != (checkout := Path(__file__).resolve().parents[2]):
        roots.append(checkout)
    for root in reversed(roots):
        sys.path[:] = [str(root), *[entry for entry in sys.path if entry != str(root)]]
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or []) if spec else []
        if places and not any(Path(place).is_relative_to(root) for place in places for root in roots):
            raise UsageError(f"the package {name!r} of {places[0]} hides the suite's own; uninstall it")
    return suite


def lab_settings(**changes: object) -> LabSettings:
    """Return the lab's settings, with its home and ports from the environment where given.

    Raises UsageError: the lab's packages are not installed.
    """
    from lab.settings import Settings

    settings = Settings()
    if home := os.environ.get("GAMEDAY_LAB_HOME"):
        settings = replace(settings, home=Path(home))
    if base := os.environ.get("GAMEDAY_LAB_PORT_BASE"):
        settings = replace(settings, port_base=int(base))
    return replace(settings, **changes)  # type: ignore[arg-type]


def free_ports(first: int, step: int) -> int:
    """Return the first of a lab's ports, all free: looked for from *first* on, *step* sets of ports at a time.

    Raises UsageError: there are none.
    """
    from lab.settings import PORTS

    for base in range(first, 65536 - PORTS, PORTS * step):
        if all(is_free(port) for port in range(base, base + PORTS)):
            return base
    raise UsageError(f"no {PORTS} free ports in a row from {first} on; set GAMEDAY_LAB_PORT_BASE")


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port of this machine."""
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def need_lab() -> None:
    """Raise UsageError unless the extra `lab` is installed."""
    missing = [
        name for name in ("moto", "psycopg", "starlette", "envoy", "psutil") if not importlib.util.find_spec(name)
    ]
    if missing:
        raise UsageError(f"the lab needs {', '.join(missing)}: pip install 'foodconnect-gameday[lab]'")


def lab_variables(state: LabState, suite: Path) -> dict[str, str]:
    """Return the variables that point any AWS client and plain `chaos` at the lab, with no way out of it."""
    return {
        "AWS_ENDPOINT_URL": state.endpoint,
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab-has-no-secrets",
        "AWS_REGION": state.region,
        "AWS_DEFAULT_REGION": state.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "GAMEDAY_ENV": "lab",
        "GAMEDAY_URL": state.url,
        "GAMEDAY_BUILD": state.build,
        "GAMEDAY_SIMULATED": json.dumps(state.simulated),
        "PYTHONPATH": str(suite),
        **_people_variables(state.people),
    }


def _people_variables(people: str) -> dict[str, str]:
    """Return the variables of channels, with the names that they have elsewhere: none leads to the real service."""
    from lab.people import addresses

    return {
        "SLACK_WEBHOOK_URL": f"{people}/slack/{addresses.WEBHOOK_PATH}",
        "SLACK_API_URL": f"{people}/slack/api",
        "SLACK_BOT_TOKEN": addresses.SLACK_TOKEN,
        "PAGERDUTY_EVENTS_URL": f"{people}/pagerduty",
        "PAGERDUTY_ROUTING_KEY": addresses.EVENTS_KEY,
        "PAGERDUTY_API_URL": f"{people}/pagerduty",
        "PAGERDUTY_API_TOKEN": addresses.API_TOKEN,
        "STATUSPAGE_API_URL": f"{people}/statuspage/v1",
        "STATUSPAGE_API_KEY": addresses.API_TOKEN,
    }


def export_lines(variables: dict[str, str]) -> str:
    """Return *variables* as lines for `eval` in a shell; what could lead elsewhere is unset first."""
    services = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_")]
    unset = f"unset {' '.join([*UNSET, *sorted(services)])}"
    return "\n".join([unset, *[f"export {name}={shlex.quote(value)}" for name, value in variables.items()]])


@contextmanager
def environment_up(name: str, suite: Path, quiet: bool = False) -> Iterator[Environment]:
    """Yield the environment called *name*; the lab is started for it, and stopped after, unless one is up."""
    environment = load_settings(suite).environment(name)
    if environment.kind != "lab":
        yield environment
        return
    from gameday.aws import refuse_shell, refuse_way_out

    refuse_shell()
    need_lab()
    from lab import control

    settings = lab_settings()
    state = control.status(settings.home)
    ours = state is None
    if state is None:
        say = (lambda sentence: None) if quiet else (lambda sentence: click.echo(f"  lab      {sentence}", err=True))
        state = control.up(settings, say)
    try:
        environment = replace(
            environment, endpoint=state.endpoint, url=state.url, build=state.build, simulated=state.simulated
        )
        refuse_way_out(environment)
        os.environ.update(lab_variables(state, suite))  # for chaosaws, and whatever else finds AWS by itself
        yield environment
    finally:
        if ours:
            control.down(settings.home)


def environment_now(name: str, suite: Path) -> Environment | None:
    """Return the environment called *name* as it is now, without starting anything; None: the lab is not up."""
    environment = load_settings(suite).environment(name)
    if environment.kind != "lab":
        return environment
    need_lab()
    from lab import control

    state = control.status(lab_settings().home)
    if state is None:
        return None
    os.environ.update(lab_variables(state, suite))
    return replace(environment, endpoint=state.endpoint, url=state.url, build=state.build, simulated=state.simulated)


def say_the_word(production: str | None) -> None:
    """Pass on that production is meant: the gate, which plain `chaos run` meets too, reads the variable."""
    if production:
        os.environ["GAMEDAY_PRODUCTION"] = production


def pair(text: str) -> tuple[str, Any]:
    """Return the key and the value of a `--set`; a day stays text. Raises UsageError: it is no pair, or no YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text}: write KEY=VALUE")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"--set {text}: the value is no YAML; quote it, as in --set '{key}=\"...\"'") from None
    return key, value if isinstance(read, date) else read


def tell(done: str, outcome: Outcome) -> None:
    """Print what came of an undo, *done* before what was read back. Raises UndoIncomplete: something is left."""
    for sentence in outcome.verified:
        click.echo(f"{done}: {sentence}")
    for sentence in outcome.notes:
        click.echo(sentence)
    if outcome.failures:
        raise UndoIncomplete("; ".join(outcome.failures))
    click.echo(outcome.sentence)
