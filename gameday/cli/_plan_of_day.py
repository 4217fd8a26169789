"""The preview of a game day for people, as `gameday plan PLAN` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.day import calendar
from gameday.day.foresight import Span
from gameday.day.plan import Inject, Item, Plan
from gameday.day.preview import Preview, alarms_told, announced, refusals


def told(seen: Preview, reveal: bool) -> Iterator[str]:
    """Yield the lines of a preview."""
    plan, environment = seen.loaded.plan, seen.environment
    word = ", production" if environment.production else ""
    yield f"plan of the game day: {plan.title}"
    yield f"  on         {environment.name} ({environment.kind}{word}), account {environment.account}"
    yield f"  when       {_when(seen)}"
    if plan.objectives:
        yield "\nwhat it is to show"
        hidden = ["(not announced; --reveal shows it)"]
        yield from (f"  {text}" for text in (plan.objectives if reveal or plan.all_announced else hidden))
    yield "\npeople"
    yield from (f"  {role:<20} {', '.join(who)}" for role, who in plan.roles.named().items())
    if plan.checklist:
        yield "\ngo/no-go"
    yield from (f"  {'must' if line.must else 'may':<10} {line.ask or f'looked at: {line.look}'}"
                for line in plan.checklist)  # fmt: skip
    yield "\nagenda, from the begin of the day: at the earliest and at the latest, when nothing is skipped"
    for item, span in zip(plan.agenda, seen.spans, strict=True):
        yield from _item(seen, item, span, reveal)
    yield from _injects(seen, reveal)
    yield from _limits(plan)
    yield from _people(seen, reveal)
    reasons = refusals(seen, reveal)
    if not reasons:
        yield "\nit would be played; nothing was changed"
        return
    yield f"\nit would be refused, wholly or in part, for {len(reasons)} reason{'s' if len(reasons) > 1 else ''}"
    yield from (f"  - {reason}" for reason in reasons)


def _when(seen: Preview) -> str:
    when = seen.loaded.plan.when
    begins = calendar.shown(seen.begins, when.zone) if seen.begins is not None else "when somebody plays it"
    lasts = f"lasts at most {calendar.length(when.lasts_s)}"
    return f"{begins}; {lasts}" + (f", begins at most {calendar.length(when.late_s)} late" if seen.begins else "")


def _item(seen: Preview, item: Item, span: Span, reveal: bool) -> Iterator[str]:
    times = f"  {_clock(span.begins)}"
    if not (reveal or item.announced):
        yield f"{times}  (not announced)"
        return
    silent = "" if item.announced else ", not announced"
    lasts = f"pause of {item.pause_s:g} s" if item.pause_s is not None else f"{item.experiment}, {_takes(span)}"
    yield f"{times}  {item.name}: {lasts}{silent}"
    if item.set:
        yield f"      with     {', '.join(f'{key}={value}' for key, value in item.set.items())}"
    if item.only_if:
        yield f"      only if  {item.only_if}"
    yield from _trial(seen, item.name)
    yield from _expected(item)
    if item.runbook:
        yield f"      runbook  {item.runbook}"
    if item.note:
        yield f"      note     {item.note}"


def _trial(seen: Preview, name: str) -> Iterator[str]:
    if trial := seen.trials.get(name):
        first = "would" if trial.would_run else "refused"
        yield f"      {first:<8} {trial.sentences[0] if trial.sentences else 'only look'}"
        yield from (f"      {'and':<8} {more}" for more in trial.sentences[1:3])
        if len(trial.sentences) > 3:
            yield f"      {'and':<8} {len(trial.sentences) - 3} more (--json has them)"


def _expected(part: Item | Inject) -> Iterator[str]:
    if part.expect:
        yield f"      page     {part.expect.page} within {part.expect.within_s:g} s"


def _injects(seen: Preview, reveal: bool) -> Iterator[str]:
    plan = seen.loaded.plan
    if not plan.injects:
        return
    shown = [inject for inject in plan.injects if reveal or announced(plan, inject)]
    yield f"\ninjects{f', drawn by the seed {plan.seed}' if reveal else ''}"
    for inject in shown:
        yield f"  {inject.name}: {_said(inject)}, {_delay(seen, inject, reveal)} {inject.during}"
        yield from _trial(seen, inject.name)
        yield from _expected(inject)
    if hidden := len(plan.injects) - len(shown):
        yield f"  {hidden} that {'is' if hidden == 1 else 'are'} not announced (--reveal shows everything)"


def _said(inject: Inject) -> str:
    if inject.message:
        return f'"{inject.message}"'
    if inject.alarm:
        return f"alarm {inject.alarm} is set off"
    if inject.leaves:
        return f"{inject.leaves} leaves" + (f" for {calendar.length(inject.for_s)}" if inject.for_s else "")
    return inject.experiment


def _delay(seen: Preview, inject: Inject, reveal: bool) -> str:
    if reveal and inject.name in seen.drawn:
        return f"{seen.drawn[inject.name]:.0f} s into"
    low, high = inject.after_s
    return f"{low:g} to {high:g} s into"


def _limits(plan: Plan) -> Iterator[str]:
    stop, budget, bands = plan.stop, plan.budget, plan.bands
    ends = ["an abort, or a change that is left"]
    ends += [f"{stop.broke} experiment{'s' if stop.broke > 1 else ''} broke"] if stop.broke else []
    ends += [f"{stop.inconclusive} without a proof"] if stop.inconclusive else []
    if stop.unacknowledged_s:
        ends.append(f"a page that nobody acknowledges for {calendar.length(stop.unacknowledged_s)}")
    ends += [f"{budget.failed_requests} failed requests"] if budget.failed_requests is not None else []
    ends += [f"{100 * budget.error_ratio:g} % failed requests"] if budget.error_ratio is not None else []
    yield "\nwhat ends the day"
    yield from (f"  {one}" for one in ends)
    yield "\nwhat is expected of people, from the hit on"
    for what, within_s in (("page", bands.page_s), ("acknowledge", bands.acknowledge_s), ("diagnose", bands.diagnose_s),
                           ("mitigate", bands.mitigate_s), ("tell others", bands.communicate_s)):  # fmt: skip
        yield f"  {what:<12} within {calendar.length(within_s)}"


def _people(seen: Preview, reveal: bool) -> Iterator[str]:
    yield "\nchannels, as they are now; nobody was told anything"
    yield from (f"  {'works' if one.ok else 'FAILS':<10} {one.channel}: {one.detail}" for one in seen.channels)
    if not seen.channels:
        yield "  none: nobody will be told"
    for alarm in alarms_told(seen, reveal):
        yield f"  {'pages' if alarm.tells else 'FAILS':<10} {alarm.sentence}"
    if seen.action_items:
        yield f"\nopen action items of earlier days: {len(seen.action_items)}"
    for one in seen.action_items:
        yield f"  {one['status']!s:<10} {one['id']}: {one['text']} ({one['owner']}, due {one['due']})"


def _clock(begins: tuple[float, float]) -> str:
    early, late = (f"{int(at) // 60:02}:{int(at) % 60:02}" for at in begins)
    return f"{early}-{late}" if early != late else f"{early}      "


def _takes(span: Span) -> str:
    return f"{span.takes[0]:.0f} to {span.takes[1]:.0f} s"
