"""The steps of one clock, each with its reason. Nothing known is None, and a limit that is not over yet is not missed.

Two clocks of machines may differ by a little, and PagerDuty gives whole seconds, so what is up to `EARLY_S` before the
hit still belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import cast

from gameday.day.clock.hits import Hit, recovered
from gameday.day.clock.order import coarse
from gameday.day.clock.values import Step, StepName
from gameday.day.events import Event
from gameday.day.plan import Bands

EARLY_S = 2.0
PAGING, CHAT, PAGE, ALARMS = "PagerDuty", "Slack", "Statuspage", "CloudWatch"
WORDS = ("chat.said", "status-page.changed")
BY_ITSELF = "nobody noted a mitigation; the load found users well again"


@dataclass(frozen=True)
class Sight:
    """One hit, and what was seen of it: until the next one, or for as long as anybody looked."""

    hit: Hit
    hit_at: float
    events: Sequence[Event]  # all of the day, in order
    bands: Bands
    paged_until: float  # from then on a page belongs to the next hit
    talked_until: float  # from then on a word belongs to the next one
    seen_until: float

    def after(self, at: float) -> float:
        """Return the seconds from the hit."""
        return round(max(0.0, at - self.hit_at), 3)

    def of(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds from the hit on, of pages and alarms."""
        first = self.hit_at - EARLY_S
        return [one for one in self.events if one.kind in kinds and first <= one.at < self.paged_until]

    def notes(self, about: str) -> list[Event]:
        """Return what was noted about something from the hit on."""
        return [one for one in self.events if one.kind == "note" and one.data.get("about") == about
                and self.hit_at <= one.at < self.talked_until and one.item in ("", self.hit.item)]  # fmt: skip

    @property
    def waited_s(self) -> float:
        """For how long a page could have come."""
        return max(0.0, min(self.paged_until, self.seen_until) - self.hit_at)

    @cached_property
    def services(self) -> dict[str, Event]:
        """Return the last word about each service: whether it can be read."""
        told = (one for one in self.events if one.kind in ("people.read", "people.unread"))
        return {str(one.data.get("service")): one for one in told}

    def blind(self, service: str) -> str:
        """Return why nothing is known of what *service* does not show; empty: it was read."""
        last = self.services.get(service)
        if last is None:
            return f"{service} was not read: [environments.X.people] of gameday.toml does not name it"
        return "" if last.kind == "people.read" else last.text

    @cached_property
    def pages(self) -> list[Event]:
        """The incidents that belong to the hit: those that name its alarm; of no alarm in particular, the first."""
        found = self.of("page.triggered")
        if not self.hit.alarm:
            return found[:1]
        return [one for one in found if one.data.get("alarm") == self.hit.alarm]

    @cached_property
    def incidents(self) -> set[str]:
        """Their ids."""
        return {str(one.data.get("incident")) for one in self.pages}

    def of_incidents(self, kind: str) -> list[Event]:
        """Return what happened to them."""
        return [one for one in self.events if one.kind == kind and str(one.data.get("incident")) in self.incidents]


def alarm(sight: Sight) -> Step:
    """When the alarm went off."""
    name = sight.hit.alarm
    if not name:
        return Step("alarm", why="the plan names no alarm")
    fired = [one for one in sight.of("alarm.fired") if one.data.get("alarm") == name]
    if fired:
        return Step("alarm", fired[0].at, sight.after(fired[0].at), why=fired[0].text)
    if blind := sight.blind(ALARMS):
        return Step("alarm", why=blind)
    if _already(sight, name):
        return Step("alarm", why=f"{name} was in ALARM before the hit already")
    return Step("alarm", why=f"{name} did not go into ALARM in {sight.waited_s:.0f} s")


def _already(sight: Sight, name: str) -> bool:
    before = [one for one in sight.events if one.kind in ("alarm.fired", "alarm.over") and one.data.get("alarm") == name
              and one.at < sight.hit_at - EARLY_S]  # fmt: skip
    return bool(before) and before[-1].kind == "alarm.fired"


