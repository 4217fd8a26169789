"""The desk: one file a verb. A verb is added by adding a module with a click command named `command`.

Nothing heavy is imported here: `gameday --help` must answer at once.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback

import click

from gameday import __version__
from gameday.errors import GamedayError


class Verbs(click.Group):
    """Finds its commands in the folder of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gameday")
def gameday() -> None:
    """Chaos experiments and game days for AWS ECS and RDS, with verdicts that need proof.

    \b
    Example:
      gameday run experiments/ecs/stop-one-task.yaml
    """


def main(command: click.Command = gameday) -> None:
    """Run the command line; every failure ends with a sentence and its exit code."""
    try:
        code = command.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GamedayError as error:
        click.echo(f"gameday: {error}" if ":" not in str(error).split(" ")[0] else str(error), err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  the last door: whatever comes here is told in a sentence
        if type(error).__name__ == "LabError":  # the lab knows nothing of our errors
            click.echo(f"gameday lab: {error}", err=True)
            sys.exit(2)
        traceback.print_exc()
        click.echo("gameday: this is a bug of the suite; please report the lines above with the run folder", err=True)
        sys.exit(70)
