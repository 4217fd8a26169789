"""The backend answers rightly, keeps writes single, and tells about itself in logs and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from lab.backend.config import Config
from lab.backend.telemetry import Interval, distribution, metric_data
from lab.builds import BUILDS, build
from lab.links import Address
from lab.processes import own_environment, python
from lab.settings import LabError
from tests.lab.bench import call, wait_until
from tests.lab.tasks import Plane, Task, running_plane
from tests.ports import free_ports


@pytest.fixture(scope="module")
def plane() -> Iterator[Plane]:
    """One database for this file."""
    with running_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def task(plane: Plane) -> Iterator[Task]:
    """One task for the tests that do no harm."""
    with plane.task() as task:
        yield task


def test_login_gives_a_token_for_the_right_password_only(task: Task) -> None:
    """200 with the user's id; 401 for a wrong password as for an unknown address."""
    good = task.log_in(3, "pw3")
    assert good.status == 200
    assert good.json["user_id"] == 4
    assert len(good.json["token"]) >= 20
    assert task.log_in(3, "pw3").json["token"] != good.json["token"]
    wrong, unknown = task.log_in(3, "pw4"), task.log_in(99, "pw99")
    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.json == unknown.json


def test_same_key_is_the_same_post(plane: Plane, task: Task) -> None:
    """201 at first, then 200 with the very same post, one row in all, also when ten requests race."""
    first = task.create("single", "a key")
    assert first.status == 201
    assert first.json.keys() == {"id", "author", "title", "body", "created"}
    again = task.create("another title", "a key")
    assert (again.status, again.json) == (200, first.json)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: task.create("race"), range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert plane.titles("race") == ["race"]


def test_feed_is_newest_first_and_can_be_narrowed(task: Task) -> None:
    """Limit, author, title prefix and paging by `before`."""
    made = [task.create(f"feed% {letter}").json for letter in "abc"]
    newest_first = [post["id"] for post in reversed(made)]
    assert [post["id"] for post in task.get("/posts?limit=3").json] == newest_first
    assert len(task.get("/posts").json) == 20
    assert task.get("/posts?title_prefix=feed%25%20&limit=1000").json == list(reversed(made))
    assert task.get(f"/posts?title_prefix=feed%25&before={newest_first[1]}").json == [made[0]]
    assert {post["author"] for post in task.get("/posts?author=9&limit=100").json} == {9}
    assert len(task.get("/posts?limit=1000").json) == 1000


def test_one_post_by_its_id(task: Task) -> None:
    """The post itself; 404 for anything that is no post's id."""
    made = task.create("one").json
    assert task.get(f"/posts/{made['id']}").json == made
    for unknown in ("999999999", "0", "abc", "9" * 5000, "-1", "%20"):
        assert task.get(f"/posts/{unknown}").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "status", "sentence"),
    [
        ("POST", "/posts", {"author": 1, "title": "t", "body": "b"}, None, 400, "Idempotency-Key must be given"),
        ("POST", "/posts", {"author": 1, "title": "t", "body": "b"}, "k" * 201, 400, "at most 200"),
        ("POST", "/posts", {"author": "1", "title": "t", "body": "b"}, "k", 400, "'author' must be an id"),
        ("POST", "/posts", {"author": True, "title": "t", "body": "b"}, "k", 400, "'author' must be an id"),
        ("POST", "/posts", {"author": 2**63, "title": "t", "body": "b"}, "k", 400, "'author' must be an id"),
        ("POST", "/posts", {"author": 1, "body": "b"}, "k", 400, "'title' must be a text"),
        ("POST", "/posts", {"author": 1, "title": "t\0", "body": "b"}, "k", 400, "cannot be stored"),
        ("POST", "/posts", {"author": 1, "title": "t", "body": "\ud800"}, "k", 400, "cannot be stored"),
        ("POST", "/posts", b"{", "k", 400, "not JSON"),
        ("POST", "/posts", b"[" * 60_000, "k", 400, "not JSON"),
        ("POST", "/posts", b"\xff", "k", 400, "not JSON"),
        ("POST", "/posts", [1], "k", 400, "must be a JSON object"),
        ("POST", "/posts", b"x" * (64 * 1024 + 1), "k", 413, "larger than 64 kB"),
        ("POST", "/login", {"email": "user1@foodconnect.test"}, None, 400, "'password' must be a text"),
        ("GET", "/posts?limit=1001", None, None, 400, "'limit' must be a whole number from 1 to 1000"),
        ("GET", "/posts?limit=0", None, None, 400, "'limit' must be"),
        ("GET", "/posts?before=x", None, None, 400, "'before' must be"),
        ("GET", "/posts?author=%EF%BC%91", None, None, 400, "'author' must be"),
        ("GET", "/posts?title_prefix=%00", None, None, 400, "'title_prefix' holds"),
        ("GET", "/nothing", None, None, 404, "there is nothing at /nothing"),
        ("DELETE", "/posts", None, None, 405, "not for DELETE"),
        ("GET", "/login", None, None, 405, "not for GET"),
    ],
)
def test_mistakes_get_the_right_status_and_a_sentence(
    task: Task, method: str, path: str, body: object, key: str | None, status: int, sentence: str
) -> None:
    """What is wrong with a request stands in {"error": ...}; the server is never to blame."""
    answer = call(task.address, method, path, body, {"Idempotency-Key": key} if key else {})
    assert answer.status == status
    assert sentence in answer.json["error"]


