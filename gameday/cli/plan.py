"""`gameday plan`: a rehearsal of one run or of a whole day, for people and as JSON. It reads, and changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli._shared import env_option, environment_up, open_suite, pair, runs_option, say_the_word
from gameday.errors import Refusal
from gameday.model import Json

if TYPE_CHECKING:
    from gameday.engine.rehearsal import Rehearsal, Rehearsed, Sent


SHOWN = 10  # of the targets that one is drawn from


@click.command("plan")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@env_option
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A value of the configuration; may be repeated."
)
@click.option("--reveal", is_flag=True, help="Of a game day: show what is not announced, and the drawn delays.")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, and nothing else, on standard output.")
@click.option(
    "--production", metavar="NAME", envvar="GAMEDAY_PRODUCTION", help="The word for a production environment: its name."
)
@click.pass_context
def command(
    context: click.Context, file: Path, env: str, given: tuple[str, ...], reveal: bool, runs: Path, as_json: bool,
    production: str | None,
) -> int:  # fmt: skip
    """Say what a run of FILE would do, and whether it would be let: targets, blast radius, every API call, each undo.

    FILE is an experiment; or the plan of a game day, or its name in plans: then its agenda with times, what each
    experiment would do, and who would hear of it, on the plan's environment unless --on names another.

    Nothing is changed: only reading calls leave this machine. Exit 0: it would run. 3: it would be refused, or a
    permission is missing; all reasons are printed. 2: the input is wrong.

    \b
    Example:
      gameday plan experiments/ecs/stop-one-task.yaml
      gameday plan experiments/rds/reboot-with-failover.yaml --on staging --json
      gameday plan plans/first-game-day.yaml
    """
    suite = open_suite()
    say_the_word(production)
    if plan_file := _of_a_day(file, suite):
        stated = context.get_parameter_source("env") is not click.core.ParameterSource.DEFAULT
        values = dict(pair(text) for text in given)
        return _preview(plan_file, env if stated else "", suite, runs, values, reveal, as_json)
    from gameday.engine.check import check
    from gameday.engine.rehearsal import plain, rehearse
    from gameday.redact import Redactor

    values = dict(pair(text) for text in given)
    check(file, suite)  # before a lab is started for it
    with environment_up(env, suite, quiet=as_json) as environment:
        plan = rehearse(file, environment, suite, values)
    clean = Redactor.from_environment(os.environ).text
    click.echo(clean(json.dumps(plain(plan), indent=1) if as_json else "\n".join(_told(plan))))
    return 0 if plan.would_run else Refusal.exit_code


def _of_a_day(file: Path, suite: Path) -> Path | None:
    """Return the file of a game day's plan; None: *file* is none."""
    from gameday.day.reading import find, is_plan
    from gameday.source import Source

    if not file.suffix and not file.exists():
        return find(str(file), suite)
    path = file if file.exists() else find(str(file), suite)
    return path if is_plan(Source.yaml(path).data) else None


def _preview(
    file: Path, env: str, suite: Path, runs: Path, given: dict[str, Json], reveal: bool, as_json: bool
) -> int:  # fmt: skip
    from gameday.cli._plan_of_day import told
    from gameday.config import load_settings
    from gameday.day.preview import check_values, plain, preview
    from gameday.day.reading import read
    from gameday.redact import Redactor

    loaded = read(file, suite)
    name = env or loaded.plan.environment
    check_values(loaded, load_settings(suite).environment(name), given)  # before a lab is started for it
    with environment_up(name, suite, quiet=as_json) as environment:
        seen = preview(loaded, environment, runs, given)
    clean = Redactor.from_environment(os.environ).text
    click.echo(clean(json.dumps(plain(seen, reveal), indent=1) if as_json else "\n".join(told(seen, reveal))))
    return 0 if seen.would_run else Refusal.exit_code


