"""The HTTP server of the AWS API: connections that go on, many at once, ports that are free again."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from lab.aws.door import serve
from lab.settings import LabError
from tests.lab.aws.served import Api, Core

if TYPE_CHECKING:
    from pathlib import Path


def test_a_connection_goes_on_after_an_answer(api: Api) -> None:
    """One connection carries many calls; each body is read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", api.server.port, timeout=5)
    try:
        connection.connect()
        first = connection.sock
        for body in (b"", b"Action=ListTopics&Version=2010-03-31", b"x" * 200_000):
            connection.request("POST", "/health", body, {"Content-Type": "application/x-www-form-urlencoded"})
            connection.getresponse().read()
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b'{"status":"up"}'
        assert connection.sock is first
    finally:
        connection.close()


def test_many_threads_at_once(api: Api) -> None:
    """Eight clients put and list; nothing is lost and every line of the audit log is whole."""
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            client = api.cloudwatch
            for value in range(20):
                client.put_metric_data(
                    Namespace="N", MetricData=[{"MetricName": "m", "Value": value, "Unit": "Count"}] * 5
                )
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(api.core.cloudwatch.metrics) == 8 * 20 * 5
    assert len(api.audit()) == 8 * 20


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The error says which port, and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"Port {port} is in use; stop what listens there"):
            serve(Core.at(tmp_path).as_world(), port)


def test_the_port_is_free_after_stop(tmp_path: Path) -> None:
    """A stopped server lets the next one have its port, with a client still connected."""
    core = Core.at(tmp_path)
    with serve(core.as_world()) as first, socket.create_connection(("127.0.0.1", first.port)) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")
        first.stop()
        assert idle.recv(1) == b""
        second = serve(core.as_world(), first.port)
        second.stop()
        assert second.port == first.port
