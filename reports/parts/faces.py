"""How a verdict looks: its word, what it means in one line, and a shape that reads without colour."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.model import Verdict


@dataclass(frozen=True, slots=True)
class Face:
    """`key` names the colour and the icon of the page; `symbol` stands in plain text."""

    key: str
    word: str
    meaning: str
    symbol: str


NO_VERDICT = Face("none", "No verdict", "the run was cut short before its verdict", "❔")
FACES = {
    Verdict.HELD: Face("held", "Held", "the fault happened, and every objective was met", "✅"),
    Verdict.BROKE: Face("broke", "Broke", "the fault happened, and an objective was missed", "❌"),
    Verdict.INCONCLUSIVE: Face("inconclusive", "Inconclusive", "a proof is missing, so this run cannot say", "❔"),
    Verdict.INVALID: Face("invalid", "Invalid", "this run was no fair test, so it cannot say", "❔"),
    Verdict.ABORTED: Face("aborted", "Aborted", "a guard stopped the run", "🛑"),
    Verdict.REFUSED: Face("refused", "Refused", "a guard said no before the fault; nothing was touched", "⛔"),
    Verdict.INTERRUPTED: Face("interrupted", "Interrupted", "a person or a signal stopped the run", "⏸️"),
}


def face(verdict: Verdict | None) -> Face:
    """Return the face of *verdict*; None is a run that has none."""
    return NO_VERDICT if verdict is None else FACES[verdict]