def _told(plan: Rehearsal) -> Iterator[str]:
    """Yield the plan's lines for people."""
    environment = plan.environment
    word = ", production" if environment.production else ""
    yield f"plan of {plan.title}"
    place = f"account {environment.account}, {environment.region}"
    yield f"  on         {environment.name} ({environment.kind}{word}), {place}"
    yield f"  as         {plan.caller}"
    yield from _load(plan)
    for number, action in enumerate(plan.method, 1):
        yield f"\naction {number}: {action.intent.action}"
        yield from _action(plan, action)
    for rollback in plan.rollbacks:
        yield f"\nrollback: {rollback.intent.action}: {rollback.intent.sentence}"
    yield "\nguards, as they read now"
    yield from (f"  {reading.answer.value:<10} {reading.sentence}" for reading in plan.guards)
    yield f"  {plan.steady.answer.value:<10} steady metrics {'; '.join(plan.steady.reasons)}".rstrip()
    yield "\npermissions"
    yield from _permissions(plan)
    yield ""
    if plan.would_run:
        yield "it would run; nothing was changed"
        return
    reasons = [*plan.refusals, *(f"{one.action} on {one.resource} is denied ({one.how})" for one in plan.denied)]
    yield f"it would be refused, for {len(reasons)} reason{'s' if len(reasons) > 1 else ''}; nothing was changed"
    yield from (f"  - {reason}" for reason in reasons)


def _load(plan: Rehearsal) -> Iterator[str]:
    phases = plan.environment.phases.adjusted(plan.block.load)
    least, most = plan.takes_s
    load = plan.block.load
    yield f"  load       {f'{load.journey}, {load.rate:g} requests a second' if load else 'none'}"
    warmup = f"warm-up {phases.warmup_s:g} s, " if load else ""
    yield f"  phases     {warmup}baseline {phases.baseline_s:g} s, fault, recovery at least {phases.recovery_s:g} s"
    yield f"  takes      {least:g} to {most:g} s"


def _action(plan: Rehearsal, action: Rehearsed) -> Iterator[str]:
    intent = action.intent
    yield f"  does       {intent.sentence}"
    for target in intent.targets:
        yield f"  target     {target.kind} {target.name}  {target.arn}"
    more = len(intent.drawn_from) - SHOWN
    for name in (*intent.drawn_from[:SHOWN], *([f"{more} more (--json has them)"] if more > 0 else [])):
        yield f"  drawn from {name}"
    yield f"  blast      {_blast(plan, action)}"
    if not intent.calls_known:
        yield "  calls      not known beforehand: no action of this suite"
    for call in action.calls:
        yield f"  calls      {_call(call)}"
    yield from _undo(action)


def _undo(action: Rehearsed) -> Iterator[str]:
    intent = action.intent
    if intent.ends_by_itself:
        yield f"  ends       {intent.ends_by_itself}"
    for undo in intent.undo:
        yield f"  undo       {undo.sentence}"
        yield f"    by hand  {undo.by_hand}"
    for call in action.undo_calls:
        yield f"    calls    {_call(call)}"
    if intent.why_no_undo:
        yield f"  no undo    {intent.why_no_undo}"


def _blast(plan: Rehearsal, action: Rehearsed) -> str:
    from gameday.engine.rehearsal import percent

    intent, limits = action.intent, plan.limits
    if intent.hit is None:
        return "not known beforehand"
    tasks = f"{limits.tasks}" if limits.tasks is not None else ""
    share = f"{limits.percent:g} %" if limits.percent is not None else ""
    limit = " and ".join(filter(None, (tasks, share))) or "none"
    told = f", the limit is {limit}" if intent.what == "tasks" else ""
    return f"{intent.hit} of {intent.of} {intent.what} ({percent(intent)} %){told}"


def _call(one: Sent) -> str:
    times = f"{one.times} x " if one.times > 1 else ""
    complaint = f"  INVALID: {one.complaint}" if one.complaint else ""
    return f"{times}{one.call.name} {json.dumps(one.call.params, ensure_ascii=False)}{complaint}"


def _permissions(plan: Rehearsal) -> Iterator[str]:
    """Yield the reads in one line; of everything else one line an action and answer."""
    reads = [one.action for one in plan.permissions if one.how.startswith("made")]
    yield f"  allowed    {', '.join(reads)} (made just now)"
    others: dict[tuple[str, str, str], list[str]] = {}
    for one in plan.permissions:
        if one.action not in reads:
            others.setdefault((one.answer, one.action, one.how), []).append(one.resource)
    for (answer, action, how), resources in others.items():
        more = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
        yield f"  {answer:<10} {action} on {resources[0]}{more} ({how})"
