"""How lines get into CloudWatch Logs: read while they are written, dated by what they say, sent where the task says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lab.aws.ecs_model import Task, TaskDefinition
from lab.aws.logs_intake import Tail, dated, destination, postgres_time


def test_a_file_is_read_while_it_is_written(tmp_path: Path) -> None:
    """Nothing before it exists; a torn line waits for its rest; blank lines are none."""
    path = tmp_path / "task.log"
    tail = Tail(path)
    assert (tail.lines(), tail.found) == ([], False)
    with path.open("wb", buffering=0) as file:
        file.write(b"one\ntwo\nth")
        assert (tail.lines(), tail.found) == (["one", "two"], True)
        file.write("ree ü\n\n".encode())
        assert tail.lines() == ["three ü"]
        file.write(b"\xff\n")
        assert tail.lines() == ["\ufffd"]
        assert tail.lines() == []
    tail.close()


def test_lines_are_dated_by_what_they_say() -> None:
    """By "ts" in JSON and by PostgreSQL's prefix; what says nothing is of now."""
    assert dated('{"ts": 1764000000.1234, "level": "INFO"}') == 1_764_000_000_123
    assert postgres_time("2025-11-24 16:00:00.123 UTC [7] LOG:  ready") == 1_764_000_000_123
    now = time.time() * 1000
    for line in ("Traceback", '{"ts": "x"}', "{torn", '{"level": 1}'):
        assert abs(dated(line) - now) < 5000
    assert abs(postgres_time("\tdetail of the line before") - now) < 5000


def task(**container: Any) -> Task:
    """Return a task whose container is defined so."""
    body = {"containerDefinitions": [{"name": "app", **container}]}
    return Task("abc", TaskDefinition("shop", 1, body, 0.0), "service:shop", "eu-west-1a", 0.0, 0.0)


def test_the_task_definition_says_where_to() -> None:
    """Group, prefix/container/task, and whether the group may be made; without awslogs nowhere."""
    options = {"awslogs-group": "/g", "awslogs-stream-prefix": "p", "awslogs-create-group": "true"}
    assert destination(task(logConfiguration={"logDriver": "awslogs", "options": options})) == ("/g", "p/app/abc", True)
    plain = {"logDriver": "awslogs", "options": {"awslogs-group": "/g"}}
    assert destination(task(logConfiguration=plain)) == ("/g", "abc", False)
    assert destination(task(logConfiguration={"logDriver": "splunk", "options": options})) == ("", "", False)
    assert destination(task()) == ("", "", False)
