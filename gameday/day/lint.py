"""What a plan cannot mean: the rules of `gameday.day.reading`, each a function of a `Case` that yields problems.

What it can mean, and somebody will be sorry for, stands in `gameday.day.foresight`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from gameday.day import calendar
from gameday.day.case import Case
from gameday.day.plan import Inject, Item
from gameday.decode import suggestion
from gameday.errors import Problem, UsageError
from gameday.gate.suite import is_suite, keys_of
from gameday.model import Json
from gameday.safety import freeze
from gameday.source import Path_, Source

Rule = Callable[[Case], Iterator[Problem]]
WORDS = ("last", "all")  # of `only_if`, beside names
VERDICTS = ("held", "broke", "inconclusive")
FORMS = "write `last held`, `all held`, or `NAME held`, `NAME broke`, `NAME inconclusive` of an earlier item"
UNSEEN = ("Cc", "Cf", "Zl", "Zp")  # controls, formats such as the turning of a line, breaks of lines
JOINERS = "\u200c\u200d"  # of letters, and of emojis
LONGEST = 60  # of a name
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ONE_OF = ("message", "alarm", "leaves", "experiment")


def people(case: Case) -> Iterator[Problem]:
    """Rule: the day has a title, and a person in each role that is named."""
    if not case.plan.title.strip():
        yield case.problem(("title",), "a day without a title; say what it is about")
    for role in ("owner", "coordinator"):
        if not getattr(case.plan.roles, role).strip():
            yield case.problem(("roles", role), f"a day needs its {role}; write who that is")
    for role in ("responders", "observers"):
        listed = getattr(case.plan.roles, role)
        for number, who in enumerate(listed):
            if who is not None and not who.strip():
                yield case.problem(("roles", role, number), "nobody; write a name, or take it out")
            elif who in listed[:number]:
                yield case.problem(("roles", role, number), f"{who} stands twice; keep one")


def texts(case: Case) -> Iterator[Problem]:
    """Rule: texts are shown on terminals, in chats and on pages as they stand, so nothing in them acts on those."""
    for where, text in _texts(case.source.data, ()):
        hidden = [one for one in text if one != "\n" and one not in JOINERS and unicodedata.category(one) in UNSEEN]
        if hidden:
            yield case.problem(where, f"the character {hidden[0]!a} is not to be seen, and may act; take it out")


def _texts(data: Json, where: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield each text of *data* with its place."""
    if isinstance(data, str):
        yield where, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _texts(value, (*where, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _texts(value, (*where, number))


def when(case: Case) -> Iterator[Problem]:
    """Rule: date, time, cron and zone are what they are to be."""
    for key, message in calendar.problems(case.plan.when):
        yield case.problem(("when", key), message)
    for number, window in enumerate(case.plan.freeze):
        if window is not None and (message := freeze.problem_of(window)):
            yield case.problem(("freeze", number), message)


def places(case: Case) -> Iterator[Problem]:
    """Rule: the environment, its channels and the plan whose action items are carried over are there."""
    plan, known = case.plan, case.environments
    if known is not None and plan.environment not in known:
        message = f"no environment {plan.environment!r} in gameday.toml; {suggestion(plan.environment, list(known))}"
        yield case.problem(("environment",), message)
    yield from _channels(case, ("channels",), plan.channels)
    if plan.carries:
        names = [path.stem for path in (case.root / "plans").glob("*.y*ml")]
        if plan.carries not in names and not case.is_there(plan.carries):
            hint = suggestion(plan.carries, names) if names else "there is none yet"
            yield case.problem(("carries",), f"no plan {plan.carries!r} in plans; {hint}")


def _channels(case: Case, where: Path_, named: list[str]) -> Iterator[Problem]:
    environment = case.environment
    known = list(environment.channels) if environment else []
    for number, name in enumerate(named):
        if environment is not None and name is not None and name not in known:
            hint = suggestion(name, known) if known else "it has none: add it there, or take this out"
            message = f"no channel {name!r} in [environments.{environment.name}.channels]; {hint}"
            yield case.problem((*where, number), message)


def checklist(case: Case) -> Iterator[Problem]:
    """Rule: a line of the go/no-go list is a question or a look; none stands twice."""
    seen: list[object] = []
    for number, line in enumerate(case.plan.checklist):
        if line is not None and bool(line.ask.strip()) == bool(line.look):
            message = "a line is either `ask` (somebody answers) or `look` (the suite looks); write one of them"
            yield case.problem(("checklist", number), message)
        if line in seen:
            yield case.problem(("checklist", number), "this line stands twice; keep one")
        seen.append(line)


def names(case: Case) -> Iterator[Problem]:
    """Rule: items and injects have names of their own, which make file names and are no words of `only_if`."""
    seen: set[str] = set()
    for where, part in case.parts():
        if not _NAME.fullmatch(part.name):
            message = f"{part.name!r} names files and conditions; write it as `stop-one-task`"
            yield case.problem((*where, "name"), message)
        elif len(part.name) > LONGEST:
            message = f"{len(part.name)} characters are too many for the name of a file; write {LONGEST} at most"
            yield case.problem((*where, "name"), message)
        elif part.name in WORDS:
            yield case.problem((*where, "name"), f"{part.name!r} is a word of `only_if`; write another name")
        if part.name in seen:
            yield case.problem((*where, "name"), f"the name {part.name!r} stands twice; give each its own")
        seen.add(part.name)


def agenda(case: Case) -> Iterator[Problem]:
    """Rule: an item is an experiment or a pause; a pause has nothing of an experiment."""
    if isinstance(case.plan.agenda, list) and not case.plan.agenda and not _lacks(case, "agenda"):
        yield case.problem(("agenda",), "a day without an agenda; add `- {name: ..., experiment: ...}`")
    for where, item in case.items():
        if len(_given(case, where, ("experiment", "pause_s"))) != 1:
            yield case.problem(where, "an item is either `experiment` or `pause_s`; write one of them")
        if item.pause_s is not None and item.pause_s <= 0:
            yield case.problem((*where, "pause_s"), f"a pause of {item.pause_s:g} s; write more than 0")
        for key in ("set", "expect") if not item.experiment else ():
            if getattr(item, key):
                yield case.problem((*where, key), f"`{key}` belongs to an experiment; take it out", at_key=True)
        yield from _expected(case, where, item)


def _given(case: Case, where: Path_, keys: Sequence[str]) -> list[str]:
    """Return which of *keys* stand at *where*, also those whose values cannot be read: they have their own problems."""
    data: Json = case.source.data
    for step in where:
        data = data[step] if isinstance(data, list | dict) else None  # type: ignore[index]
    return [key for key in keys if isinstance(data, dict) and data.get(key) not in (None, "")]


def _lacks(case: Case, key: str) -> bool:
    return not isinstance(case.source.data, dict) or not isinstance(case.source.data.get(key), list)


def conditions(case: Case) -> Iterator[Problem]:
    """Rule: `only_if` is a sentence about experiments that come before."""
    before: list[str] = []
    pauses: list[str] = []
    for where, item in case.items():
        if item.only_if and (message := _condition(item, before, pauses)):
            yield case.problem((*where, "only_if"), message)
        (before if item.experiment else pauses).append(item.name)


def _condition(item: Item, before: list[str], pauses: list[str]) -> str:
    of, _, verdict = item.only_if.rpartition(" ")
    if not of or " " in of or verdict not in VERDICTS or (of == "all" and verdict != "held"):
        return f"{item.only_if!r} is no condition; {FORMS}"
    if of in pauses:
        return f"{of} is a pause, which neither holds nor breaks; name an experiment"
    if of not in (*WORDS, *before):
        hint = suggestion(of, before) if before else "there is none before it"
        return f"no experiment {of!r} comes before {item.name}; {hint}"
    if not before:
        return f"no experiment comes before {item.name}; take the condition out"
    return ""


def injects(case: Case) -> Iterator[Problem]:
    """Rule: an inject is one thing, put into an item that is there, at a time that can be."""
    items = {item.name: item for _, item in case.items()}
    for where, inject in case.injects():
        given = _given(case, where, _ONE_OF)
        if len(given) != 1:
            said = " and ".join(given) or "nothing"
            yield case.problem(where, f"an inject is one of {', '.join(_ONE_OF)}; this one is {said}: write one")
        if inject.during not in items:
            message = (
                f"no item {inject.during!r} in the agenda; {suggestion(inject.during, list(items) or ['nothing'])}"
            )
            yield case.problem((*where, "during"), message)
        elif inject.experiment and items[inject.during].experiment:
            message = f"{inject.during} is an experiment, and one runs at a time; put this one into a pause"
            yield case.problem((*where, "during"), message)
        yield from _delay(case, where, inject, items.get(inject.during))
        yield from _belongs(case, where, inject)
        yield from _expected(case, where, inject)


def _delay(case: Case, where: Path_, inject: Inject, item: Item | None) -> Iterator[Problem]:
    drawn = [one for one in inject.after_s if one is not None]
    if len(drawn) != 2 or not 0 <= drawn[0] <= drawn[1]:
        message = f"the delay is drawn between two numbers of seconds, not {drawn}; write [from, to], as in [20, 60]"
        yield case.problem((*where, "after_s"), message)
    elif item is not None and item.pause_s is not None and drawn[1] >= item.pause_s > 0:
        message = f"the pause ends after {item.pause_s:g} s, before this may come; write less than that"
        yield case.problem((*where, "after_s"), message)


def _belongs(case: Case, where: Path_, inject: Inject) -> Iterator[Problem]:
    """What stands beside the thing that is put in is of that kind."""
    for key, owners in (("to", ("message",)), ("for_s", ("leaves",)), ("set", ("experiment",)),
                        ("expect", ("alarm", "experiment"))):  # fmt: skip
        if getattr(inject, key) and inject.kind not in owners:
            message = f"`{key}` belongs to `{'` or `'.join(owners)}`; take it out"
            yield case.problem((*where, key), message, at_key=True)
    yield from _channels(case, (*where, "to"), inject.to)
    if inject.for_s < 0:
        yield case.problem((*where, "for_s"), f"{inject.for_s:g} s; write 0 (to the end of the day) or more")
    persons = sorted({who for listed in case.plan.roles.named().values() for who in listed if who})
    if inject.leaves and persons != ["?"] and inject.leaves not in persons:
        message = f"{inject.leaves!r} has no role, so nobody would be missed; {suggestion(inject.leaves, persons)}"
        yield case.problem((*where, "leaves"), message)


def _expected(case: Case, where: Path_, part: Item | Inject) -> Iterator[Problem]:
    if part.expect is None:
        return
    if not part.expect.page.strip():
        yield case.problem((*where, "expect"), "what is expected? write `page`, with the alarm that pages somebody")
    if part.expect.within_s <= 0:
        yield case.problem((*where, "expect", "within_s"), f"{part.expect.within_s:g} s; write more than 0")


def experiments(case: Case) -> Iterator[Problem]:
    """Rule: what is named is an experiment, and has the values that are set."""
    found = {where for where, _, _ in case.experiments()}
    for where, part in case.parts():
        if part.experiment and where not in found:
            known = [name for name in case.known_files("experiments") if not name.startswith("experiments/suites")]
            hint = suggestion(part.experiment, known) if known else "write it first"
            yield case.problem((*where, "experiment"), f"no experiment {part.experiment!r}; {hint}")
    for where, part, file in case.experiments():
        yield from _of_experiment(case, where, part, file)


def _of_experiment(case: Case, where: Path_, part: Item | Inject, file: Path) -> Iterator[Problem]:
    try:
        data = Source.yaml(file).data
    except UsageError:
        return  # told with its own place
    if is_suite(data):
        yield case.problem((*where, "experiment"), f"{part.experiment} is a suite; name its experiments instead")
        return
    names = {name for environment in (case.environments or {}).values() for name in environment.names}
    known = sorted(map(str, keys_of(file, names)))
    for key in part.set:
        if case.environments is not None and str(key) not in known:
            hint = suggestion(str(key), known) if known else "it declares none"
            message = f"neither {part.experiment} nor an environment has {key!r}; {hint}"
            yield case.problem((*where, "set", key), message, at_key=True)


def numbers(case: Case) -> Iterator[Problem]:
    """Rule: limits are no less than nothing, and the bands of an incident follow each other."""
    plan = case.plan
    for part in ("stop", "budget", "bands"):
        for one in fields(getattr(plan, part)):
            value = getattr(getattr(plan, part), one.name)
            if value is not None and value < 0:
                yield case.problem((part, one.name), f"{value:g} is less than nothing; write 0 or more")
    if plan.budget.error_ratio is not None and plan.budget.error_ratio > 1:
        message = f"a share of all requests, 0 to 1, not {plan.budget.error_ratio:g}; for 5 % write 0.05"
        yield case.problem(("budget", "error_ratio"), message)
    order = ("page_s", "acknowledge_s", "diagnose_s", "mitigate_s")
    for first, second in pairwise(order):
        earlier, later = getattr(plan.bands, first), getattr(plan.bands, second)
        if earlier > later:
            message = f"{second} of {later:g} comes before {first} of {earlier:g}; both count from the hit: write more"
            yield case.problem(("bands", second), message)


WRONG: tuple[Rule, ...] = (
    people, texts, when, places, checklist, names, agenda, conditions, injects, experiments, numbers,
)  # fmt: skip
