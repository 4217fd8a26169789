"""A plan as a GitHub Actions workflow: approval by an environment, one at a time on what it tests, never cancelled.

GitHub's crons are in UTC. Where the plan's zone changes its clocks there is one cron for each offset, and a first job,
before anybody is asked to approve, lets only the one through whose offset it is now.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gameday.config import Environment, Runner
from gameday.day import calendar
from gameday.day.plan import When
from gameday.errors import UsageError
from gameday.schedule.cron import posix
from gameday.schedule.plans import Scheduled
from gameday.schedule.words import refuse_unprintable, shell, yaml_text

SPARE_MIN = 60  # installing, and undoing what a cancelled day left
MOST_MIN = 360  # GitHub itself ends a job after six hours
ROLE_S = 43200  # the longest that credentials can live
CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
CREDENTIALS = "aws-actions/configure-aws-credentials@00943011d9042930efac3dcd3a170e4273319bc8 # v5.1.0"

HEAD = """\
# Written by `gameday schedule --as github` from {file}; change the plan, not this file.
# GitHub starts schedules late at busy times, and may drop one: the day refuses to begin later than when.late_s, and
# `gameday schedule list` names what was missed. It runs on the default branch alone.
name: {name}

on:
  schedule: # UTC{why}
{crons}

permissions: {{}}

jobs:
  due:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions: {{}}
    outputs:
      now: ${{{{ steps.clock.outputs.now }}}}
    steps:
      - name: Is it the day's time by its own clock?
        id: clock
        env:
          FIRED: ${{{{ github.event.schedule }}}}
          TZ: {zone}
        run: |
          now=false
          case $FIRED in
{cases}
          esac
          echo "now=$now" >> "$GITHUB_OUTPUT"

  day:
    needs: due
    if: needs.due.outputs.now == 'true'
    runs-on: ubuntu-latest
    timeout-minutes: {timeout}
{approval}    permissions:
      contents: read
{token}    concurrency: # one at a time on what it tests, and none is cancelled: a cancelled one would leave its fault
      group: {group}
      cancel-in-progress: false
    steps:
      - uses: {checkout}
        with:
          persist-credentials: false
{role}
      - id: day
        uses: ./.github/actions/day
{secrets}        with:
          plan: {plan}
          "on": {on}
{again}"""

ROLE = """
      - uses: {credentials}
        with:
          role-to-assume: {role}
          role-session-name: gameday-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          role-duration-seconds: {seconds}
          aws-region: {region}
"""
AGAIN = """
      # The action has settled what the day changed. Once more with fresh credentials, in case the first had expired.
      - uses: {credentials}
        if: always() && contains(fromJSON('["failure", "cancelled"]'), steps.day.outputs.ended)
        with:
          role-to-assume: {role}
          role-session-name: gameday-settle-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          aws-region: {region}

      - name: Nothing stays broken
        if: always() && contains(fromJSON('["failure", "cancelled"]'), steps.day.outputs.ended)
        env:
          DAY_ON: {on}
          DAY_EXIT: ${{{{ steps.day.outputs.exit }}}}
        run: .github/actions/settle.sh "$DAY_ON" "$DAY_EXIT"
