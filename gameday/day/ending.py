"""The end of a day: its report, and no secret left in its folder."""

from __future__ import annotations

from gameday.day.events import Event
from gameday.day.folder import Opened
from gameday.day.report import document
from gameday.model import Json, iso
from gameday.record import Record, Recorder, write_json
from gameday.redact import Redactor


def finish(opened: Opened, redact: Redactor) -> dict[str, Json]:
    """Write the report of a day that has ended, and return `day.json`. May be called again and again."""
    events = opened.timeline.read()
    ended = [event for event in events if event.kind == "day.ended"][-1]
    told = ended.data.get("why")
    why = [str(each) for each in told] if isinstance(told, list) else []
    outcome, code = str(ended.data.get("outcome")), _number(ended)
    Recorder(opened.folder, redact).sweep()
    bare: dict[str, Json] = {
        "schema": 1, "day": opened.folder.name, "plan": {"title": opened.plan.title}, "outcome": outcome,
        "exit": code, "why": list(why), "ended": iso(ended.at), "agenda": _agenda(opened),
    }  # fmt: skip
    before = Record(opened.folder).document("day.json")
    bare |= {key: before[key] for key in ("action_items", "runbooks") if key in before}  # it is written anew
    write_json(opened.folder / "day.json", bare)  # first: a report that fails must not leave a day without its end
    return document.finish(opened.folder, outcome=outcome, exit=code, why=why)


def _number(event: Event) -> int:
    found = event.data.get("exit")
    return int(found) if isinstance(found, int | float) else 70


def _agenda(opened: Opened) -> list[Json]:
    return [{"name": name, "state": item.state, "verdict": item.verdict, "run": item.run}
            for name, item in opened.state.items.items()]  # fmt: skip
