"""The expressions of the local runner behave as GitHub documents them."""

from __future__ import annotations

import pytest

from tests.workflows.expressions import BadExpression, Scope, condition, evaluate

SEEN = Scope(
    {"inputs": {"on": "lab", "suite": "", "changed-only": True}, "steps": {"gate": {"outputs": {"exit": "1"}}}}
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${{ inputs.on }}", "lab"),
        ("${{ inputs.on == 'LAB' && 'x' || 'y' }}", "x"),
        ("chaos-${{ inputs.on != 'lab' && inputs.on || format('lab-{0}', 7) }}", "chaos-lab-7"),
        ("${{ inputs.suite || 'nightly' }}", "nightly"),
        ("${{ inputs.none.deeper }}", None),
        ("a ${{ inputs.none }} b", "a  b"),
        ("${{ inputs.changed-only }}", True),
        ("${{ steps['gate'].outputs.exit == 1 }}", True),
        ("${{ !(inputs.suite == '') }}", False),
        ("${{ 'it''s' }}", "it's"),
        ("""${{ contains(fromJSON('["1", "2"]'), steps.gate.outputs.exit) }}""", True),
    ],
)
def test_values(text: str, value: object) -> None:
    """Members, comparison without case, operands of `&&` and `||`, null for what is not there."""
    assert evaluate(text, SEEN) == value


@pytest.mark.parametrize(
    "text", ["${{ nope.x }}", "${{ hashFiles('x') }}", "${{ 'a' == }}", "${{ (1 }}", "${{ a ~ b }}", "${{ 1 2 }}"]
)
def test_what_is_not_known_is_an_error(text: str) -> None:
    """An unknown context or function, and a broken expression, are never a guess."""
    with pytest.raises(BadExpression):
        evaluate(text, SEEN)


def test_conditions() -> None:
    """After a failure only steps that ask for the status run; a bare condition is written with or without braces."""
    failed = Scope(SEEN.contexts, failed=True)
    assert condition(None, SEEN) and not condition(None, failed)
    assert condition("inputs.on == 'lab'", SEEN) and not condition("inputs.on == 'lab'", failed)
    assert condition("always() && inputs.on == 'lab'", failed) and not condition(
        "always() && inputs.suite != ''", failed
    )
    assert condition("${{ failure() }}", failed) and not condition("success()", Scope({}, cancelled=True))
