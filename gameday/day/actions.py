"""Action items: what somebody has to do after a day, by when, and what became of it on the next one.

Each miss of a day opens one; its id comes from what was missed, so that the same miss on the next day is the same item
and not one more. The next day of a plan takes over what is open; what is shown to hold by then is closed with that run
as evidence, and nothing is closed because nobody looked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

from gameday.day.events import Event, Timeline
from gameday.model import Json
from gameday.record import Record, day_folders

DUE_DAYS = 14
Kind = Literal["objective", "proof", "clock", "channel", "person"]
Status = Literal["open", "overdue", "done"]


@dataclass(frozen=True, slots=True)
class ActionItem:
    """Something to do. *kind*, *experiment* and *what* say what it came from, and so what would close it."""

    id: str
    text: str
    owner: str
    due: str  # ISO date
    day: str  # the folder of the day that opened it
    kind: Kind
    experiment: str = ""  # its file
    what: str = ""  # the objective, the proof, `clock NAME`, the channel
    status: Status = "open"
    how: str = ""  # it was closed
    environment: str = ""  # where it was missed, and so where it has to hold; of what people noted, none

    def as_json(self) -> dict[str, Json]:
        """Return it as `day.json` has it."""
        found = asdict(self)
        return {"from" if name == "day" else "source" if name == "kind" else name: found[name] for name in found}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ActionItem:
        """Read what `as_json` wrote. Raises KeyError, ValueError: it is none."""
        date.fromisoformat(data["due"])
        known: Mapping[str, Any] = {"environment": "", **data, "day": data["from"], "kind": data["source"]}
        return cls(**{name: str(known[name]) for name in cls.__slots__})  # type: ignore[arg-type]

    def at(self, today: date) -> ActionItem:
        """Return it as it is on a day: overdue from the day after it was due."""
        if self.status == "done":
            return self
        return replace(self, status="overdue" if date.fromisoformat(self.due) < today else "open")


@dataclass(frozen=True, slots=True)
class Miss:
    """What a day missed, that somebody has to do something about."""

    kind: Kind
    what: str
    text: str
    experiment: str = ""

    @property
    def key(self) -> str:
        """The same for the same miss on another day."""
        return "\n".join((self.kind, self.experiment, self.what))


Held = Mapping[str, str]  # the key of what a day has shown to hold: the evidence, as a sentence


def items(
    day: str, owner: str, ended: float, misses: Sequence[Miss], held: Held, before: Sequence[ActionItem],
    events: Iterable[Event], environment: str = "",
) -> list[ActionItem]:  # fmt: skip
    """Return the action items of a day: those it took over from *before*, its own misses, and what people noted.

    *owner* has what nobody else was given; *held* closes what was taken over of the same *environment*, for what holds
    in the lab may be missed elsewhere; *ended* (epoch seconds) says what is overdue, and when the new ones are due.
    """
    found = {item.id: _closed(item, day, held) if item.environment == environment else item for item in before}
    for miss in misses:
        ident = id_of(f"{environment}\n{miss.key}" if environment else miss.key)
        known = found.get(ident)
        if known is None or known.status == "done":
            found[ident] = ActionItem(ident, miss.text, owner, due(ended), day, miss.kind, miss.experiment, miss.what,
                                      environment=environment)  # fmt: skip
        else:
            found[ident] = replace(known, text=miss.text)
    today = datetime.fromtimestamp(ended, UTC).date()
    return [item.at(today) for item in noted(found, day, owner, events).values()]


def noted(
    found: Mapping[str, ActionItem], day: str, owner: str, events: Iterable[Event]
) -> dict[str, ActionItem]:  # fmt: skip
    """Return the items with what people wrote down: new ones, and those that they have done."""
    after = dict(found)
    for event in events:
        about = str(event.data.get("about") or "")
        if event.kind != "note" or about not in ("action", "done"):
            continue
        given = {name: str(event.data.get(name) or "") for name in ("action_id", "owner", "due")}
        ident = given["action_id"]
        if about == "done" or ident in after:
            if ident in after:
                who = f"{event.who}: " if event.who else ""
                after[ident] = replace(after[ident], status="done", how=f"{who}{event.text or 'done'}")
            continue
        ident = ident or note_id(event.text, event.at)
        until = given["due"] if _is_date(given["due"]) else due(event.at)
        after[ident] = ActionItem(ident, event.text, given["owner"] or owner, until, day, "person", what=event.who)
    return after


def carried(runs: Path, plan_stem: str, now: float, before: str = "") -> list[ActionItem]:
    """Return what the newest day of a plan left open, overdue ones first; *now* in epoch seconds.

    Only days whose folders come before the one called *before* count, where it is given. A day that was killed has no
    `day.json`: what people noted in it counts on top of the one before it.
    """
    known = list(_latest(runs, plan_stem, before).values())
    today = datetime.fromtimestamp(now, UTC).date()
    still = [item.at(today) for item in known if item.status != "done"]
    return sorted(still, key=lambda item: (item.status != "overdue", item.due, item.id))


def overdue(runs: Path, plan_stem: str, now: float) -> list[ActionItem]:
    """Return what should have been done by *now* (epoch seconds), by the newest day of a plan."""
    return [item for item in carried(runs, plan_stem, now) if item.status == "overdue"]


def taken_over(runs: Path, plan_stem: str, carries: str, now: float, before: str) -> list[ActionItem]:
    """Return what a day takes over: from the earlier days of its own plan, and of the plan that it *carries*.

    An item that both know is as the newer of the two days has it, so that what was done stays done.
    """
    found: dict[str, tuple[str, ActionItem]] = {}
    for stem in dict.fromkeys(filter(None, (Path(carries).stem if carries else "", plan_stem))):
        newest = max((folder.name for folder in _days(runs, stem, before)), default="")
        for ident, item in _latest(runs, stem, before).items():
            if ident not in found or newest > found[ident][0]:
                found[ident] = newest, item
    today = datetime.fromtimestamp(now, UTC).date()
    return [item.at(today) for _, item in found.values() if item.status != "done"]


def _latest(runs: Path, plan_stem: str, before: str) -> dict[str, ActionItem]:
    """Return the items of the newest day that has them, done or not, with what was noted in later ones."""
    later: list[Path] = []
    for folder in reversed(_days(runs, plan_stem, before)):
        document = cast("dict[str, Any]", Record(folder).document("day.json"))
        if not isinstance(document.get("action_items"), list):  # killed, or its report could not be written
            later.append(folder)
            continue
        found = _read(document["action_items"])
        break
    else:
        found = {}
    for folder in reversed(later):
        found = noted(found, folder.name, _owner(folder), Timeline(folder).read())
    return found


def _read(rows: Sequence[Mapping[str, Any]]) -> dict[str, ActionItem]:
    found: dict[str, ActionItem] = {}
    for row in rows:
        with suppress(KeyError, ValueError, TypeError):
            item = ActionItem.from_json(row)
            found[item.id] = item
    return found


def _days(runs: Path, plan_stem: str, before: str) -> list[Path]:
    """Return the folders of a plan's days, oldest first."""
    earlier = [folder for folder in day_folders(runs) if not before or folder.name < before]
    return [folder for folder in earlier if plan_stem_of(folder) == plan_stem]


