"""`gameday schedule`: writes out the schedule of a game day, and lists what is scheduled and what was missed."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli._shared import environment_now, open_suite, runs_option
from gameday.config import BUNDLED
from gameday.errors import UsageError

if TYPE_CHECKING:
    from gameday.config import Environment, Runner
    from gameday.schedule.eventbridge import Requests
    from gameday.schedule.plans import Scheduled

YEAR = 365


class PlanFirst(click.Group):
    """A group in which `schedule PLAN ...` is short for `schedule write PLAN ...`."""

    short_for = "write"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb before what is no command of the group."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [self.short_for, *args]
        return super().parse_args(ctx, args)


@click.group("schedule", cls=PlanFirst)
def command() -> None:
    """Write out when a game day is played: `gameday schedule PLAN --as KIND`; or list what is scheduled.

    PLAN has `when: {date: ...}` or `when: {cron: ..., zone: ...}`. The day itself looks at its time and at freezes when
    it begins; a missed day is told, and never caught up.

    \b
    Example:
      gameday schedule release-readiness --as cron
      gameday schedule list --days 365
    """


@command.command()
@click.argument("plan")
@click.option("--as", "kind", type=click.Choice(["eventbridge", "github", "cron", "systemd"]), required=True,
              help="What starts the day.")  # fmt: skip
@click.option("--on", "env", metavar="ENV", help="Environment of gameday.toml. [default: the plan's]")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file; for systemd, to this folder.")
@click.option("--apply", "send", is_flag=True, help="EventBridge: create or change the schedule.")
@click.option("--yes", is_flag=True, help="Do not ask before --apply outside the lab.")
@click.option("--dry-run", is_flag=True, help="Show when it would begin, and write nothing.")
@click.option("--days", default=YEAR, show_default=True, type=click.IntRange(1, 3660), help="How far --dry-run looks.")
@click.option("--target", type=click.Choice(["ecs", "codebuild"]), help="EventBridge: what plays the day.")
@click.option("--cluster", help="ECS: the runner's own cluster, never the one under test.")
@click.option("--task-definition", help="ECS: family:revision or ARN.")
@click.option("--subnets", help="ECS: comma-separated.")
@click.option("--security-groups", help="ECS: comma-separated.")
@click.option("--project", help="CodeBuild: the project; its buildspec plays $GAMEDAY_PLAN.")
@click.option("--role", help="ARN of the role that Scheduler, or the workflow, assumes.")
@click.option("--dead-letter", help="EventBridge: ARN of the SQS queue for what could not be started.")
def write(
    plan: str, kind: str, env: str | None, out: Path | None, send: bool, yes: bool, dry_run: bool, days: int,
    **given: str | None,
) -> int:  # fmt: skip
    """Write the schedule of PLAN, a file or a name in plans/, to standard output.

    What the options leave open stands in [environments.ENV.runner] of gameday.toml. EventBridge's output is JSON:
    create_schedule_group, create_schedule, and the role's trust and permissions.

    \b
    Example:
      gameday schedule release-readiness --as eventbridge --apply --on staging
      gameday schedule release-readiness --as github --out .github/workflows/readiness.yml
      gameday schedule release-readiness --as cron --dry-run
    """
    suite = open_suite()
    from gameday.schedule.plans import load

    if send and kind != "eventbridge":
        raise UsageError(f"--apply is for --as eventbridge; write --as {kind} into its place yourself, by --out")
    scheduled = load(plan, suite)
    name = env or scheduled.plan.environment
    environment = _environment(name, suite)
    if dry_run:
        _show(scheduled, environment, days)
        return 0
    runner = _runner(environment, kind, given)
    _refuse_past(scheduled)
    _warn(scheduled)
    if kind == "eventbridge":
        return _eventbridge(scheduled, environment, runner, out, send, yes)
    _put(_texts(scheduled, environment, runner, kind, suite), out, kind)
    return 0


@command.command("list")
@click.argument("plans", nargs=-1, metavar="[PLAN]...")
@click.option("--on", "env", metavar="ENV", help="Ask EventBridge Scheduler there for schedules that differ.")
@click.option("--days", default=0, type=click.IntRange(0, 3660), help="Show every begin of so many days from now.")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(plans: tuple[str, ...], env: str | None, days: int, runs: Path, as_json: bool) -> int:
    """List the plans: when each is due next, its last day and outcome, missed days, and freezes in the way.

    With --on also the schedules in EventBridge that have no plan any more, or another than their plan says.

    \b
    Example:
      gameday schedule list
      gameday schedule list release-readiness --days 365
      gameday schedule list --on staging --json
    """
    suite = open_suite()
    from gameday.schedule import listing
    from gameday.schedule.plans import all_plans, load

    now = time.time()
    rows, known, wrong = [], [], []
    for name in plans or all_plans(suite):
        try:
            scheduled = load(name, suite)
            environment = _environment(scheduled.plan.environment, suite)
        except UsageError as error:
            if plans:
                raise
            wrong.append(str(error))
            continue
        known.append(scheduled)
        written = (suite / scheduled.file).stat().st_mtime
        rows.append(listing.row(scheduled, environment, listing.days(runs, scheduled.name), now, days, written))
    differing = _drift(env, suite, known) if env else []
    if as_json:
        told = {"plans": [row.as_json() for row in rows], "drift": differing, "problems": wrong}
        click.echo(json.dumps(told, indent=1))
    else:
        lines = [line for row in rows for line in listing.text(row)]
        lines += [f"EventBridge, {one['environment']}: {one['schedule']}: {one['what']}" for one in differing]
        if lines or not wrong:
            click.echo("\n".join(lines) if lines else "no plans in plans/")
    for sentence in wrong:
        click.echo(sentence, err=True)
    return 2 if wrong else 0


def _environment(name: str, suite: Path) -> Environment:
    from gameday.config import load_settings

    return load_settings(suite).environment(name)


def _runner(environment: Environment, kind: str, given: dict[str, str | None]) -> Runner:
    """Return the environment's runner with what the options say instead. Raises UsageError: an option is not for it."""
    own = {"github": {"role"}, "eventbridge": set(given)}.get(kind, set())
    if odd := [name for name, value in given.items() if value is not None and name not in own]:
        raise UsageError(f"--{odd[0].replace('_', '-')} is not for --as {kind}; leave it out")
    changes: dict[str, object] = {}
    for name, value in given.items():
        if value is not None:
            key = "github_role" if kind == "github" else name
            listed = name in ("subnets", "security_groups")
            changes[key] = [one.strip() for one in value.split(",") if one.strip()] if listed else value
    return replace(environment.runner, **changes)  # type: ignore[arg-type]