def test_each_request_is_one_log_line_without_secrets(plane: Plane) -> None:
    """Time, level, task, release, method, path, status, ms and ids; neither passwords nor health checks."""
    with plane.task() as task:
        task.log_in(5, "pw5-not-to-be-logged")
        headers = {"X-Request-Id": "abc-123"}
        answer = call(task.address, "GET", "/posts?limit=1&title_prefix=secret", headers=headers)
        assert answer.headers["x-request-id"] == "abc-123"
        wait_until(lambda: len(task.requests()) == 2, 5, "both are logged")
        login, feed = task.requests()
        told = {"ts", "level", "task", "release", "method", "path", "status", "ms", "request_id", "trace_id"}
        assert feed.keys() == told
        assert (feed["method"], feed["path"], feed["status"], feed["request_id"]) == ("GET", "/posts", 200, "abc-123")
        assert (login["path"], login["status"], login["level"]) == ("/login", 401, "INFO")
        assert feed["task"] == answer.headers["x-task"]
        assert abs(feed["ts"] - time.time()) < 60
        text = task.log.read_text()
        assert "not-to-be-logged" not in text
        assert "secret" not in text
        assert "/health" not in text


def test_hostile_request_id_is_not_copied(task: Task) -> None:
    """An id that could break a log line or a header is replaced."""
    answer = call(task.address, "GET", "/posts?limit=1", headers={"X-Request-Id": 'a" b{}'})
    assert len(answer.headers["x-request-id"]) == 32


def test_metrics_reach_cloudwatch(plane: Plane) -> None:
    """Latency, error rate and counts arrive with the service's dimension; health checks and silence send nothing."""
    [port] = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    command = python("moto.server", "-p", str(port))
    aws = plane.children.spawn("aws", command, env=own_environment(), log=plane.folder / "aws.log")
    keys = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab", "region_name": "eu-west-1"}
    client = boto3.client("cloudwatch", endpoint_url=endpoint, **keys)  # type: ignore[call-overload]  # keys are texts
    try:
        wait_until(lambda: answers(("127.0.0.1", port)), 20, "the metrics' receiver answers")
        credentials = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"}
        with plane.task(AWS_ENDPOINT_URL=endpoint, METRICS_EVERY_S="0.2", **credentials) as task:
            for number in range(5):
                task.create(f"measured-{number}")
            task.log_in(1, "wrong")
            expected = {"ErrorRate", "API_Latency_create_post", "PostsCreated", "API_Latency_login", "UserLogins"}
            wait_until(lambda: names(client) == expected, 10, "all metrics are there")
            assert statistic(client, "PostsCreated", "Sum") == 5
            assert statistic(client, "UserLogins", "Sum") == 0
            assert statistic(client, "ErrorRate", "Maximum") == 0
            assert statistic(client, "API_Latency_create_post", "SampleCount") == 5
            plane.children.stop(aws)
            assert task.get("/posts").status == 200
            lost = "metrics of 1 requests are lost"
            wait_until(lambda: lost in task.log.read_text(), 10, "the loss is logged")
            assert task.get("/posts").status == 200
    finally:
        client.close()
        plane.children.stop(aws)


