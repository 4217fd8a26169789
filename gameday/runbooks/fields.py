"""Fields of a `--query` that the answer does not have: JMESPath gives nothing for them, and nobody is told.

The expression's tree is walked beside the output shape of botocore's model. Where it cannot be told what comes of a
part of it, nothing is said of what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gameday.decode import suggestion
from gameday.runbooks.shorthand import short

ITEM, SAME = ("max_by", "min_by"), ("sort_by", "sort", "reverse")  # functions that give an item, or the list again
Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Many:
    """A list whose items have a shape; None: it is not known."""

    member: Any
    type_name: str = "list"


def unknown(tree: Node, shape: Any) -> list[str]:
    """Return a sentence for each field of the parsed query that an answer of this shape does not have."""
    walk = _Walk([])
    walk.look(tree, shape)
    return walk.found


@dataclass(slots=True)
class _Walk:
    found: list[str]

    def look(self, node: Node, shape: Any) -> Any:
        """Return the shape of what a part of the query gives; None: not known."""
        kind, parts = node["type"], node.get("children") or []
        look = getattr(self, f"_{kind}", None)
        if look is not None:
            return look(node, parts, shape)
        for part in parts:
            self.look(part, shape)
        return None

    def _field(self, node: Node, parts: list[Node], shape: Any) -> Any:
        name = node["value"]
        if shape is None or shape.type_name not in ("structure", "map"):
            return None
        if shape.type_name == "map":
            return shape.value
        if name not in shape.members:
            self.found.append(f"the answer has no {name!r}; {short(suggestion(name, list(shape.members)))}")
            return None
        return shape.members[name]

    def _subexpression(self, node: Node, parts: list[Node], shape: Any) -> Any:
        for part in parts:
            shape = self.look(part, shape)
        return shape

    _pipe = _index_expression = _subexpression

    def _index(self, node: Node, parts: list[Node], shape: Any) -> Any:
        return _item(shape)

    def _identity(self, node: Node, parts: list[Node], shape: Any) -> Any:
        return shape

    _current = _slice = _identity

    def _projection(self, node: Node, parts: list[Node], shape: Any) -> Any:
        return _Many(self.look(parts[1], _item(self.look(parts[0], shape))))

    def _filter_projection(self, node: Node, parts: list[Node], shape: Any) -> Any:
        item = _item(self.look(parts[0], shape))
        self.look(parts[2], item)
        return _Many(self.look(parts[1], item))

    def _value_projection(self, node: Node, parts: list[Node], shape: Any) -> Any:
        self.look(parts[0], shape)
        return None

    def _flatten(self, node: Node, parts: list[Node], shape: Any) -> Any:
        whole = self.look(parts[0], shape)
        item = _item(whole)
        return item if item is not None and item.type_name == "list" else whole

    def _function_expression(self, node: Node, parts: list[Node], shape: Any) -> Any:
        values = [self.look(part, shape) for part in parts if part["type"] != "expref"]
        first = values[0] if values else None
        for part in parts:
            if part["type"] == "expref":
                self.look(part["children"][0], _item(first))
        if node["value"] in ITEM:
            return _item(first)
        return first if node["value"] in SAME else None


def _item(shape: Any) -> Any:
    """Return the shape of a list's items."""
    return shape.member if shape is not None and shape.type_name == "list" else None


def problems(text: str, shape: Any) -> Iterator[str]:
    """Yield what is wrong with a query: it cannot be read, or asks for a field that no answer has."""
    from gameday.runbooks import query

    tree, why = query.parsed(text)
    if why:
        yield f"the query is no JMESPath: {why}"
    elif shape is not None:
        yield from unknown(tree, shape)
