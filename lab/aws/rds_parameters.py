"""DB parameter groups: PostgreSQL's parameters as RDS names and limits them, and the formulas of their values.

What parameters there are, their types and their limits come from the running server (`pg_settings`). A value may be
a formula over the memory of the instance class, as "LEAST({DBInstanceClassMemory/9531392},5000)". The memory here is
the class's whole memory; AWS takes its own processes off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lab.aws.names import arn
from lab.aws.registry import AwsError

GIB = 2**30
MAX_CONNECTIONS = "LEAST({DBInstanceClassMemory/9531392},5000)"  # the default of RDS for PostgreSQL
RESERVED = 10  # superuser_reserved_connections: the lab's own way in when all the others are taken
STAGING_GROUP, STAGING_VALUES = "foodconnect-db", {"max_connections": "100"}
CLASSES_GIB = {
    "db.t3.micro": 1, "db.t3.small": 2, "db.t3.medium": 4, "db.t3.large": 8,
    "db.t4g.micro": 1, "db.t4g.small": 2, "db.t4g.medium": 4, "db.t4g.large": 8,
    "db.m5.large": 8, "db.m6g.large": 8, "db.m6i.large": 8, "db.m7g.large": 8, "db.m7g.xlarge": 16,
    "db.r5.large": 16, "db.r6g.large": 16, "db.r6i.large": 16, "db.r7g.large": 16, "db.r7g.xlarge": 32,
}  # fmt: skip
# The lab lives by these; whoever asks finds them not modifiable.
OWN = re.compile(
    r"port|listen_addresses|unix_socket_.*|wal_level|wal_log_hints|wal_keep_size|max_wal_senders|hot_standby"
    r"|superuser_reserved_connections|reserved_connections|max_slot_wal_keep_size|max_replication_slots"
    r"|primary_.*|synchronous_standby_names|recovery_.*|restore_command|archive_.*|.*_file|data_directory.*"
    r"|logging_collector|log_directory|log_filename|log_destination|track_io_timing|track_wal_io_timing|fsync"
    r"|full_page_writes|ssl.*|allow_.*|event_source|.*_preload_libraries|bonjour.*|krb_.*|cluster_name"
)
CATALOGUE = """
select name, context = 'postmaster', vartype, min_val, max_val, enumvals, short_desc, setting,
       source = 'configuration file', context = 'internal' from pg_settings order by name
"""
TYPES = {"bool": "boolean", "integer": "integer", "real": "float"}  # the others are strings
TOKEN = re.compile(r"\s*(LEAST|GREATEST|SUM|DBInstanceClassMemory|\d+|[(){},*/])")
RANGE = re.compile(r"(-?[\d.e+]+)-(-?[\d.e+]+)")
FUNCTIONS: dict[str, Callable[[list[float]], float]] = {"LEAST": min, "GREATEST": max, "SUM": sum}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the engine; `setting` is the lab's own value, None where the engine's default holds."""

    name: str
    static: bool
    data_type: str
    allowed: str
    description: str
    modifiable: bool
    setting: str | None

    def check(self, value: str, memory: int) -> None:
        """Raise InvalidParameterValue for a value that is not allowed."""
        if self.data_type in ("integer", "float"):
            limits = RANGE.fullmatch(self.allowed)
            number = evaluate(value, memory)
            fits = limits is None or float(limits[1]) <= number <= float(limits[2])
        else:
            fits = not self.allowed or value in self.allowed.split(",")
        if not fits:
            words = f"Invalid parameter value: {value} for: {self.name} allowed values are: {self.allowed}"
            raise AwsError("InvalidParameterValue", words)


def catalogue(rows: Iterable[tuple[object, ...]]) -> dict[str, Parameter]:
    """Return the parameters by name, from the rows of `CATALOGUE`."""
    return {str(row[0]): _parameter(*row) for row in rows}


def _parameter(*row: object) -> Parameter:
    name, static, kind, low, high, choices, words, setting, ours, internal = row
    allowed = "0,1" if kind == "bool" else ",".join(choices) if isinstance(choices, list) else ""
    if kind in ("integer", "real"):
        allowed = f"{max(int(str(low)), RESERVED + 2) if name == 'max_connections' else low}-{high}"
    return Parameter(
        str(name),
        bool(static),
        TYPES.get(str(kind), "string"),
        allowed,
        str(words),
        not internal and not OWN.fullmatch(str(name)),
        str(setting) if ours and name != "max_connections" else None,
    )


