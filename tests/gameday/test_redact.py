"""Secrets are found wherever they stand and however they are written; what is no secret stays readable."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import random
import threading
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gameday.redact import Redactor, install_on_logging, redact_in_place
from gameday.telltale import is_telling

SECRET = 'h"u nt/er+2?é&\\x'


def written(value: object) -> str:
    """Return *value* as a record would hold it."""
    return json.dumps(value, default=str)


@pytest.mark.parametrize(
    "name",
    [
        "password", "dbPassword", "DB_PASSWORD", "PGPASSWORD", "passwd", "token", "api-token", "apiToken",
        "X-Auth-Token", "AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "Authorization",
        "Proxy-Authorization", "api_key", "apikey", "APIKey", "X-Api-Key", "Cookie", "Set-Cookie", "private-key",
        "privateKey", "credentials", "dsn", "DATABASE_DSN", "connection_string", "ConnectionString",
        "session", "session_id", "client_secret",
        "PAGERDUTY_ROUTING_KEY", "PAGERDUTY_KEY", "SLACK_WEBHOOK", "SLACK_WEBHOOK_URL", "vault_token", "DB_PASS",
        "X-Amz-Security-Token", "X-Amz-Signature",
    ],
)  # fmt: skip
def test_telling_names(name: str) -> None:
    """Case, dashes and humps do not matter."""
    assert is_telling(name)


@pytest.mark.parametrize(
    "name",
    [
        "secret_name", "clientToken", "NextToken", "SecretArn", "token_url", "TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "password_policy",
        "author", "session_duration_s", "XDG_SESSION_TYPE", "DESKTOP_SESSION", "compass", "key", "keys", "tokenizer",
        "secretary", "routing", "cluster", "passed", "cookie_name", "url", "", "monkey", "turkey key",
    ],
)  # fmt: skip
def test_names_that_only_point_or_sound_alike(name: str) -> None:
    """What names a secret, says where it is or how long it lasts, is none."""
    assert not is_telling(name)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        f"x{SECRET}y",
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"a": SECRET})),
        repr(SECRET),
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="").lower(),
        html.escape(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode()).decode(),
        base64.b64encode(b"users:" + SECRET.encode() + b"tail").decode(),
        base64.b64encode(b"a user:" + SECRET.encode() + b"a tail").decode(),
    ],
)
def test_a_known_secret_is_found_in_every_usual_encoding(form: str) -> None:
    """As it is, escaped, quoted, and in base64 wherever it stands in what was encoded."""
    clean = Redactor(SECRET).text(f"before {form} after")
    assert "[redacted]" in clean and clean.startswith("before ") and clean.endswith(" after")
    core = base64.b64encode(SECRET.encode()).decode()[4:12]
    assert "nt/er" not in clean and core not in clean


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://app:s3cr@t@db:5432/food", "s3cr"),
        ("redis://:pw12@cache/0", "pw12"),
        ("GET https://ghp_0123456789abcdefghij@github.com/x", "ghp_"),
        ("Authorization: Bearer abc.def-123", "abc.def"),
        ("authorization: basic dXNlcjpwdw==", "dXNl"),
        ("curl -H 'X-Api-Key: k3yk3y'", "k3yk3y"),
        ("Cookie: a=b; sid=qwertz", "qwertz"),
        ("id AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE", "SIAIOS"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWI"),
        ("https://s3/x?X-Amz-Security-Token=FwoGZX%2B1&a=1&X-Amz-Signature=0a1b2c3d", "FwoGZX"),
        ("https://s3/x?a=1&X-Amz-Signature=0a1b2c3d&b=2", "0a1b2c3d"),
        ("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/2026, Signature=0a1b2c3d", "0a1b2c3d"),
        ("https://hooks.slack.com/services/T0/B0/XyZ", "XyZ"),
        ("host=db password=pw12 user=app", "pw12"),
        ("msg=a token=t0k3n", "t0k3n"),
        ('body {"user": "a", "password": "p w", "n": 1}', "p w"),
        ("body {'api_key': 'p w'}", "p w"),
        (json.dumps(json.dumps({"token": "t0k3n"})), "t0k3n"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nqwertz\n-----END RSA PRIVATE KEY-----\nrest", "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow cut o", "MIIEow"),
    ],
)
def test_what_is_a_secret_by_its_shape(text: str, secret: str) -> None:
    """Nobody has to know it beforehand, and a second look changes nothing more."""
    assert secret in text
    clean = Redactor().text(text)
    assert secret not in clean and "[redacted]" in clean
    assert Redactor().text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:20003/health", "postgresql://postgres@127.0.0.1:5432/food", "the token expired",
        "Basic checks and bearer tokens", "secret: unknown", "token: None", "Bearer ${api_token}", "password=${pw}",
        "rolled back to digest sha256:0a1b2c3d4e5f",
        "arn:aws:ecs:eu-west-1:123456789012:task/foodconnect-cluster/0a1b", "2026-12-01T10:00:00.123456Z",
        "ASIA is a place", "error_rate is 7, above 5 (3 s ago)", "ClientError: ... (AccessDeniedException)",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    """A record with everything blacked out would prove nothing."""
    assert Redactor().text(text) == text


def test_what_stands_under_a_telling_key_is_replaced_and_learnt() -> None:
    """Also where the same text stands elsewhere, and before it."""
    value = {"said": "it was Tr0ub4dor", "request": {"headers": [{"Authorization": "Bearer Tr0ub4dor"}]}}
    redactor = Redactor()
    clean = redactor(value)
    assert "Tr0ub4dor" not in written(clean) and written(clean).count("[redacted]") == 2
    assert redactor.text("again Tr0ub4dor") == "again [redacted]"
    assert value["said"] == "it was Tr0ub4dor"  # a copy was cleaned


def test_a_reference_is_no_secret() -> None:
    """Where a secret comes from, and the names of secrets, stay readable; a default does not."""
    declared = {
        "secrets": {"api": {"token": {"type": "env", "key": "API_TOKEN"}, "inline": "0penSesame"}},
        "configuration": {"api_token": {"type": "env", "key": "OTHER", "default": "d3fault"}, "secret_name": "db/main"},
        "provider": {"secrets": ["api_secrets"], "headers": {"Authorization": "Bearer ${token}"}},
        "max_tokens": 100, "use_password": True, "token": None,
    }  # fmt: skip
    clean: Any = Redactor()(declared)
    assert clean["secrets"]["api"] == {"token": {"type": "env", "key": "API_TOKEN"}, "inline": "[redacted]"}
    assert clean["configuration"] == {
        "api_token": {"type": "env", "key": "OTHER", "default": "[redacted]"}, "secret_name": "db/main",
    }  # fmt: skip
    assert clean["provider"] == declared["provider"]
    assert (clean["max_tokens"], clean["use_password"], clean["token"]) == (100, True, None)


def test_short_and_ordinary_secrets_are_replaced_at_their_key_only() -> None:
    """Replacing them everywhere would leave no record."""
    clean = Redactor()(
        {"password": "abc", "pin_token": 1234, "db": {"password": "postgres"}, "verdict": "abc postgres 1234"}
    )
    assert clean == {
        "password": "[redacted]", "pin_token": "[redacted]", "db": {"password": "[redacted]"},
        "verdict": "abc postgres 1234",
    }  # fmt: skip
    assert Redactor(("held", "a", ""))({"verdict": "held"}) == {"verdict": "held"}


def test_a_secret_of_digits_does_not_eat_times_and_figures() -> None:
    """It counts only where no other digit touches it, and never inside a time or a run's name."""
    redactor = Redactor(("2026", "1234", "reda"))
    run = "2026-12-01T10-00-00Z-stop-one-task"
    assert redactor({"run": run, "n": 1234, "at": "2026-12-01T10:12:34.123456Z"}) == {
        "run": run, "n": 1234, "at": "2026-12-01T10:12:34.123456Z",
    }  # fmt: skip
    assert redactor.text("pin 1234, not 51234 [redacted]") == "pin [redacted], not 51234 [redacted]"


