"""Metric math, expression by expression, as CloudWatch's pages have it."""

from __future__ import annotations

import pytest

from lab.aws.metric_functions import FUNCTIONS
from lab.aws.metric_math import Scope, Series, Value, evaluate
from lab.aws.metric_syntax import MathError, names, parse
from lab.aws.metrics import Window

WINDOW = Window(0, 300, 60)


def series(text: str, name: str = "m") -> Series:
    """Make a series of five minutes: `1 - 3` has no second point, and ends after the third."""
    words = text.split()
    return Series({60 * i: float(word) for i, word in enumerate(words) if word != "-"}, WINDOW, name, name)


def calculate(expression: str, **values: str) -> Value:
    """Evaluate an expression over series written as words."""
    known = {name: series(text, name) for name, text in values.items()}
    return evaluate(parse(expression), Scope(known, list(known.values()), WINDOW, FUNCTIONS))


def shown(value: Value) -> str:
    """Write a series as `series` reads it."""
    assert isinstance(value, Series)
    return " ".join(f"{value.points[at]:g}" if at in value.points else "-" for at in WINDOW.times())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", "11 - - - -"),
        ("a - b", "-9 - - - -"),
        ("a * 2 + 1", "3 5 7 - -"),
        ("2 * (a + 1)", "4 6 8 - -"),
        ("-a", "-1 -2 -3 - -"),
        ("2 - -a", "3 4 5 - -"),
        ("a ^ 2", "1 4 9 - -"),
        ("a ** 2", "1 4 9 - -"),
        ("-a ^ 2", "-1 -4 -9 - -"),
        ("2 ^ 3 ^ 0 * a", "2 4 6 - -"),
        ("10 - 4 - a", "5 4 3 - -"),
        ("100 / a / 10", "10 5 3.33333 - -"),
        ("1 / (a - 2)", "-1 - 1 - -"),
        ("(a - 2) ^ 0.5", "- 0 1 - -"),
        ("10 ^ (a * 200)", "1e+200 - - - -"),
        ("1.5e1 * a", "15 30 45 - -"),
        (".5*a", "0.5 1 1.5 - -"),
        ("a > 1", "0 1 1 - -"),
        ("a > b", "0 1 1 0 -"),
        ("a == 2", "0 1 0 - -"),
        ("a != 2", "1 0 1 - -"),
        ("a >= 2 AND a <= 2", "0 1 0 - -"),
        ("a < 2 || a > 2", "1 0 1 - -"),
        ("a < 2 OR b > 5", "1 0 0 1 -"),
        ("FILL(b, 0)", "10 0 0 20 0"),
        ("a + FILL(b, 0)", "11 2 3 - -"),
        ("FILL(b, REPEAT)", "10 10 10 20 20"),
        ("FILL(b, LINEAR)", "10 13.3333 16.6667 20 -"),
        ("FILL(b, a)", "10 2 3 20 -"),
        ("FILL(b, MAX(a))", "10 3 3 20 3"),
        ("FILL(c, 0)", "0 0 0 0 0"),
        ("SUM([a, b])", "11 2 3 20 -"),
        ("AVG([a, b])", "5.5 1 1.5 10 -"),
        ("MIN([a, b])", "1 2 3 20 -"),
        ("MAX([a, b])", "10 2 3 20 -"),
        ("SUM([a, b, c])", "11 2 3 20 -"),
        ("SUM(METRICS())", "11 2 3 20 -"),
        ('SUM(METRICS("a")) * 2', "2 4 6 - -"),
        ("a - AVG(a)", "-1 0 1 - -"),
        ("a / SUM(a) * 6", "1 2 3 - -"),
        ("a * DATAPOINT_COUNT(a)", "3 6 9 - -"),
        ("a * STDDEV([a, b])", "4.5 0 0 - -"),
        ("MINUTE(b)", "0 - - 3 -"),
        ("EPOCH(a)", "0 60 120 - -"),
        ("HOUR(a) + DATE(a) + MONTH(a) + YEAR(a) + DAY(a)", "1976 1976 1976 - -"),
        ("DIFF_TIME(b)", "- - - 180 -"),
        ("LAST([a, b]) - FIRST([a, b])", "9 - - - -"),
        ("SUM(SORT([a, b], MAX, DESC, 1))", "10 - - 20 -"),
        ("SLICE([a, b], 1)", "10 - - 20 -"),
        ("SUM(REMOVE_EMPTY([c, b]))", "10 - - 20 -"),
        ("a * METRIC_COUNT(METRICS())", "3 6 9 - -"),
        ("SUM([a, b] * 2)", "22 4 6 40 -"),
        ("SUM(100 / [a, b])", "110 50 33.3333 5 -"),
        ("SUM(-[a, b])", "-11 -2 -3 -20 -"),
        ("SUM([a, [b, a]])", "12 4 6 20 -"),
        ("ABS(-a)", "1 2 3 - -"),
        ("CEIL(a / 2)", "1 1 2 - -"),
        ("FLOOR(a / 2)", "0 1 1 - -"),
        ("LOG10(a * 10 - 10)", "- 1 1.30103 - -"),
        ("RATE(b)", "- - - 0.0555556 -"),
        ("DIFF(b)", "- - - 10 -"),
        ("RUNNING_SUM(a)", "1 3 6 - -"),
        ("a / PERIOD(a) * 60", "1 2 3 - -"),
        ("TIME_SERIES(MAX(a))", "3 3 3 3 3"),
        ("IF(a > 1, a)", "- 2 3 - -"),
        ("IF(a > 1, 7, 8)", "8 7 7 - -"),
        ("IF(a > 1, b, a)", "1 0 0 - -"),
        ("IF(a < 2, a, b)", "1 - - - -"),
        ("IF(MAX(a) > 2, b, a)", "10 - - 20 -"),
        ("IF(MAX(a) > 9, b)", "- - - - -"),
    ],
)
def test_an_expression(expression: str, expected: str) -> None:
    """Of a = 1 2 3, b = 10 . . 20, and c without a point; five minutes."""
    assert shown(calculate(expression, a="1 2 3 - -", b="10 - - 20 -", c="- - - - -")) == expected


