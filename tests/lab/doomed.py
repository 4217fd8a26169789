"""A parent for the tests to kill: starts a PostgreSQL pair, Envoy, and Python children of several kinds.

    python -m tests.lab.doomed FOLDER [all]

It prints {name: pid} as one line of JSON and sleeps.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lab.balancer import Balancer
from lab.postgres import Pair
from lab.processes import Children, own_environment
from tests.ports import free_ports

IGNORES_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
HAS_CHILD = "import subprocess, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"


def main() -> None:
    """Start everything and wait to be killed."""
    folder = Path(sys.argv[1])
    children = Children(folder)
    for name, code in (("plain", "import time; time.sleep(600)"), ("deaf", IGNORES_SIGTERM), ("parent", HAS_CHILD)):
        children.spawn(name, [sys.executable, "-c", code], env=own_environment(), log=folder / f"{name}.log")
    if "all" in sys.argv:
        first, second, listen, admin = free_ports(4)
        Pair(folder / "postgres", (first, second), children).up()
        Balancer(folder / "envoy", listen, admin, children).start()
    print(json.dumps(children.pids()), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
