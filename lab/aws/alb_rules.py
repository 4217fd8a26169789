"""The listener and its rules: AWS's actions and conditions as they were given, and as the balancer takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.aws.alb_action import checked_actions, forward_weights, to_action, to_condition
from lab.aws.names import LISTENER_ARN, new_hex
from lab.aws.registry import AwsError
from lab.routing import Route

Given = dict[str, Any]  # members of AWS's Action or RuleCondition
DEFAULT = "default"
MOST_RULES = 100


@dataclass(slots=True)
class Rule:
    """One rule; `priority` None is the default rule, which has no conditions and comes last."""

    arn: str
    priority: int | None
    conditions: list[Given]
    actions: list[Given]

    @property
    def order(self) -> float:
        """Sort key."""
        return float("inf") if self.priority is None else self.priority


def _default_rule(group_arn: str) -> Rule:
    forward = {"Type": "forward", "TargetGroupArn": group_arn}
    return Rule(_rule_arn(), None, [], checked_actions([forward], {group_arn: None}))


def _rule_arn() -> str:
    return f"{LISTENER_ARN.replace(':listener/', ':listener-rule/')}/{new_hex(16)}"


@dataclass(slots=True)
class Listener:
    """The one listener; `first_group` is where its default rule leads at the start."""

    first_group: str
    rules: dict[str, Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rule = _default_rule(self.first_group)
        self.rules[rule.arn] = rule

    @property
    def default(self) -> Rule:
        """The default rule."""
        return next(rule for rule in self.rules.values() if rule.priority is None)

    def in_order(self) -> list[Rule]:
        """Return the rules as they are tried, the default rule last."""
        return sorted(self.rules.values(), key=lambda rule: rule.order)

    def groups(self) -> set[str]:
        """Return the ARNs of the target groups that a rule leads to."""
        return {arn for rule in self.rules.values() for action in rule.actions for arn, _ in forward_weights(action)}

    def routes(self, names: Mapping[str, str]) -> list[Route]:
        """Return the rules as the balancer takes them; `names` are those of the target groups by ARN."""
        return [
            Route(
                rule.arn.rpartition("/")[2] if rule.priority is not None else DEFAULT,
                tuple(to_condition(condition) for condition in rule.conditions),
                to_action(rule.actions[0], names),
            )
            for rule in self.in_order()
        ]

    def find(self, arn: str) -> Rule:
        """Return a rule; RuleNotFound otherwise."""
        rule = self.rules.get(arn)
        if rule is None:
            raise AwsError("RuleNotFound", f"One or more rules not found: '{arn}'")
        return rule

    def add(self, priority: int, conditions: Sequence[Given], actions: Sequence[Given]) -> Rule:
        """Create a rule; PriorityInUse, TooManyRules."""
        if len(self.rules) > MOST_RULES:
            raise AwsError("TooManyRules", "The maximum number of rules has been reached")
        self._check_free({priority})
        rule = Rule(_rule_arn(), priority, list(conditions), list(actions))
        self.rules[rule.arn] = rule
        return rule

    def remove(self, arn: str) -> None:
        """Delete a rule; OperationNotPermitted for the default rule."""
        if self.find(arn).priority is None:
            raise AwsError("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
        del self.rules[arn]

    def order(self, priorities: Mapping[str, int]) -> list[Rule]:
        """Give rules (by ARN) other priorities, all at once; PriorityInUse when another rule has one of them."""
        found = [self.find(arn) for arn in priorities]
        if any(rule.priority is None for rule in found):
            raise AwsError("OperationNotPermitted", "The priority of the default rule cannot be changed")
        self._check_free(set(priorities.values()), but=priorities.keys())
        if len(set(priorities.values())) < len(priorities):
            raise AwsError("PriorityInUse", "Two rules cannot have the same priority")
        for rule in found:
            rule.priority = priorities[rule.arn]
        return found

    def _check_free(self, priorities: set[int], but: Any = ()) -> None:
        taken = {rule.priority for rule in self.rules.values() if rule.arn not in but}
        if both := sorted(priorities & {priority for priority in taken if priority is not None}):
            raise AwsError("PriorityInUse", f"Priority '{both[0]}' is currently in use")