def test_awss_own_example_of_comparisons() -> None:
    """From "Using metric math": a missing value counts as 0 in a comparison between series."""
    values = {"metric1": "30 20 0 0", "metric2": "20 - 20 -"}
    assert shown(calculate("metric1 < metric2", **values)) == "0 0 1 0 -"
    assert shown(calculate("metric1 >= 30", **values)) == "1 0 0 0 -"
    assert shown(calculate("metric1 > 15 AND metric2 > 15", **values)) == "1 0 0 0 -"


def test_awss_own_examples_of_if() -> None:
    """From "Using IF expressions"."""
    values = {"metric1": "1 1 0 0 -", "metric2": "30 - 0 0 30", "metric3": "0 0 20 - 20"}
    assert shown(calculate("IF(metric1, metric2, metric3)", **values)) == "30 0 20 - -"
    assert shown(calculate("IF(metric1, 5, metric3)", **values)) == "5 5 20 - -"
    assert shown(calculate("IF(metric1, metric2, 5)", **values)) == "30 0 5 5 -"


def test_an_error_rate_without_traffic_has_no_point() -> None:
    """Errors over requests: no requests is "unknown", never 0 %."""
    rate = "100 * (FILL(t5, 0) + FILL(e5, 0)) / (req + FILL(e5, 0))"
    assert shown(calculate(rate, t5="- 2 - - -", e5="- - 5 - -", req="10 10 5 - 0")) == "0 20 50 - -"


def test_an_array_is_an_array_of_series() -> None:
    """METRICS() * 100 keeps the series and their labels apart."""
    value = calculate("METRICS() * 100", a="1", b="2")
    assert isinstance(value, list)
    assert [(one.label, shown(one)) for one in value] == [("a", "100 - - - -"), ("b", "200 - - - -")]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("ANOMALY_DETECTION_BAND(a)", "the function ANOMALY_DETECTION_BAND is not supported"),
        ("SEARCH('{N} m', 'Sum')", "the function SEARCH is not supported"),
        ("sum(a)", "the function sum is not supported"),
        ("__import__('os')", "the function __import__ is not supported"),
        ("z + 1", "'z' is not the id of a metric or an expression in this request"),
        ("a +", "unexpected 'the end'"),
        ("(a", "')' is missing"),
        ("a b", "unexpected 'b'"),
        ("a ; b", "unexpected ';'"),
        ("[a, b", "',' is missing"),
        ("'text'", "a string stands only in METRICS() and SEARCH()"),
        ("METRICS(a)", "METRICS takes a string"),
        ("[a] + [a]", "'+' cannot stand between two arrays"),
        ("FILL(a)", "FILL takes 2 argument(s), not 1"),
        ("FILL(5, 0)", "a number stands where a time series is needed"),
        ("FILL(a, [a])", "FILL cannot fill with an array"),
        ("IF(a, [a])", "IF takes no arrays"),
        ("IF(a)", "IF takes 2 to 3 argument(s), not 1"),
        ("SUM(3)", "SUM needs a time series"),
        ("PERIOD([a])", "PERIOD needs one time series"),
        ("TIME_SERIES(a)", "TIME_SERIES needs a number"),
        ("1 / 0 * a", "1 / 0 has no value"),
        ("(" * 20_000 + "a" + ")" * 20_000, "it is nested too deeply"),
    ],
)
def test_what_cannot_be_evaluated_says_why(expression: str, why: str) -> None:
    """Never a silent empty answer."""
    with pytest.raises(MathError) as caught:
        calculate(expression, a="1")
    assert str(caught.value) == why


def test_names_are_the_ids_an_expression_needs() -> None:
    """Words and functions are none."""
    assert names(parse("FILL(m1, REPEAT) + SUM([e1, m2]) * IF(c > 1, m1)")) == {"m1", "e1", "m2", "c"}
