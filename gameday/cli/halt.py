"""`gameday halt`: stop everything that runs on an environment, from another terminal or another machine."""

from __future__ import annotations

import getpass
import socket

import click

from gameday.cli._shared import env_option, environment_now, open_suite, tell


@click.command("halt")
@env_option
@click.option("--within", "within_s", default=120.0, show_default=True, help="Seconds to wait for the end.")
def command(env: str, within_s: float) -> int:
    """Stop what runs on ENV, put everything back, and read it back; exit 0 only then.

    \b
    Example:
      gameday halt
      gameday halt --on staging
    """
    suite = open_suite()
    from gameday.engine.halting import halt_environment

    environment = environment_now(env, suite)
    if environment is None:
        click.echo("the lab is not up, so nothing runs on it")
        return 0
    why = f"`gameday halt` by {getpass.getuser()} on {socket.gethostname()}"
    outcome = halt_environment(environment, why, within_s, lambda sentence: click.echo(f"  {sentence}", err=True))
    tell("read back", outcome)
    return 0
