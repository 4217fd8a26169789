"""How well the recovery that a run reports agrees with what really happened in the lab.

    python -m benchmarks.recovery_agreement [--runs 5]

Plays the failover experiment on a lab of its own and compares each run's first good answer and its headline recovery
with the instant at which the lab's database accepted a write again. Prints one line a run, then the worst.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gameday.model import from_iso

FILE = "experiments/rds/reboot-with-failover.yaml"
FIRST_GOOD = "users: first good answer after the longest silence"


def gameday(*words: str, home: Path) -> str:
    """Run one command; return its output."""
    env = {**os.environ, "GAMEDAY_LAB_HOME": str(home), "GAMEDAY_LAB_PORT_BASE": "29500"}
    command = [sys.executable, "-m", "gameday", *words]
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout


def compare(findings: dict[str, Any], really: float) -> tuple[float, float]:
    """Return (first good answer, users well) minus the truth, in seconds."""
    layers = {layer["name"]: from_iso(layer["at"]) for layer in findings["recovery"]["layers"]}
    well = from_iso(findings["recovery"]["origin"]) + findings["recovery"]["recovery_s"]
    return layers[FIRST_GOOD] - really, well - really


def main() -> None:
    """Play, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, choices=range(1, 51), metavar="N")
    count = parser.parse_args().runs
    home = Path(tempfile.mkdtemp(prefix="gameday-bench-"))
    home.chmod(0o755)
    gameday("lab", "up", home=home)
    try:
        worst = [0.0, 0.0]
        for number in range(1, count + 1):
            findings = json.loads(gameday("run", FILE, "--json", "--runs", str(home / "runs"), home=home))
            facts = [json.loads(line) for line in (home / "truth.jsonl").read_text().splitlines() if line]
            killed = [fact["t"] for fact in facts if fact["what"] == "primary.killed"][-1]
            writable = [fact["t"] for fact in facts if fact["what"] == "primary.writable"][-1]
            first, well = compare(findings, writable)
            worst = [max(worst[0], abs(first)), max(worst[1], abs(well))]
            print(
                f"run {number}: {findings['verdict']}, really out for {writable - killed:.3f} s; "
                f"first good answer {first:+.3f} s, users well {well:+.3f} s from that",
                flush=True,
            )
        print(f"worst of {count}: first good answer {worst[0]:.3f} s, users well {worst[1]:.3f} s")
    finally:
        gameday("lab", "down", home=home)


if __name__ == "__main__":
    main()
