"""`python -m lab`: run one lab in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

from lab.settings import PORTS, Replication, Settings, Simulated, default_home


def parse(arguments: list[str]) -> Settings:
    """Return the settings that a command line asks for."""
    plain = Settings(home=default_home())
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--home", type=Path, default=plain.home, help="folder of the lab's files")
    parser.add_argument("--port-base", type=int, default=plain.port_base, help=f"first of {PORTS} ports in a row")
    parser.add_argument("--build", default=plain.build, help="build of the backend to run")
    parser.add_argument("--deny", action="append", default=[], metavar="SERVICE:OPERATION", help="refuse an API action")
    parser.add_argument("--tasks", type=int, default=plain.tasks, help="desired tasks of the service")
    parser.add_argument("--single-az", action="store_true", help="one database server, no standby")
    parser.add_argument(
        "--replication",
        choices=get_args(Replication),
        default=plain.replication,
        help="asynchronous: the standby lags, and a failover loses acknowledged writes",
    )
    parser.add_argument("--stop-timeout-s", type=float, default=plain.stop_timeout_s, help="from SIGTERM to SIGKILL")
    parser.add_argument("--simulate", action="append", default=[], metavar="DELAY=SECONDS", help="change a delay")
    given = parser.parse_args(arguments)
    delays = plain.simulated.as_dict()
    for text in given.simulate:
        name, _, seconds = text.partition("=")
        if name not in delays:
            parser.error(f"--simulate: there is no delay {name!r}; choose from {', '.join(delays)}")
        delays[name] = float(seconds)
    return replace(
        plain,
        home=given.home.absolute(),
        port_base=given.port_base,
        build=given.build,
        deny=tuple(given.deny),
        tasks=given.tasks,
        multi_az=not given.single_az,
        replication=given.replication,
        stop_timeout_s=given.stop_timeout_s,
        simulated=Simulated(**delays),
    )


def main() -> int:
    """Run; return the exit code."""
    settings = parse(sys.argv[1:])
    from lab.daemon import run  # here, because it imports a second's worth that `--help` can do without

    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
