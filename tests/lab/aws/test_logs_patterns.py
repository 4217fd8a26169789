"""Filter patterns: terms, JSON, columns, regular expressions, as CloudWatch's manual has them."""

from __future__ import annotations

import json

import pytest

from lab.aws.logs_pattern import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", ["anything", ""], []),
        ("ERROR", ["[ERROR 400] BAD"], ["error", "fine"]),
        ("ERROR ARGUMENTS", ["ARGUMENTS: ERROR"], ["ERROR", "ARGUMENTS"]),
        ('"INTERNAL SERVER ERROR"', ["x INTERNAL SERVER ERROR"], ["INTERNAL ERROR"]),
        ("?ERROR ?WARN", ["ERROR", "WARN"], ["INFO"]),
        ("ERROR -retry", ["ERROR at last"], ["ERROR, retry"]),
        ('-"time out"', ["fine"], ["a time out b"]),
        (r'"a \"quoted\" word"', ['a "quoted" word'], ["a quoted word"]),
        (r"%5\d\d%", ["status 503"], ["status 404"]),
        ("[ip, user, status = 5*, bytes > 1000]", ["1.2.3.4 - 503 1200"], ["1.2.3.4 - 503 900", "1.2.3.4 - 200 1200"]),
        ("[..., status != 200]", ["a b c 404", "404"], ["a b 200"]),
        ("[first, ..., last = 7]", ["a 7", "a b c 7"], ["7", "a 8"]),
        ("[when, request, level = ERROR || level = WARN]", ['[a b] "GET /" WARN'], ['[a b] "GET /" INFO']),
        ("[w = %^E%]", ["E1"], ["1E"]),
    ],
)
def test_texts(pattern: str, matching: list[str], other: list[str]) -> None:
    """What matches does, what does not does not."""
    match = compile_pattern(pattern).match
    assert [message for message in matching if match(message) is None] == []
    assert [message for message in other if match(message) is not None] == []


DOCUMENT = {
    "status": 503,
    "path": "/posts/7",
    "task": None,
    "slow": True,
    "tags": ["a", {"name": "deep"}],
    "user": {"id": 12.5},
    "text": "503",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("$.status = 503", True),
        ('$.status >= 500 && $.path = "/posts*"', True),
        ('$.status < 500 || $.path = "/posts/7"', True),
        ('$.status >= 500 && ($.path = "/x" || $.slow IS TRUE)', True),
        ('$.status = 503 || $.status = 1 && $.path = "no"', True),
        ("$.status != 503", False),
        ("$.nothing != 503", False),
        ("$.nothing = 1", False),
        ("$.nothing NOT EXISTS", True),
        ("$.task IS NULL", True),
        ("$.nothing IS NULL", False),
        ("$.slow IS FALSE", False),
        ('$.tags[0] = "a"', True),
        ('$.tags[1].name = "deep"', True),
        ('$.tags[5] = "a"', False),
        ('$.tags = "a"', False),
        ("$.user.id > 12", True),
        ("$.text = 503", True),
        ("$.path = %^/posts/[0-9]+$%", True),
        ('$.path = "*[0-9]*"', False),
        ("$.path > 5", False),
    ],
)
def test_json(condition: str, holds: bool) -> None:
    """Numbers, texts with wildcards, null, true, existence, places in lists; && before ||."""
    assert (compile_pattern(f"{{ {condition} }}").match(json.dumps(DOCUMENT)) is not None) is holds


def test_messages_that_are_no_json_do_not_match_json_patterns() -> None:
    """Neither a plain line nor a list nor a torn document."""
    match = compile_pattern("{ $.a NOT EXISTS }").match
    assert [match(message) for message in ("plain", "[1]", '{"b": 1')] == [None, None, None]
    assert match("{}") == {}


def test_matches_tell_what_they_found() -> None:
    """The selectors of a JSON pattern; the columns of a column pattern."""
    found = compile_pattern("{ $.status > 1 && $.user = * }").match(json.dumps({"status": 503, "user": "u"}))
    assert found == {"$.status": "503", "$.user": "u"}
    assert compile_pattern("[ip, , status]").match("h x 200") == {"$ip": "h", "$2": "x", "$status": "200"}


WRONG = (
    *(
        "{ $.a = 1",
        "{ }",
        "{ a = 1 }",
        '{ $.a > "x" }',
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "{ $.a IS 7 }",
        "{ $.a ~ 1 }",
    ),
    *("[a, b", "[..., a, ...]", "[a = 1 || b = 2]", "%a(b)%", "%[%", 'a "b', "x" * 1025, "{" + "(" * 900 + "}"),
)


@pytest.mark.parametrize("pattern", WRONG)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """With a sentence."""
    with pytest.raises(PatternError, match=r"\w \w"):
        compile_pattern(pattern)
