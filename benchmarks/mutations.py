"""Files changed at random, the same for the same seed and number: what broken files look like, and worse.

Each begins as one of our experiments or plans, a runbook, a FIS template or `gameday.toml`. Then its tree of values is
shaken, or its text is changed: lines deleted, doubled, swapped, indented; values, keys and bytes changed; random YAML
put in.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

SUITE = Path(__file__).parents[1]
SCALARS = [
    "null", "~", "true", "no", "0", "-1", "1e400", ".nan", ".inf", "0x" + "f" * 300, "9" * 5000, "2026-12-24",
    "2026-99-99", "1:30", "''", "'${x}'", "${database}", "!!int x", "!!binary x", "!!set {a, b}", "!!omap [a: 1]",
    "!!timestamp x", "!!bool x", "!!python/object:os.system x", "&a [*a]", "*a", "&b {<<: *b}", "[]", "{}", "[[]]",
    "{type: probe}", "{type: regex, pattern: '('}", "{type: range, range: [1]}", "{type: env}", "{type: vault}",
    "{actions: {a: {actionId: aws:fis:wait}}, stopConditions: [{source: none}]}", "[1, 2]", "['', null]", "\u00e9",
    "__main__", "antigravity", "this", "gameday.__main__", "actions", "actions.", "..", "os.path",
    "25:99", "30 9 * * WED", "'0 0 31 2 *'", "last held", "[5, 2]",
    "experiments/suites/smoke.yaml", "Europe/Dublin", "a b", "-", "?", "|", ">", "%", "@",
]  # fmt: skip
KEYS = [
    "ref", "dry", "timeout", "tolerance", "provider", "type", "module", "func", "arguments", "background", "pauses",
    "controls", "secrets", "configuration", "extensions", "runtime", "method", "rollbacks", "yes", "1", "null", "<<",
    "? [a]", "''", "guards", "load", "steady", "objectives", "stopConditions", "targets", "name", "title",
    "roles", "agenda", "injects", "when", "date", "cron", "zone", "freeze", "only_if", "expect", "during", "after_s",
    "pause_s", "announced", "look", "bands", "experiment",
]  # fmt: skip
BYTES = [b"\x00", b"\xff", b"\t", b"\r", b"\x07", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"{", b"[", b"]", b":", b"'", b"#"]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**60, "", "x", "${x}", "${database}", [], {}, [[]], [None], [1, 2],
    ["a", "b"], {"a": None},
    {"type": "probe"}, {"type": "regex", "pattern": "("}, {"type": "range", "range": [2, 1]}, {"type": "env"},
    {"ref": "x"}, {"name": "gameday"}, {"signal": "load.p99_ms"},
    {"module": "antigravity", "func": "fly", "type": "python"},
    {"type": "python", "module": "this", "func": "s"}, {"type": "process", "path": "true", "arguments": 1},
    {"type": "http", "url": "x", "headers": []}, {"stopConditions": [{"source": "none"}]}, {1: 2}, {None: {}},
]  # fmt: skip
Change = Callable[[random.Random, bytearray], None]


def sources() -> list[Path]:
    """Return the files that are changed."""
    ours = [path for folder in ("experiments", "plans") for path in sorted((SUITE / folder).rglob("*.yaml"))]
    return [*ours, SUITE / "docs" / "runbooks" / "incident-response.md", SUITE / "gameday.toml"]


def mutated(seed: int, number: int, texts: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Return (suffix, content) of one file; the same for the same seed and number."""
    chance = random.Random(f"{seed}/{number}")
    suffix, content = chance.choice(texts)
    shaken = chance.random() < 0.6
    changed = bytearray(shake(chance, suffix, content) if shaken else content)
    for _ in range(chance.randint(0, 1) if shaken else chance.randint(1, 4)):
        chance.choice(CHANGES)(chance, changed)
    return suffix, bytes(changed)


