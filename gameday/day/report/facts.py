"""What a day missed and what it has shown to hold, as facts with their keys: action items come from the one, and are
closed by the other. The same key on two days is the same fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gameday.day.actions import Held, Miss
from gameday.day.clock.steps import BY_ITSELF
from gameday.day.report.clocks import STEPS, Hit
from gameday.day.report.told import Played, Told
from gameday.model import Json, Verdict
from reports.parts.dig import dig, listing, table, text, texts
from reports.parts.story import objective_of
from reports.parts.words import readable, seconds

HELD, BROKE = Verdict.HELD.value, Verdict.BROKE.value
PROOFS = {"fault": "the fault was not proven", "data": "the metrics were not fresh", "load": "too little load came"}
UNMEASURED = "it proved nothing"


@dataclass(frozen=True, slots=True)
class Channel:
    """What became of all messages in one channel."""

    name: str
    sent: int
    failed: int
    why: str = ""  # of the newest failure


def missed(told: Told, hits: Sequence[Hit]) -> list[Miss]:
    """Return everything that somebody has to do something about, in the day's order."""
    found = [miss for played in told.played for miss in _of_experiment(played)]
    found += [
        _late(hit, step.name, sentence_of(hit, step.name)) for hit in hits for step in hit.steps if step.met is False
    ]
    for channel in channels(told):
        if channel.failed:
            said = f"the channel `{channel.name}` failed {channel.failed} of {channel.sent + channel.failed} messages"
            found.append(Miss("channel", channel.name, f"{said}: {channel.why}"))
    return list({miss.key: miss for miss in found}.values())


def held(told: Told, hits: Sequence[Hit]) -> Held:
    """Return {key: evidence} of everything that the day has shown to hold; what it also missed is not among it."""
    found: dict[str, str] = {}
    for played in told.played:
        found |= {miss.key: evidence for miss, evidence in _shown(played)}
    for hit in hits:
        found |= {_late(hit, step.name).key: sentence_of(hit, step.name) for step in hit.steps if step.met}
    for channel in channels(told):
        if channel.sent and not channel.failed:
            found[Miss("channel", channel.name, "").key] = f"it took all {channel.sent} messages"
    for miss in missed(told, hits):
        found.pop(miss.key, None)
    return found


def channels(told: Told) -> list[Channel]:
    """Return every channel that was told something, by name."""
    sent: dict[str, list[dict[str, Json]]] = {}
    for event in told.events:
        if event.kind == "told":
            for row in listing(dict(event.data), "deliveries"):
                if isinstance(row, dict) and text(row, "channel"):
                    sent.setdefault(text(row, "channel"), []).append(row)
    return [_channel(name, rows) for name, rows in sorted(sent.items())]


def _channel(name: str, rows: Sequence[dict[str, Json]]) -> Channel:
    failed = [row for row in rows if row.get("ok") is not True]
    why = text(failed[-1], "detail") or "it did not say why" if failed else ""
    return Channel(name, len(rows) - len(failed), len(failed), readable(why))


def title_of(played: Played) -> str:
    """Return what an experiment is called: its title, else its file or name."""
    return text(played.findings, "experiment", "title") or played.file or played.name


def key_file(played: Played) -> str:
    """Return the file of an experiment as the plan names it: the same on every day and everywhere."""
    return played.file or text(played.findings, "experiment", "file") or played.name


def reasons(played: Played) -> tuple[str, ...]:
    """Return why it ended as it did, the decisive sentence first; of what came to no run, what it said instead."""
    return tuple(map(readable, texts(played.findings, "why") or ((played.why,) if played.why else ())))


def _of_experiment(played: Played) -> Iterator[Miss]:
    file, title, why = key_file(played), title_of(played), reasons(played)
    if not played.done or played.verdict == HELD:
        yield from _owed(played)
        return
    if played.verdict == BROKE:
        rows = [row for row in _objectives(played) if row.get("met") is False]
        for row in rows:
            said = objective_of(row)
            measured = f"{said.title.lower()} {said.measured}, the limit is {said.limit}"
            yield Miss("objective", text(row, "name"), f'"{title}": {measured}', file)
        if not rows:
            yield Miss("objective", "verdict", f'"{title}": {why[0] if why else "an objective was missed"}', file)
    else:
        decisive = why[0] if why else "nothing says why"
        for what in _unproven(played) or ["verdict"]:
            lacks = PROOFS.get(what, UNMEASURED)
            yield Miss("proof", what, f'"{title}" ended {played.verdict}, {lacks}: {decisive}', file)
    yield from _owed(played)


def _owed(played: Played) -> Iterator[Miss]:
    for row in listing(played.findings, "promises", "open"):
        owed = f"{text(row, 'what')}; restore it with: {text(row, 'restore_with')}"
        yield Miss("proof", "undo", f"still changed since {title_of(played)}: {owed}", key_file(played))


def _unproven(played: Played) -> list[str]:
    """Return which proofs of a run are missing; none of one that never came to its fault."""
    if played.verdict not in ("inconclusive", "invalid") or not played.findings:
        return []
    proofs = table(played.findings, "proofs")
    flags = {"fault": ("fault", "proven"), "data": ("data", "fresh")}
    return [name for name, path in flags.items() if dig(proofs, *path) is not True]


def _shown(played: Played) -> Iterator[tuple[Miss, str]]:
    """Yield what a run has shown, with the run as the evidence."""
    file = key_file(played)
    if played.verdict in (HELD, BROKE):
        for what in (*PROOFS, "verdict"):
            yield Miss("proof", what, "", file), f"{played.run} proved it"
        if not listing(played.findings, "promises", "open"):
            yield Miss("proof", "undo", "", file), f"{played.run} put everything back"
    if played.verdict == HELD:
        yield Miss("objective", "verdict", "", file), f"{played.run} held"
        for row in _objectives(played):
            if row.get("met") is True:
                said = objective_of(row)
                measured = f"{said.title.lower()} was {said.measured} (limit {said.limit}) in {played.run}"
                yield Miss("objective", text(row, "name"), "", file), measured


def _objectives(played: Played) -> list[dict[str, Json]]:
    return [row for row in listing(played.findings, "objectives") if isinstance(row, dict)]


def _late(hit: Hit, step: str, said: str = "") -> Miss:
    return Miss("clock", f"clock {step}", said, hit.experiment)


def sentence_of(hit: Hit, name: str) -> str:
    """Return a step in a sentence: `somebody was paged 34 s after users were hit by failover (at most 2 min)`."""
    step = next(each for each in hit.steps if each.name == name)
    if step.after_s is None:
        return f"`{hit.name}`: {step.why or f'not seen: {STEPS.get(name, name)}'}"
    most = "" if step.band_s is None else f" (at most {seconds(step.band_s)})"
    known = step.why.partition(f" ({step.after_s:.0f} s after the hit")[0]  # the same figures once more
    why = f": {known}" if known else ""
    what = "users were well again" if step.why == BY_ITSELF else STEPS.get(name, name)
    return f"`{hit.name}`: {what} {seconds(step.after_s)} after the hit{most}{why}"
