"""What Chaos Toolkit accepts and then does otherwise than its words say. Each rule is one such thing."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.engine.lint.case import Case, mapping, text
from gameday.errors import Problem
from gameday.safety.intent import acts

IDLE = "chaosaddons.utils"  # the one background function that ends when asked to
SAFEGUARDS = "chaosaddons.controls.safeguards"
BYPASS = "chaosaddons.controls.bypass"


def dry(case: Case) -> Iterator[Problem]:
    """Rule: nobody believes that a run is dry when it is not."""
    said = "has no effect: the actions are played all the same; take it out, and rehearse with `gameday plan FILE`"
    if "dry" in case.data:
        yield case.problem(("dry",), f"'dry' in the file {said}", at_key=True)
    for activity in case.activities():
        if "dry" in activity.data:
            yield case.problem(activity.at("dry"), f"'dry' on an activity {said}", at_key=True)
    for where, control in case.controls():
        module = text(mapping(control.get("provider")).get("module"))
        if module == BYPASS or module.startswith("chaosaddons.bypass"):
            yield case.problem((*where, "provider", "module"), f"the bypass control {said}")


def acting(case: Case) -> Iterator[Problem]:
    """Rule: a probe only looks. Chaos Toolkit plays any function as one, in the configuration before any control."""
    for activity in case.activities():
        if activity.data.get("type") == "probe" and acts({"provider": activity.provider}):
            part = "rollbacks" if activity.part == "rollbacks" else "method"
            message = f"a probe must not act; make it `type: action` in the {part}"
            yield case.problem(activity.at("provider", "module"), message)


def timeouts(case: Case) -> Iterator[Problem]:
    """Rule: a timeout stands where it is kept."""
    for activity in case.activities():
        if "timeout" in activity.data:
            mend = "take it out" if activity.kind == "python" else "write it in the provider"
            yield case.problem(activity.at("timeout"), f"a timeout here is ignored; {mend}", at_key=True)
        if activity.kind == "python" and "timeout" in activity.provider:
            message = "python activities have no timeout, this one is ignored; take it out"
            yield case.problem(activity.at("provider", "timeout"), message, at_key=True)


def background(case: Case) -> Iterator[Problem]:
    """Rule: what runs in the background can be stopped."""
    for activity in case.activities("method", "rollbacks"):
        if activity.data.get("background") is True and activity.module and not activity.module.startswith(IDLE):
            message = "python in the background cannot be interrupted, so an abort waits for it; use a process provider"
            yield case.problem(activity.at("background"), message, at_key=True)


def runtime(case: Case) -> Iterator[Problem]:
    """Rule: rollbacks are always played, looks are frequent, and the process is the one that was started."""
    runtime_ = mapping(case.data.get("runtime"))
    strategy = mapping(runtime_.get("rollbacks")).get("strategy")
    if strategy in ("default", "never", "deviated"):
        message = f"with {strategy!r} an interrupted run leaves the fault in; write `strategy: always`"
        yield case.problem(("runtime", "rollbacks", "strategy"), message)
    frequency = mapping(runtime_.get("hypothesis")).get("frequency")
    if isinstance(frequency, int | float) and frequency > 1:
        message = f"looking every {frequency:g} s delays an abort by as much; write 1 or less"
        yield case.problem(("runtime", "hypothesis", "frequency"), message)
    if "python" in runtime_:
        message = "'python' plays the experiment in another process, which a kill leaves running; take it out"
        yield case.problem(("runtime", "python"), message, at_key=True)


def unlooked(case: Case) -> Iterator[Problem]:
    """Rule: with our block the steady state is looked at before the method and after it."""
    strategy = mapping(mapping(case.data.get("runtime")).get("hypothesis")).get("strategy")
    if case.block_at and strategy in ("before-method-only", "after-method-only", "during-method-only", "skip"):
        message = f"with {strategy!r} the steady state is not seen before and after the method; write `default`"
        yield case.problem(("runtime", "hypothesis", "strategy"), message)


def safeguards(case: Case) -> Iterator[Problem]:
    """Rule: the safeguards add-on is not the only guard."""
    if case.block is not None and case.block.guards:
        return
    for where, control in case.controls():
        if text(mapping(control.get("provider")).get("module")) == SAFEGUARDS:
            message = (
                "safeguards die in silence when their probe fails and are up to two periods late; "
                "add `guards` to our block"
            )
            yield case.problem((*where, "provider", "module"), message)