def files(seed: int, count: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield (number, suffix, content) of *count* files."""
    texts = [(path.suffix, path.read_bytes()) for path in sources()] + [(".json", TEMPLATE)]
    for number in range(count):
        yield (number, *mutated(seed, number, texts))


def shake(chance: random.Random, suffix: str, content: bytes) -> bytes:
    """Change values, keys and branches of a file's tree one to four times, and write it anew; no TOML and no page."""
    if suffix in (".toml", ".md"):
        return content
    data: Any = yaml.safe_load(content)
    for _ in range(chance.randint(1, 4)):
        holder, step = chance.choice(list(_places(data)))
        kind = chance.randrange(5)
        if kind == 0:
            del holder[step]
        elif kind == 1 and isinstance(holder, dict):
            holder[chance.choice(KEYS)] = holder.pop(step)
        elif kind == 2:
            other, place = chance.choice(list(_places(data)))
            holder[step] = copy.deepcopy(other[place])
        elif kind == 3 and isinstance(holder, dict):
            holder[chance.choice(KEYS)] = copy.deepcopy(chance.choice(VALUES))
        else:
            holder[step] = copy.deepcopy(chance.choice(VALUES))
        if not data:
            break
    dumped = yaml.safe_dump(data, sort_keys=False, default_flow_style=None if chance.random() < 0.5 else False)
    return (json.dumps(data, default=str, skipkeys=True) if suffix == ".json" else dumped).encode()


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (holder, step) of every value below *data*."""
    for step, value in list(data.items()) if isinstance(data, dict) else list(enumerate(data)):
        yield data, step
        if isinstance(value, dict | list):
            yield from _places(value)


def delete_line(chance: random.Random, data: bytearray) -> None:
    """Leave out one line."""
    lines = data.splitlines(keepends=True)
    if lines:
        del lines[chance.randrange(len(lines))]
    data[:] = b"".join(lines)


def double_lines(chance: random.Random, data: bytearray) -> None:
    """Write a few lines twice."""
    lines = data.splitlines(keepends=True)
    begin = chance.randrange(len(lines) + 1)
    some = lines[begin : begin + chance.randint(1, 5)]
    place = chance.randrange(len(lines) + 1)
    data[:] = b"".join([*lines[:place], *some, *lines[place:]])


def swap_lines(chance: random.Random, data: bytearray) -> None:
    """Let two lines change places."""
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        one, two = chance.sample(range(len(lines)), 2)
        lines[one], lines[two] = lines[two], lines[one]
    data[:] = b"".join(lines)


def indent(chance: random.Random, data: bytearray) -> None:
    """Move one line to the left or to the right."""
    lines = data.splitlines(keepends=True)
    if lines:
        place = chance.randrange(len(lines))
        line = bytes(lines[place])
        lines[place] = bytearray(
            chance.choice([b"  " + line, b" " + line, b"\t" + line, line.lstrip(b" "), line[1:], line[2:]])
        )
    data[:] = b"".join(lines)


def change_value(chance: random.Random, data: bytearray) -> None:
    """Put another value behind a key."""
    _replace(chance, data, b": ", b"\n,}]", chance.choice(SCALARS))


def change_item(chance: random.Random, data: bytearray) -> None:
    """Put another value into a list."""
    _replace(chance, data, b"- ", b"\n", chance.choice(SCALARS))


def change_key(chance: random.Random, data: bytearray) -> None:
    """Give a key another name."""
    _replace(chance, data, b"  ", b":\n", chance.choice(KEYS))


def misspell(chance: random.Random, data: bytearray) -> None:
    """Change, drop or double one letter."""
    places = [place for place, byte in enumerate(data) if chr(byte).isalpha()]
    if places:
        place = chance.choice(places)
        letter = bytes(data[place : place + 1])
        data[place : place + 1] = chance.choice([b"", letter * 2, bytes([chance.randrange(97, 123)])])


def insert_line(chance: random.Random, data: bytearray) -> None:
    """Put in a line of random YAML."""
    lines = data.splitlines(keepends=True)
    line = " " * chance.choice([0, 2, 4, 6, 8]) + chance.choice(["", "- ", f"{chance.choice(KEYS)}: "])
    lines.insert(chance.randrange(len(lines) + 1), bytearray((line + chance.choice(SCALARS) + "\n").encode()))
    data[:] = b"".join(lines)


def change_byte(chance: random.Random, data: bytearray) -> None:
    """Put in, or write over, a byte that YAML minds."""
    place = chance.randrange(len(data) + 1)
    data[place : place + chance.randint(0, 1)] = chance.choice(BYTES)


def cut(chance: random.Random, data: bytearray) -> None:
    """End the file early, rarely."""
    if chance.random() < 0.2:
        del data[chance.randrange(len(data) + 1) :]


def nest(chance: random.Random, data: bytearray) -> None:
    """Put a value into many brackets, rarely."""
    if chance.random() < 0.2:
        deep = chance.choice([5, 50, 59, 60, 61, 500])
        _replace(chance, data, b": ", b"\n,}]", "[" * deep + "x" + "]" * deep)


def _replace(chance: random.Random, data: bytearray, before: bytes, ends: bytes, new: str) -> None:
    """Replace what stands between *before* and one of *ends*, at a random place."""
    places = [place for place in range(len(data)) if data.startswith(before, place)]
    if places:
        begin = chance.choice(places) + len(before)
        end = next((place for place in range(begin, len(data)) if data[place] in ends), len(data))
        data[begin:end] = new.encode()


CHANGES: list[Change] = [
    delete_line, double_lines, swap_lines, indent, change_value, change_value, change_item, change_key, misspell,
    insert_line, change_byte, cut, nest,
]  # fmt: skip
TEMPLATE = b"""{
  "description": "latency", "roleArn": "arn:aws:iam::123456789012:role/fis",
  "targets": {"tasks": {"resourceType": "aws:ecs:task", "selectionMode": "ALL"}},
  "actions": {
    "latency": {
      "actionId": "aws:ecs:task-network-latency", "parameters": {"duration": "PT5M"}, "targets": {"Tasks": "tasks"}
    }
  },
  "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:eu-west-1:1:alarm:stop"}]
}
"""