def answers(address: Address) -> bool:
    """Does an HTTP server answer there?"""
    try:
        call(address, "GET", "/")
    except OSError:
        return False
    return True


def names(client: Any) -> set[str]:
    """Return the names of the metrics that have this service's dimension."""
    dimensions = [{"Name": "Service", "Value": "foodconnect-backend"}]
    found = client.list_metrics(Namespace="FoodConnect", Dimensions=dimensions)["Metrics"]
    return {metric["MetricName"] for metric in found}


def statistic(client: Any, metric: str, name: str) -> float:
    """Return one statistic of a metric over everything."""
    found = client.get_metric_statistics(
        Namespace="FoodConnect",
        MetricName=metric,
        Dimensions=[{"Name": "Service", "Value": "foodconnect-backend"}],
        StartTime=time.time() - 600,
        EndTime=time.time() + 600,
        Period=3600,
        Statistics=[name],
    )
    values = [point[name] for point in found["Datapoints"]]
    return float(sum(values) if name in ("Sum", "SampleCount") else max(values))


def test_interval_without_requests_is_silent() -> None:
    """No requests, no data: an error rate of nothing is no zero."""
    assert metric_data(Interval(), "service", 1.0) == []


def test_interval_tells_rates_counts_and_latencies() -> None:
    """The error rate is of all requests; counts are of what succeeded; other endpoints have no latency."""
    interval = Interval()
    for endpoint, status in (("feed", 200), ("create_post", 201), ("create_post", 503), (None, 404)):
        interval.add(endpoint, status, 12.34)
    found = {datum["MetricName"]: datum for datum in metric_data(interval, "service", 1.0)}
    assert found.keys() == {"ErrorRate", "API_Latency_feed", "API_Latency_create_post", "PostsCreated"}
    assert found["ErrorRate"]["Value"] == 25
    assert found["PostsCreated"]["Value"] == 1
    assert (found["API_Latency_create_post"]["Values"], found["API_Latency_create_post"]["Counts"]) == ([12.3], [2.0])
    for datum in found.values():
        assert datum["StorageResolution"] == 1
        assert datum["Dimensions"] == [{"Name": "Service", "Value": "service"}]


def test_distribution_fits_into_one_datum() -> None:
    """Few values stay exact to 0.1 ms; many become coarser until 150 are left, and none is lost."""
    assert distribution([1.04, 1.02, 7.0]) == ([1.0, 7.0], [2.0, 1.0])
    values = [number * 0.37 for number in range(5000)]
    kept, counts = distribution(values)
    assert len(kept) <= 150
    assert sum(counts) == 5000
    assert abs(max(kept) - max(values)) < 20


def test_config_names_what_is_wrong() -> None:
    """A missing address and a number that is none are told by their variable."""
    assert Config.from_environment({"DATABASE_URL": "postgresql://x", "POOL_SIZE": "4"}).pool_size == 4
    with pytest.raises(ValueError, match="DATABASE_URL is not set"):
        Config.from_environment({})
    for bad in ("many", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="POOL_SIZE must be a number"):
            Config.from_environment({"DATABASE_URL": "postgresql://x", "POOL_SIZE": bad})


def test_builds_are_found_by_name_and_only_use_known_settings() -> None:
    """Each build has two sentences and settings the backend knows; a wrong name is answered with the near one."""
    for name, each in BUILDS.items():
        assert build(name) is each
        assert each.name == name
        assert each.models.endswith(".")
        assert each.expects.endswith(".")
        Config.from_environment({"DATABASE_URL": "postgresql://x", **each.environment})
        assert all(variable.lower() in Config.__dataclass_fields__ for variable in each.environment)
    with pytest.raises(LabError, match="did you mean 'no-retry'"):
        build("noretry")
    with pytest.raises(LabError, match="choose one of: default, no-retry"):
        build("zzz")