"""


def workflow(scheduled: Scheduled, environment: Environment, runner: Runner, now: float) -> str:
    """Return the workflow. Raises UsageError: the cron cannot be said in UTC, or the day is too long for a job."""
    scheduled.repeats()
    refuse_unprintable(scheduled.file, "the file")
    if "${{" in scheduled.file:
        raise UsageError(f"the file {scheduled.file!r} holds an expression of GitHub; rename it")
    when, aws = scheduled.plan.when, environment.kind == "aws"
    if aws and not runner.github_role:
        raise UsageError(
            f"{environment.name} has no role for GitHub: give --role, or write github_role into "
            f"[environments.{environment.name}.runner] of gameday.toml; docs/github-actions.md makes one"
        )
    fired = crons(when, now)
    timeout = math.ceil(when.lasts_s / 60) + SPARE_MIN
    if timeout > MOST_MIN:
        raise UsageError(f"a day of {calendar.length(when.lasts_s)} and {SPARE_MIN} min to undo are more than the "
                         f"{MOST_MIN} min of a job; shorten when.lasts_s, or take another scheduler")  # fmt: skip
    values = {
        "credentials": CREDENTIALS,
        "role": yaml_text(runner.github_role),
        "region": environment.region,
        "seconds": min(timeout * 60, ROLE_S),
        "on": yaml_text(environment.name),
    }
    return HEAD.format(
        file=scheduled.file,
        name=yaml_text(f"game day: {scheduled.title}"),
        why="" if len(fired) == 1 else f": one for each offset of {when.zone}",
        crons="\n".join(f'    - cron: "{cron}"' for cron in fired),
        group=yaml_text(f"chaos-{environment.name}"),
        zone=when.zone,
        cases="\n".join(_case(when, cron, offset) for cron, offset in fired.items()),
        timeout=timeout,
        approval=f"    environment: {yaml_text(approvers(environment, runner))}\n" if aws else "",
        token="      id-token: write # for the role; nothing is kept on GitHub\n" if aws else "",
        checkout=CHECKOUT,
        role=ROLE.format(**values) if aws else "",
        plan=yaml_text(scheduled.file),
        on=values["on"],
        secrets=_secrets(environment) if aws else "",
        again=AGAIN.format(**values) if aws else "",
    )


def approvers(environment: Environment, runner: Runner) -> str:
    """Return the name of GitHub's environment whose reviewers approve the day."""
    return runner.github_environment or f"gameday-{environment.name}"


def _secrets(environment: Environment) -> str:
    """Return the variables that the environment's channels name, each out of GitHub's secret of the same name."""
    named = {value.removeprefix("env:") for channel in environment.channels.values()
             for value in asdict(channel).values() if isinstance(value, str) and value.startswith("env:")}  # fmt: skip
    lines = [f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in sorted(named) if name.isidentifier()]
    return "".join(["        env: # of the channels\n", *lines]) if lines else ""


def crons(when: When, now: float) -> dict[str, str]:
    """Return {cron in UTC: the offset `+0100` at which it is the plan's time; of a plan with a date: the date}.

    Raises UsageError: a cron cannot be moved to UTC without another day of the month.
    """
    if when.date is not None:
        at = datetime.fromtimestamp(next(calendar.begins(when, 0, math.inf)), UTC)
        return {f"{at.minute} {at.hour} {at.day} {at.month} *": when.date}
    assert when.cron is not None
    posix(when.cron)
    zone = ZoneInfo(when.zone)
    days = (datetime.fromtimestamp(now + day * 86400, zone) for day in range(370))
    offsets = sorted({day.utcoffset() or timedelta() for day in days})
    return {_moved(when, offset): _sign(offset) for offset in offsets}


def _moved(when: When, offset: timedelta) -> str:
    """Return the cron of *when* in UTC, while the zone is *offset* ahead of it."""
    assert when.cron is not None
    read = calendar.cron_fields(when.cron)
    total = read.hour * 60 + read.minute - round(offset.total_seconds() / 60)
    shift, minutes = total // 1440, total % 1440
    _, _, days, months, weekdays = posix(when.cron).split()
    if shift and (read.days or read.months):
        raise UsageError(
            f"when.cron {when.cron!r} of {when.zone} is on another date in UTC, which GitHub's crons "
            "cannot say for a day of the month or a month; write another time of day, or zone: UTC"
        )
    if shift and read.weekdays:
        weekdays = ",".join(map(str, sorted((day + shift) % 7 for day in read.weekdays)))
    return f"{minutes % 60} {minutes // 60} {days} {months} {weekdays}"


def _case(when: When, cron: str, wanted: str) -> str:
    form = "%F" if when.date is not None else "%z"
    return f'            {shell([cron])}) [ "$(date +{form})" != {wanted} ] || now=true ;;'


def _sign(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
