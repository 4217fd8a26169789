"""The rule of a composite alarm: `ALARM("x") AND NOT (OK(y) OR INSUFFICIENT_DATA("z"))`, read and evaluated.

A rule is kept in reverse Polish order, so that no depth of parentheses costs a stack. NOT binds before AND, AND
before OR. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST, MOST_CHILDREN, MOST_ELEMENTS = 10_240, 100, 500
_STRENGTH = {"OR": 1, "AND": 2, "NOT": 3}
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])
        |(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>(?:[^"\\]|\\.)+)"|(?P<bare>[^\s()"]+))\s*\)
        |(?P<operator>AND|OR|NOT)\b
        |(?P<constant>(?i:TRUE|FALSE))\b)""",
    re.VERBOSE,
)


class WrongRuleError(Exception):
    """A rule that cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Asks:
    """True when the alarm of this name is in this state."""

    state: str
    name: str


Step = Asks | bool | str  # an operand, or "AND", "OR", "NOT"; while a rule is read also "(" and ")"


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule as it was written, and its steps in reverse Polish order."""

    text: str
    steps: tuple[Step, ...]

    @property
    def children(self) -> tuple[str, ...]:
        """The names of the alarms that the rule asks, each once."""
        return tuple(dict.fromkeys(step.name for step in self.steps if isinstance(step, Asks)))

    def holds(self, states: Mapping[str, str]) -> bool:
        """Evaluate for the states of the children; one that is not there is in no state."""
        stack: list[bool] = []
        for step in self.steps:
            if isinstance(step, Asks):
                stack.append(states.get(step.name) == step.state)
            elif isinstance(step, bool):
                stack.append(step)
            elif step == "NOT":
                stack.append(not stack.pop())
            else:
                second, first = stack.pop(), stack.pop()
                stack.append((first and second) if step == "AND" else (first or second))
        return stack[-1]


def parse(text: str) -> Expression:
    """Read a rule; raise WrongRuleError for one that AWS would not take."""
    if len(text) > LONGEST:
        raise WrongRuleError(f"it has {len(text)} characters, at most {LONGEST} are allowed")
    steps = list(_steps(text))
    _check_order(steps)
    rule = Expression(text, tuple(_polish(steps)))
    elements = sum(not isinstance(step, str) or step in "()" for step in steps)
    if len(rule.children) > MOST_CHILDREN or elements > MOST_ELEMENTS:
        raise WrongRuleError(f"it may have {MOST_CHILDREN} children and {MOST_ELEMENTS} elements at most")
    return rule


def _steps(text: str) -> Iterator[Step]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise WrongRuleError(f"position {at + 1} is neither a state, an operator, TRUE, FALSE nor a parenthesis")
        at = found.end()
        if found["state"]:
            name = found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"])
            yield Asks(found["state"], name.rpartition(":alarm:")[2])
        elif found["constant"]:
            yield found["constant"].upper() == "TRUE"
        else:
            yield found["paren"] or found["operator"]


def _check_order(steps: list[Step]) -> None:
    """Operands and operators must alternate, and every parenthesis must have its other half."""
    depth, operand_next = 0, True
    for step in steps:
        opens = not isinstance(step, str) or step in ("NOT", "(")
        if opens != operand_next:
            raise WrongRuleError(f"{'an alarm' if operand_next else 'an operator'} is missing before {_shown(step)}")
        depth += {"(": 1, ")": -1}.get(step, 0) if isinstance(step, str) else 0
        if depth < 0:
            raise WrongRuleError("a parenthesis is closed that was not opened")
        operand_next = isinstance(step, str) and step != ")"
    if operand_next or depth:
        raise WrongRuleError("it ends too early")


def _shown(step: Step) -> str:
    return f"{step.state}({step.name})" if isinstance(step, Asks) else str(step).upper()


def _polish(steps: list[Step]) -> Iterator[Step]:
    """Give the steps in reverse Polish order (the shunting yard)."""
    waiting: list[str] = []
    for step in steps:
        if not isinstance(step, str):
            yield step
        elif step in ("NOT", "("):
            waiting.append(step)
        elif step == ")":
            while (top := waiting.pop()) != "(":
                yield top
        else:
            while waiting and _STRENGTH.get(waiting[-1], 0) >= _STRENGTH[step]:
                yield waiting.pop()
            waiting.append(step)
    yield from reversed(waiting)
