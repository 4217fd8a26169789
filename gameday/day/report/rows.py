"""The lists of `day.json`: the agenda with what came of each entry, the injects, the notes, what was not tested."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import cast

from gameday.day.events import Event
from gameday.day.plan import Inject, Item
from gameday.day.report.findings import reaction
from gameday.day.report.kpis import limit_of
from gameday.day.report.told import Played, Told
from gameday.day.state import ItemState
from gameday.model import Json, iso
from reports.parts.dig import listing, number, table, text, texts
from reports.parts.words import seconds

WELL = ("users: well again", "users: last bad answer")


def agenda(told: Told, item: Item) -> dict[str, Json]:
    """Return one entry of the agenda, as far as it came."""
    state = told.state.items.get(item.name, ItemState())
    played = next((each for each in told.played if each.item == item.name and not each.inject), None)
    return {
        "name": item.name,
        "kind": "pause" if item.pause_s is not None else "experiment",
        "state": state.state,
        "experiment": item.experiment,
        "pause_s": item.pause_s,
        "announced": item.announced,
        "expect": cast("Json", asdict(item.expect)) if item.expect else None,
        "only_if": item.only_if,
        "note": item.note,
        "began": _iso(state.began),
        "ended": _iso(state.ended),
        **_of_run(played, state.verdict, state.exit, state.why),
    }


def _of_run(played: Played | None, verdict: str, exit_code: int | None, why: str) -> dict[str, Json]:
    """Return what a run tells of an experiment."""
    findings = played.findings if played else {}
    requests, errors = (played.requests, played.errors) if played else (0, 0)
    said = why or (played.why if played else "")
    reasons = list(texts(findings, "why")) or ([said] if said else [])
    hurt, well = _hurt(findings)
    return {
        "title": text(findings, "experiment", "title"),
        "verdict": verdict or (played.verdict if played else ""),
        "exit": exit_code if exit_code is not None else played.exit if played else None,
        "why": cast("Json", reasons),
        "run": played.run if played else "",
        "recovery_s": number(findings, "recovery", "recovery_s"),
        "recover_within_s": limit_of(played, "recover_within_s") if played else None,
        "fault_at": hurt,
        "well_at": well,
        "objectives": listing(findings, "objectives"),
        "runbook": text(findings, "runbook"),
        "requests": requests,
        "errors": errors,
        "error_ratio": errors / requests if requests else None,
    }


def _hurt(findings: dict[str, Json]) -> tuple[Json, Json]:
    """Return when the fault was accepted, and when users were well again; null what is not known."""
    layers = {text(row, "name"): text(row, "at") for row in listing(findings, "recovery", "layers")}
    well = max((layers[name] for name in WELL if name in layers), default=None)
    return layers.get("fault accepted"), well or (layers.get("fault accepted") if _unhurt(findings) else None)


def _unhurt(findings: dict[str, Json]) -> bool:
    return number(findings, "recovery", "recovery_s") == 0


def inject(told: Told, each: Inject) -> dict[str, Json]:
    """Return one inject: when it was due, when it came, and who reacted first."""
    events = [event for event in told.events if event.data.get("name") == each.name]
    fired = next((event for event in events if event.kind == "inject.fired"), None)
    failed = next((event for event in events if event.kind == "inject.failed"), None)
    played = next((one for one in told.played if one.inject == each.name), None)
    return {
        "name": each.name,
        "kind": each.kind,
        "during": each.during,
        "what": what_of(each),
        "announced": each.announced,
        "due_s": number(table(dict(told.head), "injects"), each.name),
        "fired_at": _iso(fired.at if fired else None),
        "failed": failed.text if failed else "",
        "reaction": _reaction(told, fired) if fired else None,
        "experiment": each.experiment,
        **({"began": _iso(played.began), "ended": _iso(played.ended),
            **_of_run(played, played.verdict, played.exit, "")} if played else {}),
    }  # fmt: skip


def what_of(each: Inject) -> str:
    """Return what an inject puts in, in a few words."""
    if each.leaves:
        return f"{each.leaves} leaves {f'for {seconds(each.for_s)}' if each.for_s else 'to the end'}"
    return each.message or (f"the alarm {each.alarm} is set to ALARM" if each.alarm else each.experiment)


def _reaction(told: Told, fired: Event) -> Json:
    seen = reaction(told, fired)
    if seen is None:
        return None
    return {"after_s": round(seen.at - fired.at, 3), "who": seen.who, "kind": seen.kind, "text": seen.text}


def summary(told: Told) -> dict[str, Json]:
    """Return how many experiments were planned and played, their verdicts, and what users had to bear."""
    verdicts = Counter(each.verdict or "no verdict" for each in told.played)
    return {
        "planned": sum(bool(each.experiment) for each in (*told.plan.agenda, *told.plan.injects)),
        "played": len(told.played),
        "verdicts": dict(verdicts),
        "injects": len(told.state.fired),
        "requests": sum(each.requests for each in told.played),
        "errors": sum(each.errors for each in told.played),
    }


def notes(told: Told) -> list[Json]:
    """Return what people said, oldest first."""
    return [
        {"at": iso(event.at), "who": event.who, "about": str(event.data.get("about") or "note"), "text": event.text}
        for event in told.events
        if event.kind == "note"
    ]


def ticks(told: Told) -> list[Json]:
    """Return the steps of runbooks that were ticked, oldest first."""
    return [
        {"at": iso(event.at), "who": event.who, **{key: event.data.get(key) for key in ("runbook", "step", "text")}}
        for event in told.events
        if event.kind == "step.ticked"
    ]


def not_tested(told: Told) -> list[str]:
    """Return what the day says nothing about."""
    said = [_unplayed(told, item) for item in told.plan.agenda if item.experiment and not _played(told, item)]
    said += [
        f"the inject {each.name} was not put in" for each in told.plan.injects if each.name not in told.state.fired
    ]
    expected = [*(each.expect for each in told.plan.agenda), *(each.expect for each in told.plan.injects)]
    if not any(expected):
        said.append("whether anybody is paged: the plan expects no page")
    if told.played and table(dict(told.head), "environment").get("kind") == "lab":
        said.append("how fast people are: whoever is on call in the lab is simulated, and says so")
    of_runs = [line for played in told.played for line in texts(played.findings, "not_tested")]
    return list(dict.fromkeys([*said, *of_runs]))


def _played(told: Told, item: Item) -> bool:
    return any(each.item == item.name and not each.inject and each.done for each in told.played)


def _unplayed(told: Told, item: Item) -> str:
    state = told.state.items.get(item.name, ItemState())
    why = state.why or ("it has no verdict" if state.began else "the day ended before it")
    return f"{item.experiment} ({item.name}): {why}"


def _iso(at: float | None) -> Json:
    return None if at is None else iso(at)
