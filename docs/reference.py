"""Writes the reference pages from the code: `python -m docs.reference`; with `--check` it only compares.

Actions and probes come from their docstrings and signatures, the command line from click, exit codes, signals and the
block's JSON Schema from `gameday.model`, those of a suite from `gameday.gate` and of a plan from `gameday.day`, the
lab's builds from their table.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import lab.builds
from gameday.cli import gameday
from gameday.day.plan import Plan
from gameday.decode import json_schema
from gameday.gate.suite import Suite
from gameday.model import EXIT_CODES, SIGNALS, Block

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "reference"
NOTE = "<!-- written by `python -m docs.reference`; change the code, not this page -->\n"


def functions(module: Any) -> list[Callable[..., object]]:
    """Return what a module defines for experiments: its own public functions."""
    return [
        found
        for name, found in vars(module).items()
        if inspect.isfunction(found) and found.__module__ == module.__name__ and not name.startswith("_")
    ]


def activities(folder: str, title: str) -> str:
    """Return the page of a folder of activities."""
    lines = [NOTE, f"# {title}\n"]
    for path in sorted((ROOT / folder).glob("[a-z]*.py")):
        module = importlib.import_module(f"{folder}.{path.stem}")
        proofs = {proof.__name__ for proof in getattr(module, "PROOFS", ())}
        lines += [f"## `{folder}.{path.stem}`\n", f"{inspect.getdoc(module)}\n"]
        for function in functions(module):
            if function.__name__ == "snapshot":
                continue
            kind = f" (proof `{path.stem}.{function.__name__}`)" if function.__name__ in proofs else ""
            signature = "" if kind else str(inspect.signature(function)).replace("'", "")
            lines += [f"### `{function.__name__}{signature}`{kind}\n", f"{inspect.getdoc(function)}\n"]
    return "\n".join(lines)


def command_line() -> str:
    """Return the help of every verb."""
    lines = [NOTE, "# Command line\n"]

    def walk(command: click.Command, path: str) -> None:
        context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
        lines.extend([f"## `{path}`\n", "```", command.get_help(context), "```\n"])
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                walk(found, f"{path} {name}")

    walk(gameday, "gameday")
    return "\n".join(lines)


def codes() -> str:
    """Return the exit codes and the signals of the load."""
    lines = [NOTE, "# Exit codes\n", "| code | means |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    lines += ["", "Several experiments: the worst, in the order 70, 6, 130, 5, 1, 4, 3, 2, 0.\n"]
    lines += ["# Signals of the load\n", "| signal | is |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in SIGNALS.items()]
    return "\n".join(lines) + "\n"


def builds() -> str:
    """Return the lab's builds, and the one switch of each."""
    lines = [NOTE, "# Builds of the lab\n", f"{inspect.getdoc(lab.builds)}\n"]
    lines += ["| `gameday lab up --build` | models | expected | switch |", "|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.models} | {one.expects} | {one.switch} |" for one in lab.builds.BUILDS.values()]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return {file name: text} of every generated page."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gameday block", **json_schema(Block)}
    suite = {"$schema": schema["$schema"], "title": "suite of a release gate", **json_schema(Suite)}
    plan = {"$schema": schema["$schema"], "title": "plan of a game day", **json_schema(Plan)}
    return {
        "actions.md": activities("actions", "Actions"),
        "probes.md": activities("probes", "Probes and proofs"),
        "command-line.md": command_line(),
        "exit-codes.md": codes(),
        "builds.md": builds(),
        "gameday-block.schema.json": json.dumps(schema, indent=1) + "\n",
        "gate-suite.schema.json": json.dumps(suite, indent=1) + "\n",
        "plan.schema.json": json.dumps(plan, indent=1) + "\n",
    }


def main() -> int:
    """Write the pages, or say which are out of date."""
    stale = [name for name, text in pages().items() if not (OUT / name).exists() or (OUT / name).read_text() != text]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/reference/{name} is out of date; run: python -m docs.reference")
        return int(bool(stale))
    OUT.mkdir(exist_ok=True)
    for name, text in pages().items():
        (OUT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