def test_secrets_are_learnt_from_the_environment() -> None:
    """By telling names, by names that an experiment declares, and from passwords in URLs; the lab's keys are public."""
    environ = {
        "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab-has-no-secrets", "HOME": "/home/someone",
        "AWS_SESSION_TOKEN": "s3ssi0n-tok", "DATABASE_URL": "postgresql://app:p%40ssw0rd@db/x", "MY_THING": "declared1",
        "PAGERDUTY_ROUTING_KEY": "r0uting-key", "SLACK_WEBHOOK_URL": "https://example.test/hook/1",
        "OTHER": "0ther-thing",
    }  # fmt: skip
    redactor = Redactor.from_environment(environ, "MY_THING")
    for secret in ("s3ssi0n-tok", "p@ssw0rd", "p%40ssw0rd", "declared1", "r0uting-key", "https://example.test/hook/1"):
        assert redactor.text(f"<{secret}>") == "<[redacted]>"
    for public in ("lab", "lab-has-no-secrets", "/home/someone", "0ther-thing", "postgresql", "app"):
        assert redactor.text(f"<{public}>") == f"<{public}>"


def test_the_parts_of_a_secret_are_secrets() -> None:
    """The password of a URL, the token after its scheme, a cookie's values, the lines of a key."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nw0BAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----"
    basic = "Basic " + base64.b64encode(b"app:p4ssw0rd").decode()
    redactor = Redactor({"a": "mysql://u:pa55@h/x", "b": ["Bearer t0k3n", basic], "c": b"sid=abcdefgh1; x=1", "d": key})
    for part in ("pa55", "t0k3n", "p4ssw0rd", "abcdefgh1", "MIIEvQIBADANBgkqhkiG", "w0BAQEFAASCBKcwggSj"):
        assert part not in redactor.text(f"<{part}>")


def nested(draw: random.Random, planted: list[object], depth: int = 0) -> Any:
    """Return a random JSON-like value with each of *planted* somewhere inside, under harmless keys."""
    kind = (
        "leaf"
        if depth > 5 and not planted
        else draw.choice(["dict", "list", "tuple", "leaf" if not planted else "dict"])
    )
    if kind == "leaf":
        return draw.choice([1, 2.5, None, True, "held", "task/0a1b", datetime(2026, 1, 1, tzinfo=UTC), b"bytes", {"x"}])
    shares: list[list[object]] = [[] for _ in range(draw.randint(1, 4))]
    for each in planted:
        draw.choice(shares).append(each)
    items = [
        share[0] if len(share) == 1 and (depth > 3 or draw.random() < 0.3) else nested(draw, share, depth + 1)
        for share in shares
    ]
    if kind == "dict":
        return {draw.choice(["a", "note", "said", "output"]) + str(index): item for index, item in enumerate(items)}
    return items if kind == "list" else tuple(items)


class Told(Exception):
    """An object whose text holds a secret."""


@pytest.mark.parametrize("seed", range(60))
def test_however_deep_a_secret_stands(seed: int) -> None:
    """In texts, bytes, keys, objects and sets, by copy and in place; the rest is as it was."""
    draw = random.Random(seed)
    secret = "".join(draw.choices("abcXYZ0189+/=-_%\"'\\ é\n", k=draw.randint(8, 40))) + "Zz9"
    planted: list[object] = [
        f"x {secret} y", secret.encode(), {f"key {secret}": 1}, Told(secret), {secret},
        base64.b64encode(secret.encode()), {"headers": {"X-Api-Key": secret}},
    ]  # fmt: skip
    value = nested(draw, planted)
    redactor = Redactor({"api": {"deep": [secret]}})
    forms = (json.dumps(secret)[1:-1], repr(secret)[1:-1], base64.b64encode(secret.encode()).decode()[:-4])
    before = written(value)
    assert any(form in before for form in forms)
    copy = written(redactor(value))
    assert not any(form in copy for form in forms) and copy.count("[redacted]") >= 7
    holder = {"journal": value}
    redact_in_place(holder, redactor)
    assert not any(form in written(holder) for form in forms)
    assert written(redactor(holder)) == written(holder)  # once is enough


def test_in_place_keeps_the_objects_that_others_hold() -> None:
    """Chaos Toolkit writes its own journal from the dicts it made; shared and cyclic ones end too."""
    provider = {"type": "http", "headers": {"X-Api-Key": "k3yk3yk3y"}}
    journal: dict[str, Any] = {
        "experiment": {"method": [provider]},
        "run": [{"activity": provider, "output": "k3yk3yk3y"}],
    }
    run, activity = journal["run"], journal["run"][0]["activity"]
    journal["self"] = journal
    redact_in_place(journal, Redactor())
    assert journal["run"] is run and journal["run"][0]["activity"] is activity is provider
    assert provider["headers"] == {"X-Api-Key": "[redacted]"} and run[0]["output"] == "[redacted]"
    assert journal["experiment"]["method"][0] is provider


def test_a_redactor_may_be_taught_while_it_is_used() -> None:
    """The monitor, the sampler and the main thread share one."""
    redactor, failures = Redactor(), []

    def use(number: int) -> None:
        for step in range(20):
            secret = f"s3cret-{number}-{step}-x"
            redactor.learn(secret)
            if secret in redactor.text(f"<{secret}>"):
                failures.append(secret)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and "s3cret-0-0-x" not in redactor.text("s3cret-0-0-x s3cret-3-19-x")


@pytest.fixture
def chaos_log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Chaos Toolkit's logger as its command line sets it up, writing into a text."""
    out, logger = io.StringIO(), logging.getLogger("chaostoolkit")
    handler, before = logging.StreamHandler(out), (logger.level, logger.propagate)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield logger, out
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


