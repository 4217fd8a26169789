"""`gameday lab`: the embedded staging."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from gameday.cli._shared import export_lines, lab_settings, lab_variables, need_lab, open_suite
from gameday.errors import UsageError


@click.group("lab")
@click.option(
    "--home", type=click.Path(path_type=Path), help="Folder of the lab's files; GAMEDAY_LAB_HOME says it too."
)
def command(home: Path | None) -> None:
    """Start, stop and look at the embedded staging on this machine.

    \b
    Example:
      gameday lab up --build no-retry
      eval "$(gameday lab env)"
    """
    open_suite()
    need_lab()
    if home is not None:
        os.environ["GAMEDAY_LAB_HOME"] = str(home.resolve())


@command.command()
@click.option(
    "--build", default="default", show_default=True, help="Build of the backend, see `gameday lab build list`."
)
@click.option(
    "--deny", multiple=True, metavar="ACTION", help="An API action that answers AccessDenied, as ecs:StopTask."
)
@click.option("--port-base", type=int, envvar="GAMEDAY_LAB_PORT_BASE", help="First of its ports. [default: 27000]")
def up(build: str, deny: tuple[str, ...], port_base: int | None) -> int:
    """Start the lab and wait until it is healthy.

    \b
    Example:
      gameday lab up --deny ecs:StopTask
    """
    from lab import control

    settings = lab_settings(build=build, deny=deny, **({"port_base": port_base} if port_base else {}))
    if (running := control.status(settings.home)) is not None:
        raise UsageError(f"a lab is up already (build {running.build}, {running.url}); `gameday lab down` stops it")
    state = control.up(settings, lambda sentence: click.echo(f"  {sentence}", err=True))
    click.echo(f"the lab is up: {state.url}, AWS API {state.endpoint}, build {state.build}")
    click.echo('point clients at it with: eval "$(gameday lab env)"')
    return 0


@command.command()
def down() -> int:
    """Stop the lab and everything it started.

    \b
    Example:
      gameday lab down
    """
    from lab import control

    click.echo("the lab is down" if control.down(lab_settings().home) else "no lab was up")
    return 0


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Show the running lab: its build and what that models, addresses, simulated delays, process ids.

    \b
    Example:
      gameday lab status --json
    """
    from lab import control
    from lab.builds import BUILDS

    state = control.status(lab_settings().home)
    if state is None:
        raise UsageError("no lab is up; `gameday lab up` starts one")
    shown = {"build": state.build, "models": BUILDS[state.build].models, **state.as_dict()}
    if as_json:
        click.echo(json.dumps(shown, indent=1))
        return 0
    for name, value in shown.items():
        if isinstance(value, dict):
            note = " (seconds; not real, never measured)" if name == "simulated" else ""
            click.echo(f"{name}:{note}")
            for key, item in value.items():
                click.echo(f"    {key:<24} {item}")
        else:
            click.echo(f"{name:<12} {value}")
    return 0


@command.command()
def env() -> int:
    """Print the `export` lines that point awscli, boto3 and `chaos` at the lab, and nowhere else.

    \b
    Example:
      eval "$(gameday lab env)"
    """
    from lab import control

    state = control.status(lab_settings().home)
    if state is None:
        raise UsageError("no lab is up; `gameday lab up` starts one")
    click.echo(export_lines(lab_variables(state, open_suite())))
    return 0


@command.group()
def build() -> None:
    """Builds of the lab's backend, and its weak twins.

    \b
    Example:
      gameday lab build list
    """


@build.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_builds(as_json: bool) -> int:
    """List the builds: what each models, and the finding it should lead to.

    \b
    Example:
      gameday lab build list --json
    """
    from lab.builds import BUILDS

    told = [{"name": each.name, "models": each.models, "expects": each.expects} for each in BUILDS.values()]
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return 0
    width = max(len(name) for name in BUILDS)
    for each in told:
        click.echo(f"{each['name']:<{width}}  models    {each['models']}")
        click.echo(f"{'':<{width}}  expected  {each['expects']}")
    return 0
