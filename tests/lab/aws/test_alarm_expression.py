"""The rules of composite alarms: how they bind, what they ask, what is refused."""

from __future__ import annotations

from itertools import product

import pytest

from lab.aws.alarm_expression import WrongRuleError, parse

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("a")', True),
        ("ALARM(a)", True),
        ("  ALARM ( a )  ", True),
        ("OK(a)", False),
        ("INSUFFICIENT_DATA(c)", True),
        ('ALARM("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a")', True),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:b)", False),
        ("ALARM(nobody)", False),
        ("TRUE", True),
        ("false", False),
        ("NOT ALARM(a)", False),
        ("NOT NOT ALARM(a)", True),
        ("NOT (ALARM(a) AND ALARM(b))", True),
        ("NOT ALARM(b) AND ALARM(a)", True),
        ("NOT ALARM(a) AND ALARM(b)", False),
        ("TRUE OR TRUE AND FALSE", True),
        ("(TRUE OR TRUE) AND FALSE", False),
        ("FALSE AND FALSE OR TRUE", True),
        ("ALARM(a) AND NOT (OK(b) AND OK(c))", True),
        ("(ALARM(a) OR ALARM(b)) AND OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("(" * 240 + "ALARM(a)" + ")" * 240, True),
    ],
)
def test_rules_are_evaluated(rule: str, holds: bool) -> None:
    """NOT binds before AND, AND before OR; names may be quoted, or be ARNs."""
    assert parse(rule).holds(STATES) is holds


def test_rules_agree_with_python() -> None:
    """Every combination of operators over three truths is what Python makes of it."""
    for first, second, nots, truths in product(("AND", "OR"), ("AND", "OR"), product(("", "NOT "), repeat=3), range(8)):
        values = [bool(truths >> bit & 1) for bit in range(3)]
        words = [f"{no}{str(value).upper()}" for no, value in zip(nots, values, strict=True)]
        rule = f"{words[0]} {first} {words[1]} {second} {words[2]}"
        wanted = eval(rule.lower().replace("true", "True").replace("false", "False"))
        assert parse(rule).holds({}) is wanted, rule


def test_children_are_named_once() -> None:
    """The children come in the order of the rule, whatever is asked of them, with their escaped quotes."""
    rule = parse(r'ALARM("p 99 (feed)") OR OK(x) OR ALARM("p 99 (feed)") AND NOT ALARM("say \"hi\"")')
    assert rule.children == ("p 99 (feed)", "x", 'say "hi"')


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "ends too early"),
        ("   ", "ends too early"),
        ("ALARM()", "position 1"),
        ("ALARM(a b)", "position 1"),
        ('ALARM("a)', "position 1"),
        ("ALARM(a) ALARM(b)", r"an operator is missing before ALARM\(b\)"),
        ("ALARM(a) AND", "ends too early"),
        ("AND ALARM(a)", "an alarm is missing before AND"),
        ("ALARM(a) NOT ALARM(b)", "an operator is missing before NOT"),
        ("()", r"an alarm is missing before \)"),
        ("(ALARM(a)", "ends too early"),
        ("ALARM(a))", "closed that was not opened"),
        (")(", r"an alarm is missing before \)"),
        ("alarm(a)", "position 1"),
        ("ALARM(a) XOR ALARM(b)", "position 9"),
        ("TRUETRUE", "position 1"),
        (" OR ".join(f"ALARM(a{n})" for n in range(101)), "100 children"),
        (" OR ".join(["TRUE"] * 501), "500 elements"),
        ("TRUE" + " " * 10_240, "10244 characters"),
    ],
)
def test_wrong_rules_are_refused(rule: str, words: str) -> None:
    """The message says where and what; nothing else is raised."""
    with pytest.raises(WrongRuleError, match=words):
        parse(rule)