def test_log_records_are_cleaned(chaos_log: tuple[logging.Logger, io.StringIO]) -> None:
    """Message, arguments, exception, a child's record, a broken format; and once removed, nothing is touched."""
    logger, out = chaos_log
    remove = install_on_logging(Redactor("s3cret-one"))
    try:
        logger.info("plain s3cret-one 100%")
        logger.info("argument %s and %d", {"a": "s3cret-one"}, 5)
        logger.error("broken %d", "s3cret-one")
        logging.getLogger("chaostoolkit.child").warning("child s3cret-one")
        logger.debug(ValueError("object s3cret-one"))
        logger.warning({"password": "other-s3cret", "n": 1})
        try:
            raise ValueError("raised s3cret-one")
        except ValueError:
            logger.debug("failed", exc_info=True, stack_info=True)
    finally:
        remove()
    text = out.getvalue()
    assert "s3cret-one" not in text and "other-s3cret" not in text and text.count("[redacted]") >= 7
    assert "plain [redacted] 100%" in text and "and 5" in text
    assert "ValueError: raised [redacted]" in text and "Traceback" in text
    logger.info("later s3cret-one")
    assert "later s3cret-one" in out.getvalue()


def test_json_logs_and_extras_are_cleaned(chaos_log: tuple[logging.Logger, io.StringIO]) -> None:
    """`chaos --log-format json` prints what was added to a record, and formats exceptions by itself."""
    from pythonjsonlogger.json import JsonFormatter

    logger, out = chaos_log
    handler = next(each for each in logger.handlers if getattr(each, "stream", None) is out)
    handler.setFormatter(JsonFormatter("%(levelname) %(message)"))
    remove = install_on_logging(Redactor("s3cret-one"))
    try:
        raise ValueError("raised s3cret-one")
    except ValueError:
        logger.error("failed", exc_info=True, extra={"api_token": "t0k3n-two", "seen": ["s3cret-one"]})
    finally:
        remove()
    line = json.loads(out.getvalue())
    assert "s3cret-one" not in out.getvalue() and "ValueError: raised [redacted]" in line["exc_info"]
    assert line["api_token"] == "[redacted]" and line["seen"] == ["[redacted]"]


def test_the_working_directory_is_no_password() -> None:
    """Shells call it PWD; hidden, every path of a record would be broken. A password called so elsewhere is one."""
    redactor = Redactor.from_environment({"PWD": "/srv/Team-4/gameday-2026", "MYSQL_PWD": "Team-4-Pool/9x2026"})
    assert redactor.text("in /srv/Team-4/gameday-2026/runs") == "in /srv/Team-4/gameday-2026/runs"
    assert "9x2026" not in redactor.text("with Team-4-Pool/9x2026")
