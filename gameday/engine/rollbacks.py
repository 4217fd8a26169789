"""The rollbacks that a file declares, as promises: played by Chaos Toolkit in order, by the watchman after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gameday.safety.outcome import why_not
from gameday.safety.promises import DECLARED, Promise, Promises


class Rollbacks:
    """The declared rollbacks of one experiment. Ours need no promise here: each fault of ours makes its own."""

    def __init__(self, promises: Promises, declared: Sequence[Mapping[str, Any]]) -> None:
        self.promises = promises
        self.declared = [each for each in declared if not _is_ours(each)]
        self.promised = False
        self._made: dict[str, Promise] = {}

    def promise(self, configuration: Mapping[str, Any]) -> None:
        """Promise them last first, because promises are settled newest first. Secrets stay names, and off the disk."""
        from chaoslib import substitute

        self.promised = True
        for activity in reversed(self.declared):
            name = str(activity.get("name"))
            provider = dict(activity.get("provider") or {})
            for key in ("arguments", "url", "headers"):
                if key in provider:
                    provider[key] = substitute(provider[key], configuration, {})
            by_hand = f"call it by hand: {json.dumps(provider, default=str)}"
            resolved = {"type": activity.get("type", "action"), "name": name, "provider": provider}
            self._made[name] = self.promises.make(
                DECLARED, f"the declared rollback {name} is played", by_hand, activity=resolved
            )

    def played(self, name: str, run: Mapping[str, Any]) -> None:
        """Strike out what Chaos Toolkit has played itself, and well."""
        promise = self._made.pop(name, None) if why_not(run) == "" else None
        if promise:
            self.promises.strike(promise)

    def forget(self) -> None:
        """Strike out what was promised for a method that never began."""
        for promise in self._made.values():
            self.promises.strike(promise)
        self._made.clear()


def split(
    configuration: Mapping[str, Any], redact: Callable[[object], object]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration that may be written down, and what is secret in it."""
    private = {name: value for name, value in configuration.items() if redact({name: value}) != {name: value}}
    return {name: value for name, value in configuration.items() if name not in private}, private


def _is_ours(activity: Mapping[str, Any]) -> bool:
    """Return whether it only keeps promises: a function of ours without arguments, such as `actions.latency.stop`."""
    provider = activity.get("provider") or {}
    return str(provider.get("module", "")).startswith("actions.") and not provider.get("arguments")
