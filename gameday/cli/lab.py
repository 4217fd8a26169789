"""`gameday lab`: the embedded staging."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gameday.cli._shared import export_lines, lab_settings, lab_variables, need_lab, open_suite
from gameday.errors import UsageError

if TYPE_CHECKING:
    from lab.usage import Usage


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
@click.option(
    "--tasks",
    type=click.IntRange(1, 200),
    default=3,
    show_default=True,
    help="Tasks of the service. More than 8 are light: forked, with small pools, on Linux.",
)
def up(build: str, deny: tuple[str, ...], port_base: int | None, tasks: int) -> int:
    """Start the lab and wait until it is healthy.

    \b
    Example:
      gameday lab up --deny ecs:StopTask
      gameday lab up --tasks 50
    """
    from lab import builds, control

    if click.get_current_context().get_parameter_source("tasks") is ParameterSource.COMMANDLINE:
        builds.build(build).check({"tasks": tasks})
    settings = lab_settings(build=build, deny=deny, tasks=tasks, **({"port_base": port_base} if port_base else {}))
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
    """Show the running lab: its build and what that models, addresses, simulated delays, what each process costs.

    Memory is in MB, CPU in percent of one core, measured over half a second.

    \b
    Example:
      gameday lab status --json
    """
    from lab import control, usage
    from lab.builds import BUILDS

    state = control.status(lab_settings().home)
    if state is None:
        raise UsageError("no lab is up; `gameday lab up` starts one")
    used = usage.measure(state.pids)
    sums = usage.by_kind(used)
    shown = {"build": state.build, "models": BUILDS[state.build].models, **state.as_dict()}
    if as_json:
        costs = {"processes": [one.as_dict() for one in used], "usage": [one.as_dict() for one in sums]}
        click.echo(json.dumps({**shown, **costs}, indent=1))
        return 0
    for line in _state_lines(shown):
        click.echo(line)
    for line in _usage_lines(used, sums):
        click.echo(line)
    return 0


def _state_lines(shown: Mapping[str, object]) -> Iterator[str]:
    """Yield a line a member; the process ids come with what they cost."""
    tasks = f"{shown['tasks']} ({shown['light']})" if shown["light"] else shown["tasks"]
    for name, value in {**shown, "tasks": tasks}.items():
        if name in ("pids", "light"):
            continue
        if isinstance(value, dict):
            note = " (seconds; not real, never measured)" if name == "simulated" else ""
            yield f"{name}:{note}"
            yield from (f"    {key:<24} {item}" for key, item in value.items())
        else:
            yield f"{name:<12} {value}"


def _usage_lines(used: Sequence[Usage], sums: Sequence[Usage]) -> Iterator[str]:
    """Yield a line a process, and one a kind."""
    for title, rows in (("processes", used), ("usage", sums)):
        yield f"{title:<28} {'pid' if title == 'processes' else 'processes':>9} {'MB':>8} {'CPU %':>7}"
        for one in rows:
            number = one.processes if one.pid is None else one.pid
            yield f"    {one.name:<24} {number:>9} {one.memory_mb:>8.1f} {one.cpu_percent:>7.1f}"


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
