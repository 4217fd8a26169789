"""GitHub's expressions, as far as our workflows use them: `${{ inputs.on == 'lab' && 'lab' || '' }}`.

Values are what JSON has. A member that is not there is null, strings are equal without regard to case, and `&&` and
`||` give an operand: so says GitHub's documentation. What is not known here is an error, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>&&|\|\||[=!]=|[!().,\[\]]))"
)
WHOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(always|success|failure|cancelled)\s*\(")
CONSTANTS: Mapping[str, object] = {"true": True, "false": False, "null": None}


class BadExpression(ValueError):
    """The expression is wrong, or uses what is not known here."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees: its contexts by name, and how the job or action fares."""

    contexts: Mapping[str, object]
    failed: bool = False
    cancelled: bool = False

    def call(self, name: str, words: list[object]) -> object:
        """Call a function."""
        functions: Mapping[str, Callable[..., object]] = {
            "always": lambda: True,
            "success": lambda: not self.failed and not self.cancelled,
            "failure": lambda: self.failed,
            "cancelled": lambda: self.cancelled,
            "format": lambda text, *more: re.sub(r"\{(\d+)\}", lambda found: shown(more[int(found[1])]), text),
            "contains": lambda held, item: any(equal(each, item) for each in held),
            "fromjson": json.loads,
            "tojson": json.dumps,
        }
        if name.lower() not in functions:
            raise BadExpression(f"the function {name} is not known here")
        return functions[name.lower()](*words)


def shown(value: object) -> str:
    """Return a value as GitHub writes it into a string."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def truthy(value: object) -> bool:
    """Is it true for `if`?"""
    return bool(value)


def equal(one: object, other: object) -> bool:
    """Are they equal, as `==` has it?"""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return one == other if type(one) is type(other) else _number(one) == _number(other)


def _number(value: object) -> float:
    try:
        return float(value or 0) if isinstance(value, (str, int, float, type(None))) else float("nan")
    except ValueError:
        return float("nan")


@dataclass(slots=True)
class Parser:
    """Reads and evaluates one expression, from the weakest operator down."""

    text: str
    scope: Scope
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def value(self) -> object:
        """Return its value. Raises BadExpression."""
        at = 0
        while at < len(self.text.rstrip()):
            if (found := TOKEN.match(self.text, at)) is None:
                raise BadExpression(f"cannot read {self.text[at:]!r}")
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        result = self.either()
        if self.tokens:
            raise BadExpression(f"too much in {self.text!r}: {self.tokens[0][1]}")
        return result

    def take(self, *signs: str) -> str | None:
        """Take the next token if it is one of these signs."""
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return None

    def need(self, sign: str) -> None:
        """Take this sign. Raises BadExpression."""
        if self.take(sign) is None:
            raise BadExpression(f"{sign} is missing in {self.text!r}")

    def either(self) -> object:
        """One `||` other."""
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if truthy(value) else other
        return value

    def both(self) -> object:
        """One `&&` other."""
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = other if truthy(value) else value
        return value

    def compared(self) -> object:
        """One `==` or `!=` other."""
        value = self.single()
        while sign := self.take("==", "!="):
            value = equal(value, self.single()) == (sign == "==")
        return value

    def single(self) -> object:
        """A literal, a call, a member of a context, or something in parentheses."""
        if self.take("!"):
            return not truthy(self.single())
        if self.take("("):
            value = self.either()
            self.need(")")
            return value
        if not self.tokens or self.tokens[0][0] == "sign":
            raise BadExpression(f"something is missing in {self.text!r}")
        kind, word = self.tokens.pop(0)
        if kind == "string":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word) if "." in word else int(word)
        return self.named(word)

    def named(self, word: str) -> object:
        """A constant, a call, or a member."""
        if word in CONSTANTS:
            return CONSTANTS[word]
        if self.take("("):
            return self.scope.call(word, self.words())
        if word not in self.scope.contexts:
            raise BadExpression(f"the context {word} is not known here")
        value = self.scope.contexts[word]
        while sign := self.take(".", "["):
            if sign == ".":
                key: object = self.tokens.pop(0)[1]
            else:
                key = self.either()
                self.need("]")
            value = value.get(shown(key)) if isinstance(value, Mapping) else None
        return value

    def words(self) -> list[object]:
        """The arguments of a call."""
        found: list[object] = []
        while not self.take(")"):
            found.append(self.either())
            if not self.take(","):
                self.need(")")
                break
        return found


def evaluate(text: str, scope: Scope) -> object:
    """Return the value of a whole field: of its one expression, or its text with the expressions put in."""
    if (only := WHOLE.fullmatch(text.strip())) and "${{" not in only[1]:
        return Parser(only[1], scope).value()
    return WHOLE.sub(lambda found: shown(Parser(found[1], scope).value()), text)


def condition(text: str | None, scope: Scope) -> bool:
    """Does `if` let it run? Without a function of the status, only while all went well."""
    bare = re.sub(r"^\s*\$\{\{(.*)\}\}\s*$", r"\1", text or "success()", flags=re.DOTALL)
    if not STATUS.search(bare) and (scope.failed or scope.cancelled):
        return False
    return truthy(Parser(bare, scope).value())
