"""`gameday list`: the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import open_suite, runs_option


@click.command("list")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Path, as_json: bool) -> int:
    """List the experiments: what each tests, the proofs it needs, and its last verdict; then the plans of game days.

    \b
    Example:
      gameday list
    """
    suite = open_suite()
    rows = [*_experiments(suite, runs), *_plans(suite, runs)]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        click.echo(f"{row['file']}\n    {row['title']}")
        what = (
            f"proof: {', '.join(row['proof'])}"
            if row["kind"] == "experiment"
            else f"game day: {row['items']} items, {row['injects']} injects"
        )
        click.echo(f"    {what}; last: {row['last_verdict'] or 'never run'}")
    return 0


def _experiments(suite: Path, runs: Path) -> Iterator[dict[str, Any]]:
    from gameday.analysis.findings import findings_of
    from gameday.record import Record, run_folders
    from gameday.source import Source

    last = {}
    for folder in run_folders(runs):
        findings: dict[str, Any] = findings_of(Record(folder))
        if findings:
            last[findings["experiment"].get("title")] = findings["verdict"]
    for path in sorted((suite / "experiments").rglob("*.yaml")):
        data: Any = Source.yaml(path).data
        if "method" not in data:
            continue  # a suite
        block: dict[str, Any] = next((one for one in data.get("extensions", []) if one.get("name") == "gameday"), {})
        proof = (block.get("fault") or {}).get("proof", [])
        row = {"kind": "experiment", "file": str(_near(path)), "title": data["title"]}
        yield {**row, "proof": [proof] if isinstance(proof, str) else proof, "last_verdict": last.get(data["title"])}


def _plans(suite: Path, runs: Path) -> Iterator[dict[str, Any]]:
    """Yield the plans of game days, each with what its agenda is and how its newest day ended."""
    from gameday.day.reading import is_plan, plans_of
    from gameday.record import Record
    from gameday.source import Source

    last: dict[str, str] = {}
    for folder in sorted(runs.glob("*-day-*")) if runs.is_dir() else []:
        head: dict[str, Any] = Record(folder).document("plan.json")
        if outcome := Record(folder).document("day.json").get("outcome"):
            last[Path(str(head.get("plan", {}).get("file"))).stem] = str(outcome)
    for path in plans_of(suite):
        data: Any = Source.yaml(path).data
        if is_plan(data):
            row = {"kind": "plan", "file": str(_near(path)), "title": str(data.get("title"))}
            counts = {key: _count(data.get(of)) for key, of in (("items", "agenda"), ("injects", "injects"))}
            yield {**row, **counts, "last_verdict": last.get(path.stem)}


def _count(listed: object) -> int:
    return len(listed) if isinstance(listed, list) else 0


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