def page(sight: Sight) -> Step:
    """When somebody was paged: the incident was triggered."""
    band = sight.hit.page_s
    if sight.pages:
        return _judged("page", sight, sight.pages[0], band)
    asked = _asked(sight)
    if not asked and (blind := sight.blind(PAGING)):  # a service that fails later takes back nothing
        return Step("page", band_s=band, why=blind)
    reasons = _reasons(asked)
    if sight.waited_s >= band or asked:
        unnamed = next((one for one in sight.of("page.triggered") if not one.data.get("alarm")), None)
        if unnamed is not None and not reasons:
            why = f"a page came {sight.after(unnamed.at):.0f} s after the hit, but does not name {sight.hit.alarm}"
            return Step("page", band_s=band, why=why)
        why = "; ".join(filter(None, (_known(sight), reasons)))
        return Step("page", band_s=band, met=False, why=f"the page never came: {why}")
    return Step("page", band_s=band, why=f"no page in {sight.waited_s:.0f} s; its limit of {band:g} s is not over")


def _asked(sight: Sight) -> list[Event]:
    """Return where the day wrote down that the page had not come in its time."""
    name = sight.hit.inject or sight.hit.item
    return [one for one in sight.events if one.kind == "people.missed" and one.data.get("name") == name]


def _reasons(asked: Sequence[Event]) -> str:
    """Return what AWS says about why it did not come."""
    found = cast("list[object]", asked[-1].data.get("why") or []) if asked else []
    return "; ".join(str(one) for one in found if not str(one).startswith("not known: "))


def _known(sight: Sight) -> str:
    """Return what the day itself knows about it."""
    told = alarm(sight)
    if told.at is not None:
        return f"the alarm {sight.hit.alarm} went off after {told.after_s:.0f} s, and no incident of it was opened"
    return told.why if sight.hit.alarm else f"no incident was opened in {sight.waited_s:.0f} s"


def acknowledge(sight: Sight, paged: Step) -> Step:
    """When a person acknowledged."""
    band = sight.bands.acknowledge_s
    if found := sight.of_incidents("page.acknowledged"):
        return _judged("acknowledge", sight, found[0], band)
    if paged.at is None:
        why = "there was no page to acknowledge" if paged.met is False else paged.why
        return Step("acknowledge", band_s=band, met=paged.met, why=why)
    by_robot = sight.of_incidents("page.automatic")
    nobody = "only a machine acknowledged, which does not count" if by_robot else "nobody acknowledged"
    return _missing("acknowledge", sight, band, nobody, sight.blind(PAGING))


def resolve(sight: Sight, paged: Step) -> Step:
    """When the incident was resolved: the last of them, if there were several."""
    ended = sight.of_incidents("page.resolved")
    if paged.at is None or {str(one.data.get("incident")) for one in ended} != sight.incidents:
        open_ = "the incident was still open at last" if paged.at is not None else "there was no incident"
        return Step("resolve", why=sight.blind(PAGING) or open_)
    last = ended[-1]
    return Step("resolve", last.at, sight.after(last.at), why=last.text, within_s=coarse(last))


def diagnose(sight: Sight) -> Step:
    """When somebody noted what it was."""
    band = sight.bands.diagnose_s
    if found := sight.notes("diagnosis"):
        return _judged("diagnose", sight, found[0], band)
    noted = any(one.kind == "note" for one in sight.events)
    blind = "" if noted else "nobody took notes: `gameday note --about diagnosis` says when it is known what it is"
    return _missing("diagnose", sight, band, "nobody noted a diagnosis", blind)


def mitigate(sight: Sight) -> Step:
    """When somebody noted that users are helped, else when the machine found users well."""
    band = sight.bands.mitigate_s
    if found := sight.notes("mitigation"):
        return _judged("mitigate", sight, found[0], band)
    if not sight.hit.broke:
        return Step("mitigate", why="nothing was broken: an inject put this in")
    well, at = recovered(sight.hit.findings)
    if at is not None and well:
        after = sight.after(at)
        return Step("mitigate", at, after, band, after <= band, BY_ITSELF)
    if well is False:
        why = "nobody noted a mitigation, and users were not well again before the load ended"
        return Step("mitigate", band_s=band, met=False if sight.waited_s >= band else None, why=why)
    return Step(
        "mitigate", band_s=band, why="nobody noted a mitigation, and it is not known that users were well again"
    )


