"""Answers that take their time, asked for in threads: a day's loop never waits, and asks again in its next turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Later(Generic[Answer]):
    """One answer for each key. *lost* makes the answer of a job that raised."""

    def __init__(self, lost: Callable[[Exception], Answer]) -> None:
        self._lost = lost
        self._found: dict[str, Answer] = {}
        self._asked: set[str] = set()

    def ask(self, key: str, job: Callable[[], Answer]) -> Answer | None:
        """Return what *job* has answered; None: it is at it. One thread a key, until it is forgotten."""
        if key not in self._asked:
            self._asked.add(key)
            threading.Thread(target=self._do, args=(key, job), daemon=True, name=f"gameday-later-{key}").start()
        return self._found.get(key)

    def forget(self, key: str) -> None:
        """Let the next one who asks begin anew."""
        if self._found.pop(key, None) is not None:
            self._asked.discard(key)

    def _do(self, key: str, job: Callable[[], Answer]) -> None:
        try:
            self._found[key] = job()
        except Exception as error:  # noqa: BLE001  whatever it was, the one who asks must hear something
            self._found[key] = self._lost(error)
