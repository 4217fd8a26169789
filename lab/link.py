"""The link process: TCP links with faults, opened, changed and closed while it runs.

    python -m lab.link --admin PORT

Its admin port takes one JSON object a line, {"do": "open", "name": "db", ...}, and answers with one a line; what can
be done stands in `Plane`, and `lab.links` is the client. Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
from typing import Any

from lab.faults import Fault
from lab.fine_loop import run
from lab.wire import Link

Message = dict[str, Any]  # one line of JSON: the door


class Plane:
    """All links of this process, and what can be done with them."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}

    async def do(self, message: Message) -> dict[str, object]:
        """Do what the message asks; LookupError, TypeError, ValueError or OSError when that cannot be."""
        match message["do"]:
            case "describe" if "name" in message:
                return {message["name"]: self.link(message).describe()}
            case "describe":
                return {name: link.describe() for name, link in self.links.items()}
            case "open":
                await self.open(message["name"], tuple(message["listen"]), tuple(message["target"]))
            case "close":
                self.link(message).close()
                del self.links[message["name"]]
            case "set":
                self.link(message).set(Fault(**message["fault"]))
            case "retarget":
                link = self.link(message)
                link.target = tuple(message["target"])
                if message["cut"]:
                    link.reset_all()
            case "reset":
                self.link(message).reset_all()
            case other:
                raise LookupError(f"a link cannot {other!r}")
        return {}

    async def open(self, name: str, listen: tuple[str, int], target: tuple[str, int]) -> None:
        """Open a link; the name must be new, or be that of the same link, which stays as it is."""
        known = self.links.get(name)
        if known is not None and (known.listen, known.target) == (listen, target):
            return
        if known is not None:
            raise ValueError(f"there is a link named {name!r} already")
        link = Link(name, listen, target)
        await link.listen_on()
        self.links[name] = link

    def link(self, message: Message) -> Link:
        """Return the link that the message names."""
        try:
            return self.links[message["name"]]
        except KeyError:
            raise LookupError(f"there is no link named {message['name']!r}; open: {', '.join(self.links)}") from None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line after line until the client is gone."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                try:
                    answer = await self.do(json.loads(line))
                except (LookupError, TypeError, ValueError, OSError) as error:
                    answer = {"error": str(error)}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()


async def serve(admin: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Plane().serve, "127.0.0.1", admin)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run the link process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--admin", type=int, required=True, metavar="PORT", help="where the admin interface listens")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # two descriptors for each connection
    with contextlib.suppress(ValueError, OSError):  # macOS allows less than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(KeyboardInterrupt):
        run(serve(arguments.admin))


if __name__ == "__main__":
    main()
