"""At most one shared lab runs in each process of the tests: one that is not asked costs processor time all the same.

Files that share a kind of lab follow each other, so a lab is kept until a file asks for another kind.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

T = TypeVar("T")


class Shelf:
    """Holds what was opened last, by the function that opened it."""

    def __init__(self) -> None:
        self._open: Callable[[], AbstractContextManager[object]] | None = None
        self._held: object = None
        self._stack = ExitStack()

    def take(self, opened: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what *opened* yields: what is held if it was opened by the same function, else anew."""
        if self._open is not opened:
            self.close()
            self._held = self._stack.enter_context(opened())
            self._open = opened
        return self._held  # type: ignore[return-value]  # it came from the same function

    def close(self) -> None:
        """Close what is held."""
        self._open = self._held = None
        self._stack.close()
