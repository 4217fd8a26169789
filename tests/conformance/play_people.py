"""The one operation of SNS that needs somebody who listens: the token of a subscription comes by HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

from tests.conformance.seen import Seen, refused
from tests.lab.bench import wait_until


class Ears(BaseHTTPRequestHandler):
    """Keeps the tokens that SNS sends to confirm a subscription."""

    tokens: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Take one message."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.tokens.extend([message["Token"]] if "Token" in message else [])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def play(seen: Seen) -> None:
    """Subscribe a real listener and confirm it with the token that it was sent."""
    sns = seen.client("sns")
    topic = sns.create_topic(Name="heard")["TopicArn"]
    with HTTPServer(("127.0.0.1", 0), Ears) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/")
        wait_until(lambda: Ears.tokens, 10, "the token of the subscription")
        server.shutdown()
    sns.confirm_subscription(TopicArn=topic, Token=Ears.tokens[0])
    with refused("InvalidParameter"):
        sns.confirm_subscription(TopicArn=topic, Token="nothing")
    sns.delete_topic(TopicArn=topic)
