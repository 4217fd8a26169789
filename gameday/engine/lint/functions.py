"""Functions that a file names, read from their source and not imported: importing would run whatever stands there.

A module is found as Python would find it, the suite first, and parsed; what cannot be parsed is not judged.
"""

from __future__ import annotations

import ast
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import util
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from gameday.decode import suggestion

OUR_DECORATOR = "fault"  # of gameday.safety.intent: it hands over the run, the first argument, itself
LONGEST = 200  # name of a module
PLAIN = frozenset({"int", "float", "str", "bool", "None"})
USUAL = ["actions", "probes", "chaosaws", "chaoslib", "chaosaddons", "gameday"]


@dataclass(frozen=True, slots=True)
class Function:
    """What a call must know: the names of its arguments, which of them it needs, and what it says it returns."""

    arguments: tuple[str, ...]
    required: frozenset[str]
    anything: bool  # it takes **names
    hidden: bool  # behind a decorator, which may have changed all of this
    returns: str  # the annotation as written; empty without one
    kinds: dict[str, frozenset[str]]  # of an argument with a plain annotation, the names in it: {"int", "None"}


@dataclass(frozen=True, slots=True)
class Module:
    """The functions of a module; of an *opaque* one (compiled, or `import *`) there may be others."""

    functions: dict[str, Function] = field(default_factory=dict)
    other: frozenset[str] = frozenset()
    opaque: bool = False

    def has(self, name: str) -> bool:
        """Return whether the module has, or may have, something of this name."""
        return self.opaque or name in self.functions or name in self.other


def find(name: str, suite: Path) -> Module | None:
    """Return the module called *name*, without importing it; None when there is none."""
    spec = _spec(name, suite)
    if spec is None:
        return None
    origin = Path(spec.origin) if spec.origin else None
    if origin is None or origin.suffix != ".py" or not origin.is_file():
        return Module(opaque=True)
    return _parse(origin, origin.stat().st_mtime_ns)


def nearest(name: str, suite: Path) -> str:
    """Return `did you mean ...?` for a module that does not exist."""
    parent, _, last = name[:LONGEST].rpartition(".")
    if not parent:
        return suggestion(name, USUAL)
    spec = _spec(parent, suite)
    if spec is None or spec.submodule_search_locations is None:
        return nearest(parent, suite)
    siblings = [module.name for module in pkgutil.iter_modules(list(spec.submodule_search_locations))]
    return suggestion(last, [one for one in siblings if not one.startswith("_")] or ["nothing"])


def _spec(name: str, suite: Path) -> ModuleSpec | None:
    first, *rest = name.split(".")
    if len(name) > LONGEST or not all(part.isidentifier() for part in (first, *rest)) or first == "__main__":
        return None
    try:
        spec = PathFinder.find_spec(first, [str(suite), *sys.path]) or util.find_spec(first)
        full = first
        for part in rest:
            if spec is None or spec.submodule_search_locations is None:
                return None
            full = f"{full}.{part}"
            spec = PathFinder.find_spec(full, list(spec.submodule_search_locations))
    except (ImportError, ValueError, AttributeError):
        return None
    return spec


@lru_cache(maxsize=500)
def _parse(path: Path, _changed: int) -> Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return Module(opaque=True)
    functions: dict[str, Function] = {}
    other: set[str] = set()
    opaque = False
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[statement.name] = _function(statement)
        elif isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            opaque = True
        else:
            other |= set(_bound(statement))
    return Module(functions, frozenset(other), opaque or "__getattr__" in functions)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _top_level(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from _top_level(handler.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _kinds(annotation: ast.expr | None) -> frozenset[str]:
    """Return the names in an annotation, `Optional[int]` as {"int", "None"}."""
    if annotation is None:
        return frozenset({"anything"})
    names = set(re.findall(r"[\w.]+", ast.unparse(annotation)))
    return frozenset(names - {"Optional", "Union", "typing.Optional", "typing.Union"})


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    required = plain[: len(plain) - len(given.defaults)]
    decorators = [ast.unparse(one).rpartition(".")[2] for one in node.decorator_list]
    if decorators == [OUR_DECORATOR]:
        plain, required = plain[1:], required[1:]
    required += [name for name, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return Function(
        arguments=tuple(one.arg for one in (*plain, *given.kwonlyargs)),
        required=frozenset(one.arg for one in required),
        anything=given.kwarg is not None,
        hidden=decorators not in ([], [OUR_DECORATOR]),
        returns=ast.unparse(node.returns) if node.returns else "",
        kinds={one.arg: kinds for one in (*plain, *given.kwonlyargs) if (kinds := _kinds(one.annotation)) <= PLAIN},
    )