def communicate(sight: Sight, over_at: float | None) -> tuple[Step, float]:
    """Return when others heard of it first, and the longest silence (s) until it was over."""
    band, end = sight.bands.communicate_s, over_at if over_at is not None else min(sight.talked_until, sight.seen_until)
    said = [one for one in sight.events if one.kind in WORDS and sight.hit_at <= one.at < sight.talked_until]
    words = sorted([*said, *sight.notes("communication")], key=lambda one: one.at)
    silence = _longest(sight.hit_at, [one.at for one in words], end)
    blind = _unheard(sight)
    late = bool(words) and over_at is not None and words[0].at > over_at and words[0].at - sight.hit_at > band
    if not words or late:
        return _missing("communicate", sight, band, "nobody told others anything", blind, over_at), silence
    first = _judged("communicate", sight, words[0], band)
    if first.met and silence > band:
        why = f"{first.why}; then others heard nothing for {silence:.0f} s"
        met = None if blind else False
        first = Step("communicate", first.at, first.after_s, band, met, f"{why}; {blind}" if blind else why)
    return first, silence


def _longest(begin: float, words: Iterable[float], end: float) -> float:
    instants = [begin, *[at for at in words if at < end], max(begin, end)]
    return round(max(late - early for early, late in pairwise(instants)), 3)


def _unheard(sight: Sight) -> str:
    """Return why a silence is not known to be one: every place that was named must have been read."""
    named = [name for name in (CHAT, PAGE) if name in sight.services]
    if not named:
        return "neither Slack nor a status page was read: [environments.X.people] of gameday.toml names none"
    return "; ".join(why for name in named if (why := sight.blind(name)))


def _judged(name: StepName, sight: Sight, event: Event, band: float) -> Step:
    """Return the step at *event*; what is given in whole seconds may be on either side of the limit."""
    after, slack = sight.after(event.at), coarse(event)
    met: bool | None = after + slack <= band
    why = event.text
    if after > band:
        met, why = False, f"{why} ({after:.0f} s after the hit, the limit is {band:g} s)"
    elif not met:
        met, why = None, f"{why} (given in whole seconds, and within one of the limit)"
    return Step(name, event.at, after, band, met, why, slack)


def _missing(name: StepName, sight: Sight, band: float, nobody: str, blind: str, over_at: float | None = None) -> Step:
    """Return the step that was not seen: missed only if it was looked for until its limit was over, and not before."""
    if blind:
        return Step(name, band_s=band, why=blind)
    ended = over_at if over_at is not None else _over_at(sight)
    if ended is not None and ended - sight.hit_at < band:
        why = f"{nobody}, and it was over after {ended - sight.hit_at:.0f} s, before the limit of {band:g} s"
        return Step(name, band_s=band, why=why)
    watched = max(0.0, min(sight.talked_until, sight.seen_until) - sight.hit_at)
    if watched < band:
        return Step(name, band_s=band, why=f"{nobody} in {watched:.0f} s; the limit of {band:g} s is not over")
    return Step(name, band_s=band, met=False, why=f"{nobody} in {band:g} s")


def _over_at(sight: Sight) -> float | None:
    ended = sight.of_incidents("page.resolved")
    done = {str(one.data.get("incident")) for one in ended}
    return ended[-1].at if sight.incidents and done == sight.incidents else None


def nothing_hit(hit: Hit, bands: Bands) -> tuple[Step, ...]:
    """Return the steps of what has hit nothing: none is known, none is missed."""
    why = "no fault was accepted, so nobody could be paged" if hit.over else "the fault has not been accepted yet"
    limits: Mapping[StepName, float | None] = {
        "alarm": None, "page": hit.page_s, "acknowledge": bands.acknowledge_s, "diagnose": bands.diagnose_s,
        "mitigate": bands.mitigate_s, "communicate": bands.communicate_s, "resolve": None,
    }  # fmt: skip
    return tuple(Step(name, band_s=limit, why=why) for name, limit in limits.items())