def plan_stem_of(folder: Path) -> str:
    """Return the name of a day's plan: its file's, without the ending."""
    plan = cast("dict[str, Any]", Record(folder).document("plan.json")).get("plan")
    file = plan.get("file") if isinstance(plan, dict) else ""
    return Path(str(file)).stem if file else folder.name.partition("-day-")[2]


def _owner(folder: Path) -> str:
    resolved = cast("dict[str, Any]", Record(folder).document("plan.json")).get("resolved") or {}
    return str((resolved.get("roles") or {}).get("owner") or "")


def _closed(item: ActionItem, day: str, held: Held) -> ActionItem:
    evidence = held.get(Miss(item.kind, item.what, "", item.experiment).key)
    if item.status == "done" or evidence is None or item.kind == "person":
        return item
    return replace(item, status="done", how=f"held on {day}: {evidence}")


def id_of(key: str) -> str:
    """Return a short id that stays the same: `a-1f3c9e`."""
    return "a-" + hashlib.sha256(key.encode()).hexdigest()[:6]


def note_id(text: str, at: float) -> str:
    """Return the id of an item that somebody noted at an instant."""
    return id_of(f"person\n{at:.3f}\n{text}")


def due(at: float, days: int = DUE_DAYS) -> str:
    """Return the date so many days after an instant."""
    return (datetime.fromtimestamp(at, UTC).date() + timedelta(days=days)).isoformat()


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
