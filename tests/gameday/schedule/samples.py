"""Plans to be scheduled, and the workflows of them for linters: `python -m tests.gameday.schedule.samples FOLDER`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from gameday.config import Channel, Environment, Runner
from gameday.day.plan import Plan, Roles, When
from gameday.schedule.github import workflow
from gameday.schedule.plans import Scheduled

NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
NASTY = 'A "day" of \\ 50% $HOME `id`\nExecStart=/bin/false\n* * * * * root ${{ secrets.KEY }} # \x1b[31m'
LAB = Environment("lab", "eu-west-1", "123456789012", name="lab")
SLACK = Channel("slack", webhook="env:SLACK_WEBHOOK_URL")
STAGING = Environment("aws", "eu-west-1", "111122223333", name="staging", channels={"incidents": SLACK})
RUNNER = Runner(github_role="arn:aws:iam::111122223333:role/gameday")
WEEKLY = When(cron="30 9 * * WED", zone="Europe/Dublin")


def scheduled(when: When = WEEKLY, title: str = NASTY, environment: str = "lab") -> Scheduled:
    """Return a plan that is due then."""
    plan = Plan(title, Roles("ann", "bob"), [], environment=environment, when=when)
    return Scheduled("plans/weekly.yaml", plan)


def samples() -> dict[str, str]:
    """Return {file name: workflow}: in the lab and in an account, again and again and once."""
    kinds = {"weekly": WEEKLY, "once": When(date="2027-07-01", zone="America/New_York"), "utc": When(cron="0 9 1 * *")}
    return {
        f"{name}-{environment.name}.yml": workflow(scheduled(when, NASTY, environment.name), environment, RUNNER, NOW)
        for name, when in kinds.items()
        for environment in (LAB, STAGING)
    }


def main() -> int:
    """Write them."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in samples().items():
        (folder / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
