"""A command on a leash ends, in order, with the process that asked for it, even when that one is killed.

The leash is standard input, whose other end nobody but the asking process holds. `python -m gameday.cli._leashed run
FILE` is `gameday run FILE`, interrupted, and so undone, when the leash ends. `... hold-lab ENV` starts a lab unless one
is up, says as one line of JSON what it is, and stops its own when the leash ends. `... check-files` answers for each
file that a line of standard input names what is wrong with it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli import main
from gameday.cli._shared import free_ports, lab_settings, lab_variables, need_lab, open_suite
from gameday.config import Environment, load_settings
from gameday.errors import GamedayError, UsageError

if TYPE_CHECKING:
    from lab.control import LabState
    from lab.settings import Settings

UNDONE_S = 90.0  # how long a lab waits for the end of a run whose leash ended with its own
EACH_WORKER = 64  # sets of ports that a worker of pytest-xdist looks at


@click.command("check-files")
def check_files() -> int:
    """Print a line of JSON for each line of JSON: a file's problems as one text, empty when it can be played."""
    suite = open_suite()
    from gameday.engine.check import check

    for line in sys.stdin:
        said = ""
        with redirect_stdout(sys.stderr):  # whatever a module says when it is imported
            try:
                check(Path(json.loads(line)), suite)
            except GamedayError as error:
                said = str(error)
        click.echo(json.dumps(said))
    return 0


@click.command("hold-lab")
@click.argument("env")
@click.option("--build", help="Build of the backend.")
@click.option("--worker", help="Name of a worker of pytest-xdist, which gets a lab of its own.")
def hold_lab(env: str, build: str | None, worker: str | None) -> int:
    """Hold a lab until standard input ends."""
    suite = open_suite()
    from gameday.aws import refuse_shell

    environment = load_settings(suite).environment(env)
    refuse_shell()
    need_lab()
    from lab import control

    settings = lab_settings(**({"build": build} if build else {}))
    state = control.status(settings.home)
    if state is not None and build in (None, state.build):
        _say(state, suite, {"GAMEDAY_LAB_HOME": str(settings.home)}, ours=False)
    elif state is not None and not worker:
        raise UsageError(f"a lab of the build {state.build} is up, not {build}; `gameday lab down` stops it")
    elif worker:
        own = _own(settings, worker)
        try:
            _hold(own, environment, suite, {"GAMEDAY_STATE": str(own.home / "state")})
        finally:
            shutil.rmtree(own.home, ignore_errors=True)
    else:
        _hold(settings, environment, suite, {})
    return 0


def _hold(settings: Settings, environment: Environment, suite: Path, more: dict[str, str]) -> None:
    from lab import control

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    state = control.up(settings, lambda sentence: click.echo(sentence, err=True))
    try:
        mine = {"GAMEDAY_LAB_HOME": str(settings.home), "GAMEDAY_LAB_PORT_BASE": str(settings.port_base), **more}
        _say(state, suite, mine, ours=True)
        _until_the_end()
        os.environ.update(more)  # of the state, where the lock of a run is
        _let_end(replace(environment, endpoint=state.endpoint))
    finally:
        control.down(settings.home)


def _say(state: LabState, suite: Path, found_by: dict[str, str], *, ours: bool) -> None:
    """Print what the lab is, the variables that point clients at it, and those by which `gameday` finds it."""
    told = {"ours": ours, "state": state.as_dict(), "variables": lab_variables(state, suite), "found_by": found_by}
    with suppress(OSError):  # whoever asked is gone, and so is the leash
        click.echo(json.dumps(told))


def _own(settings: Settings, worker: str) -> Settings:
    """Return *settings* with a new home and free ports: those of workers lie apart, so that none looks at another's."""
    from lab.settings import PORTS

    settings.home.parent.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=f"{settings.home.name}-{worker}-", dir=settings.home.parent))
    home.chmod(0o755)  # as root PostgreSQL runs as another user
    number = int("".join(filter(str.isdigit, worker)) or 0) % EACH_WORKER
    try:
        return replace(
            settings, home=home, port_base=free_ports(settings.port_base + PORTS * (number + 1), EACH_WORKER)
        )
    except UsageError:
        home.rmdir()
        raise


def _let_end(environment: Environment) -> None:
    """Wait until no run holds the lab any more: a run that is being undone needs it."""
    from gameday.safety.lock import is_held, lock_path

    deadline = time.monotonic() + UNDONE_S
    while is_held(lock_path(environment)) and time.monotonic() < deadline:
        time.sleep(0.1)


def _until_the_end() -> None:
    while os.read(0, 64):
        pass


def _interrupt_at_the_end() -> None:
    _until_the_end()
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    if (command := {"hold-lab": hold_lab, "check-files": check_files}.get(sys.argv[1])) is not None:
        del sys.argv[1]
        main(command)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    threading.Thread(target=_interrupt_at_the_end, daemon=True, name="gameday-leash").start()
    main()
