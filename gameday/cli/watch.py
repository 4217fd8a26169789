"""`gameday watch`: watch a release after its deployment, and roll it back on evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli._shared import env_option, environment_now, open_suite, runs_option
from gameday.errors import UsageError

if TYPE_CHECKING:
    from gameday.config import Environment
    from gameday.watch.story import Story

COLOURS = {"well": "green", "rolled back": "yellow", "rolled back by ecs": "yellow"}


@click.command("watch")
@env_option
@click.option("--service", metavar="NAME", default="", help="ECS service; default: the environment's.")
@click.option("--cluster", metavar="NAME", default="", help="ECS cluster; default: the environment's.")
@click.option("--release", metavar="ID", default="", help="What the release is called: a commit, a version.")
@click.option(
    "--committed", metavar="TIME", default="", help="When it was committed (ISO 8601); default: asked of git."
)
@click.option("--preset", type=click.Choice(["burn", "seed"]), help="Rules; default: the environment's, else burn.")
@click.option("--observe", "observe_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="How long after the deployment has ended; default: the environment's.")  # fmt: skip
@click.option("--by", type=click.Choice(["auto", "digest", "stop"]), default="auto", show_default=True,
              help="How to go back: stop a deployment under way, or deploy the last good digest.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Judge, and say what would be done; change nothing.")
@click.option("--drill", is_flag=True, help="An experiment that goes on excuses no errors.")
@click.option("--resume", is_flag=True, help="Only go on with a watch that was cut short.")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print watch.json, and nothing else, on standard output.")
@click.option("--yes", is_flag=True, help="Do not ask outside the lab.")
def command(
    env: str, service: str, cluster: str, release: str, committed: str, preset: str | None, observe_s: float | None,
    by: str, dry_run: bool, drill: bool, resume: bool, runs: Path, as_json: bool, yes: bool,
) -> int:  # fmt: skip
    """Watch a service after a deployment, and roll it back when there is evidence against the release.

    Exit 0: well. 1: rolled back, verified. 3: another watcher has the service. 4: blind, or superseded by a newer
    deployment. 6: the rollback could not be verified. 130: interrupted.

    \b
    Example:
      gameday watch
      gameday watch --on staging --service foodconnect-backend --release "$GITHUB_SHA" --yes
    """
    suite = open_suite()
    from gameday.notify import channels_of
    from gameday.release import stated
    from gameday.watch.rollback import By
    from gameday.watch.session import Asked, listening, opened
    from gameday.watch.voice import voice
    from gameday.watch.watcher import Manner, Stop

    environment = environment_now(env, suite)
    if environment is None:
        raise UsageError("the lab is not up, so nothing can be watched on it; start it with `gameday lab up`")
    committed = stated(committed) if committed else ""
    ways: dict[str, By] = {"auto": "auto", "digest": "digest", "stop": "stop"}
    asked = Asked(
        cluster, service, release, committed, preset or "", observe_s or 0.0, resume,
        Manner(ways[by], dry_run, drill),
    )  # fmt: skip
    _is_named(environment)
    _confirm(environment, yes or dry_run)
    channels = channels_of(environment, suite)
    stop, say = Stop(), _sayer()
    with listening(stop, say), opened(environment, asked, runs, say=say, stop=stop) as watcher:
        watcher.tell = voice(channels, watcher.story)
        say(f"record: {watcher.story.recorder.folder}")
        watcher.watch()
        return _report(watcher.story, as_json)


def _sayer() -> Callable[[str], None]:
    said: list[str] = []

    def say(sentence: str) -> None:
        if said != [sentence]:
            said[:] = [sentence]
            click.echo(f"  {time.strftime('%H:%M:%S', time.gmtime())}Z {sentence}", err=True)

    return say


def _is_named(environment: Environment) -> None:
    if environment.kind == "aws" and not environment.account:
        where = f"[environments.{environment.name}]"
        raise UsageError(
            f"{where} names no account, so whether these credentials are of the right one cannot be said; "
            'write account = "123456789012" into gameday.toml'
        )


def _confirm(environment: Environment, sure: bool) -> None:
    if environment.kind != "lab" and not sure:
        where = f"{environment.name} (account {environment.account})"
        click.confirm(f"watch, and roll back on evidence, on {where}?", abort=True, err=True)


def _report(story: Story, as_json: bool) -> int:
    from gameday.watch.story import EXITS

    if as_json:
        click.echo(json.dumps(story.as_json(), indent=1))
    else:
        word = click.style(f"{story.outcome:<13}", fg=COLOURS.get(story.outcome, "red"), bold=True)
        click.echo(f"{word} {story.service}: {story.why[0] if story.why else ''}")
        for why in story.why[1:4]:
            click.echo(f"{'':<13} {why}")
        click.echo(f"{'':<13} record: {story.recorder.folder}")
    return EXITS.get(story.outcome, 130)
