"""`only_if` of an item: `last held`, `NAME broke`, `all held`. What it says is read here once for lint and play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VERDICTS = ("held", "broke", "inconclusive")
FORMS = "write `last held`, `all held`, or `NAME held`, `NAME broke`, `NAME inconclusive` of an earlier item"
_SAME = {"invalid": "inconclusive"}  # a proof is missing, either way


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so: the verdict of an earlier item, of the last experiment (`last`), or of `all` of them."""

    of: str
    verdict: str


def condition_of(text: str) -> Condition | None:
    """Return what *text* says; None: it says nothing that is understood."""
    words = text.split()
    if len(words) != 2 or words[1] not in VERDICTS or (words[0] == "all" and words[1] != "held"):
        return None
    return Condition(words[0], words[1])


def why_not(text: str, verdicts: Mapping[str, str], played: Sequence[str]) -> str:
    """Return why an item with `only_if: text` is not played; empty: it is.

    *verdicts* are those of the experiments that ended, by item, empty for one that gave none; *played* are the items
    with an experiment that come before, in their order. What was skipped has neither held nor broken.
    """
    condition = condition_of(text)
    if not text.strip():
        return ""
    if condition is None:
        return f"the condition {text!r} cannot be read; {FORMS}"
    asked = list(played) if condition.of == "all" else list(played[-1:]) if condition.of == "last" else [condition.of]
    if not asked:
        return f"{text!r} asks for an experiment that comes before, and there is none"
    for name in asked:
        found = verdicts.get(name, "")
        if _SAME.get(found, found) != condition.verdict:
            return f"{name} {_told(found)}, and this is played only if it {_wanted(condition.verdict)}"
    return ""


def _told(verdict: str) -> str:
    return {"": "was not played", "held": "held", "broke": "broke"}.get(verdict, f"was {verdict}")


def _wanted(verdict: str) -> str:
    return "was inconclusive" if verdict == "inconclusive" else verdict