def memory_of(instance_class: str) -> int:
    """Return the bytes of memory of an instance class; InvalidParameterValue for one that the lab does not have."""
    if instance_class not in CLASSES_GIB:
        raise AwsError("InvalidParameterValue", f"Invalid DB Instance class: {instance_class}")
    return CLASSES_GIB[instance_class] * GIB


def evaluate(formula: str, memory: int) -> float:
    """Return the value of a number or a formula; InvalidParameterValue when it is neither."""
    try:
        return float(formula)
    except ValueError:
        pass
    tokens = TOKEN.findall(formula)
    try:
        value, rest = _expression(tokens, memory)
    except (IndexError, ValueError, ZeroDivisionError):
        value, rest = 0.0, ["?"]
    if rest or "".join(tokens) != re.sub(r"\s", "", formula):
        raise AwsError("InvalidParameterValue", f"Invalid parameter value: {formula}")
    return value


def _expression(tokens: list[str], memory: int) -> tuple[float, list[str]]:
    """Return a value and the tokens after it: `{a/b}`, `LEAST(x,y)`, or products and quotients of numbers."""
    if tokens[0] in FUNCTIONS:
        values, rest = [], ["(", *tokens[2:]] if tokens[1] == "(" else []
        while rest[0] in ("(", ","):
            value, rest = _expression(rest[1:], memory)
            values.append(value)
        return FUNCTIONS[tokens[0]](values), _after(")", rest)
    if tokens[0] == "{":
        value, rest = _expression(tokens[1:], memory)
        return math.floor(value), _after("}", rest)
    value, rest = float(memory if tokens[0] == "DBInstanceClassMemory" else int(tokens[0])), tokens[1:]
    while rest and rest[0] in ("*", "/"):
        operand = float(memory if rest[1] == "DBInstanceClassMemory" else int(rest[1]))
        value = value * operand if rest[0] == "*" else value / operand
        rest = rest[2:]
    return value, rest


def _after(closing: str, tokens: list[str]) -> list[str]:
    if tokens[0] != closing:
        raise ValueError(tokens[0])
    return tokens[1:]


@dataclass(slots=True)
class Group:
    """A DB parameter group: the values that somebody set, by the parameter's name."""

    name: str
    family: str
    description: str
    values: dict[str, str] = field(default_factory=dict)
    tags: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_default(self) -> bool:
        """Is it one of AWS's own, which nobody can change?"""
        return self.name.startswith("default.")

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("rds", f"pg:{self.name}")

    def resolve(self, memory: int) -> dict[str, str]:
        """Return the values for an instance with so much memory, as PostgreSQL takes them."""
        return {
            name: _plain(value, memory) for name, value in {"max_connections": MAX_CONNECTIONS, **self.values}.items()
        }


def _plain(value: str, memory: int) -> str:
    return str(int(evaluate(value, memory))) if "{" in value or "(" in value else value


@dataclass(slots=True)
class Groups:
    """The parameter groups of the lab; `parameters` is the engine's catalogue."""

    family: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    by_name: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add(Group(self.default_name, self.family, f"Default parameter group for {self.family}"))
        self.add(Group(STAGING_GROUP, self.family, "FoodConnect's database", dict(STAGING_VALUES)))

    @property
    def default_name(self) -> str:
        """The name of AWS's own group of this family."""
        return f"default.{self.family}"

    def add(self, group: Group) -> None:
        """Put a group on the list; DBParameterGroupAlreadyExists when its name is taken."""
        if group.name in self.by_name:
            raise AwsError("DBParameterGroupAlreadyExists", f"Parameter group {group.name} already exists")
        self.by_name[group.name] = group

    def get(self, name: str) -> Group:
        """Return a group by name; DBParameterGroupNotFound when there is none."""
        try:
            return self.by_name[name.lower()]
        except KeyError:
            raise AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}") from None

    def parameter(self, name: str) -> Parameter:
        """Return a parameter that can be modified; InvalidParameterValue for any other name."""
        if name not in self.parameters:
            raise AwsError("InvalidParameterValue", f"Could not find parameter with name: {name}")
        if not self.parameters[name].modifiable:
            raise AwsError("InvalidParameterValue", f"The parameter {name} cannot be modified.")
        return self.parameters[name]