def _eventbridge(
    scheduled: Scheduled, environment: Environment, runner: Runner, out: Path | None, send: bool, yes: bool
) -> int:
    from gameday.schedule.eventbridge import requests

    wanted = requests(scheduled, environment, runner)
    if not send or out:
        _put({"": json.dumps(wanted.document(), indent=1) + "\n"}, out, "eventbridge")
    if send:
        click.echo(_send(scheduled, environment.name, wanted, yes))
    return 0


def _send(scheduled: Scheduled, env: str, wanted: Requests, yes: bool) -> str:
    from gameday.aws import Aws, refuse_way_out
    from gameday.schedule.applying import apply

    environment = environment_now(env, open_suite())
    if environment is None:
        raise UsageError("the lab is not up, so it takes no schedule; `gameday lab up`")
    refuse_way_out(environment)
    aws = Aws(environment)
    aws.check_account()
    if environment.kind != "lab" and not yes:
        click.confirm(
            f"put the schedule of {scheduled.title!r} into {env}? It starts faults there by itself", abort=True
        )
    return apply(aws, wanted)


def _texts(scheduled: Scheduled, environment: Environment, runner: Runner, kind: str, suite: Path) -> dict[str, str]:
    """Return {file name: text}; without a name where there is one file."""
    from gameday.schedule import cron, eventbridge, github, systemd

    if kind == "github":
        return {"": github.workflow(scheduled, environment, runner, time.time())}
    words = [*_program(), *eventbridge.command(scheduled, environment)[1:]]
    folder = Path.cwd() if suite == BUNDLED else suite  # where the days' records go: never beside installed code
    return {"": cron.lines(scheduled, words, folder)} if kind == "cron" else systemd.units(scheduled, words, folder)


def _program() -> list[str]:
    """Return what starts gameday on this machine, where nobody has set a PATH."""
    beside = Path(sys.executable).with_name("gameday")
    found = str(beside) if beside.is_file() else shutil.which("gameday")
    return [found] if found else [sys.executable, "-m", "gameday"]


def _put(texts: dict[str, str], out: Path | None, kind: str) -> None:
    """Print the texts, or write them: to the file *out*, or into the folder *out* where they have names."""
    for name, text in texts.items():
        if out is None:
            click.echo(f"# ---- {name}\n{text}" if name else text, nl=False)
            continue
        path = out / name if name else out
        if kind == "systemd" and out.is_file():
            raise UsageError(f"{out} is a file; --as systemd writes two files, so --out names a folder")
        if not name and out.is_dir():
            raise UsageError(f"{out} is a folder; name a file in it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}; name another by --out") from None
        click.echo(str(path), err=True)


def _show(scheduled: Scheduled, environment: Environment, days: int) -> None:
    from gameday.schedule import listing

    scheduled.repeats()
    now = time.time()
    zone = scheduled.plan.when.zone
    found = listing.begins(scheduled, environment, now, now + days * 86400)
    until = datetime.fromtimestamp(now + days * 86400, UTC)
    frozen = sum(bool(one.frozen) for one in found)
    for line in listing.table(found, zone):
        click.echo(line)
    click.echo(f"{len(found)} begins until {until:%Y-%m-%d}, {frozen} of them frozen; by the clock of {zone}")


def _refuse_past(scheduled: Scheduled) -> None:
    """Raise UsageError: the plan's date is over, and a scheduler would start it at once, in a year, or never."""
    from gameday.day import calendar

    when = scheduled.plan.when
    if when.date is not None and next(calendar.begins(when, time.time(), math.inf), None) is None:
        raise UsageError(f"{scheduled.file}: {when.date} {when.begins} is over; give the day another date")


def _warn(scheduled: Scheduled) -> None:
    """Say which begins of the next year no scheduler starts, because the clocks skip their time."""
    from gameday.day import calendar

    when, now = scheduled.plan.when, time.time()
    for at in calendar.begins(when, now, now + YEAR * 86400):
        if calendar.skipped(when, at):
            shown = calendar.shown(at, when.zone)
            click.echo(f"note: the clocks skip its time on one day, due {shown}: no day is started then", err=True)


def _drift(env: str, suite: Path, known: Sequence[Scheduled]) -> list[dict[str, str]]:
    from gameday.aws import Aws
    from gameday.schedule.applying import drift
    from gameday.schedule.plans import all_plans

    environment = environment_now(env, suite)
    if environment is None:
        raise UsageError("the lab is not up, so its schedules cannot be read; `gameday lab up`, or leave --on out")
    found = drift(Aws(environment, read_only=True), known, all_plans(suite))
    return [{"environment": env, "schedule": one.name, "what": one.what} for one in found]
