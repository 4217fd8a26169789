"""`gameday list`: the catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gameday.cli._shared import open_suite, runs_option


@click.command("list")
@runs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Path, as_json: bool) -> int:
    """List the experiments: what each tests, the proofs it needs, and its last verdict.

    \b
    Example:
      gameday list
    """
    suite = open_suite()
    from gameday.analysis.findings import findings_of
    from gameday.record import Record, run_folders
    from gameday.source import Source

    last = {}
    for folder in run_folders(runs):
        findings: dict[str, Any] = findings_of(Record(folder))
        if findings:
            last[findings["experiment"].get("title")] = findings["verdict"]
    rows = []
    for path in sorted((suite / "experiments").rglob("*.yaml")):
        data: Any = Source.yaml(path).data
        if "method" not in data:
            continue  # a suite
        block: dict[str, Any] = next((one for one in data.get("extensions", []) if one.get("name") == "gameday"), {})
        proof = (block.get("fault") or {}).get("proof", [])
        row = {"file": str(_near(path)), "title": data["title"], "proof": [proof] if isinstance(proof, str) else proof}
        rows.append({**row, "last_verdict": last.get(data["title"])})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        click.echo(f"{row['file']}\n    {row['title']}")
        click.echo(f"    proof: {', '.join(row['proof'])}; last: {row['last_verdict'] or 'never run'}")
    return 0


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
