"""The go/no-go list: what the suite looks at itself, what the coordinator answers, and whether the day begins."""

from __future__ import annotations

from gameday.day import playing
from gameday.day.hands import Day, Hands
from gameday.day.plan import CheckItem
from gameday.day.standing import Standing

SUITE = "the suite"
PATIENCE_S = 60.0  # how long a look that cannot tell yet is repeated


class Checking:
    """Walks the list, one line a turn."""

    def __init__(self, day: Day, hands: Hands, at: Standing) -> None:
        self.day, self.plan, self.hands, self.at = day, day.plan, hands, at
        self._since: dict[int, float] = {}  # when a line was first looked at

    @property
    def question(self) -> str:
        """What the day waits for an answer to, "" for nothing."""
        if self.at.state.phase != "opened" or not self.day.attended:
            return ""
        line = playing.next_question(self.plan, self.at.state)
        return line[1].ask if line else "everything is said; begin?"

    def turn(self, go: bool) -> bool:
        """Take the next line; after the last one begin, if the coordinator says *go*. Return False: the day is off."""
        if self.day.refused:
            for why in self.day.refused:
                self.at.add("day.no-go", why, missed=self.day.missed)
            return False
        line = playing.next_question(self.plan, self.at.state)
        if line is None:
            return self._decide(go)
        if line[1].look:
            self._look(*line)
        elif not self.day.attended:
            self._answered(*line, "unknown", "not asked: nobody was there to answer")
        elif not any(one.kind == "check.asked" and one.data.get("number") == line[0] for one in self.at.events):
            self.at.add("check.asked", line[1].ask, number=line[0])
        return True

    def answer(self, text: str) -> bool:
        """Take the coordinator's yes or no to the question that is asked; return whether it was a go."""
        if self.at.state.phase != "opened" or text not in ("yes", "no"):
            return False
        line = playing.next_question(self.plan, self.at.state)
        if line and line[1].ask:
            self._answered(*line, text, "", self.plan.roles.coordinator)
        return line is None and text == "yes"

    def _look(self, number: int, line: CheckItem) -> None:
        """Look at a line. What cannot be told yet is looked at again: what has just begun says little."""
        found = self._looked(line)
        if found is None:
            return
        answer, why = found
        now = self.at.now()
        since = self._since.setdefault(number, now)
        if answer != "unknown" or now >= since + PATIENCE_S:
            self._answered(number, line, answer, why)

    def _looked(self, line: CheckItem) -> tuple[str, str] | None:
        try:
            return self.hands.look(line)
        except Exception as error:  # noqa: BLE001  what could not be looked at is unknown, whatever it was
            return "unknown", f"{type(error).__name__}: {error}"

    def _answered(self, number: int, line: CheckItem, answer: str, why: str, who: str = SUITE) -> None:
        text = f"{playing.said(line)}: {answer}" + (f", {why}" if why else "")
        asked = bool(line.ask and self.day.attended)
        self.at.add("check.answered", text, who=who, number=number, answer=answer, must=line.must, asked=asked,
                    question=line.ask or "")  # fmt: skip

    def _decide(self, go: bool) -> bool:
        refused = playing.no_go(self.plan, self.at.state)
        for why in refused:
            self.at.add("day.no-go", why)
        if not refused and (go or not self.day.attended):
            self.at.add("day.begun", "go", who=self.plan.roles.coordinator if self.day.attended else SUITE)
            people = [f"{role}: {', '.join(who)}" for role, who in self.plan.roles.named().items()]
            objectives = self.plan.objectives if self.plan.all_announced else []
            self.hands.tell("begins", *objectives, *people, incident="trigger")
        return not refused
