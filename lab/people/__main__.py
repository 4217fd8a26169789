"""`python -m lab.people --port P --home DIR`: PagerDuty, Slack, Statuspage and whoever is on call, on loopback."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from lab.people.addresses import base
from lab.people.app import create_app
from lab.people.journal import Journal
from lab.people.script import Script


def main() -> None:
    """Serve until told to stop."""
    plain = Script()
    parser = argparse.ArgumentParser(prog="python -m lab.people", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--home", type=Path, required=True, help="where people.jsonl is written")
    parser.add_argument("--acknowledge-s", type=float, default=plain.acknowledge_s, help="from page to acknowledgement")
    parser.add_argument("--chat-s", type=float, default=plain.chat_s, help="from a change to the chat")
    parser.add_argument("--status-page-s", type=float, default=plain.status_page_s, help="from the chat to the page")
    given = parser.parse_args()
    journal = Journal(given.home / "people.jsonl")
    script = Script(given.acknowledge_s, given.chat_s, given.status_page_s)
    app = create_app(base(given.port), script, journal)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=1)
    journal.close()


if __name__ == "__main__":
    main()
