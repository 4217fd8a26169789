"""A fault says what it will do before it does it, and one function is enough for both."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.aws import Aws
from gameday.config import Environment, Rules
from gameday.errors import Refusal
from gameday.model import Answer, Blast
from gameday.record import Recorder
from gameday.safety import armed, gate
from gameday.safety.armed import Run
from gameday.safety.intent import Fault, Intent, fault, name_of
from gameday.safety.promises import Promises

DONE: list[str] = []


@fault
def poke(run: Run, name: str, times: int = 1) -> Fault[int]:
    """Poke *name*."""
    refusals = ("it bites",) if name == "dog" else ()
    yield Intent(f"poke {name}", hit=times, of=times, refusals=refusals)
    DONE.extend([name] * times)
    return times


ACTION = name_of(__name__, "poke")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """An armed run of an environment whose rules list the fault."""
    DONE.clear()
    environment = Environment("lab", "eu-west-1", rules=Rules(actions=[ACTION]), name="lab")
    run = Run(
        id="run", environment=environment, aws=Aws(environment), recorder=Recorder(tmp_path),
        promises=Promises(tmp_path / "promises.jsonl"), blast=Blast(), random=random.Random(1),
        steady=lambda: armed.Steady(Answer.YES),
    )  # fmt: skip
    armed.arm(run)
    yield run
    armed.disarm()


def test_what_stands_before_the_yield_touches_nothing(run: Run) -> None:
    """Preparing goes as far as the intent, and names the action."""
    intent = vars(poke)["prepare"](run, name="cat", times=2)
    assert (intent.sentence, intent.action, DONE) == ("poke cat", ACTION, [])


def test_the_fault_goes_on_and_returns(run: Run) -> None:
    """Its output is what the generator returns."""
    assert poke("cat", times=2) == 2
    assert DONE == ["cat", "cat"]


def test_an_intent_with_refusals_is_not_acted_on(run: Run) -> None:
    """The fault looks again itself, whatever the gate has seen."""
    with pytest.raises(Refusal, match="it bites"):
        poke("dog")
    assert DONE == []


def test_a_fault_refuses_without_an_armed_run(run: Run) -> None:
    """No flag of Chaos Toolkit injects unguarded."""
    armed.disarm()
    with pytest.raises(Refusal, match="not armed"):
        poke("cat")
    assert DONE == []


def test_a_fault_that_is_not_listed_is_off(run: Run) -> None:
    """Also when it is called past the gate."""
    bare = Environment("lab", "eu-west-1", name="lab")
    armed.arm(Run(run.id, bare, run.aws, run.recorder, run.promises, run.blast, run.random, run.steady))
    with pytest.raises(Refusal, match="not among the 0 actions"):
        poke("cat")
    assert DONE == []


def test_the_signature_is_what_an_experiment_writes() -> None:
    """Chaos Toolkit checks arguments against it, and the reference page prints it."""
    assert str(inspect.signature(poke)).replace("'", "") == "(name: str, times: int = 1) -> int"
    assert poke.__doc__ == "Poke *name*." and poke.__module__ == __name__ and inspect.isfunction(poke)


def test_every_kind_of_action_has_a_name_for_the_rules() -> None:
    """Ours are short, others are whole, and a process or an address is what it calls."""
    assert gate.action_of({"type": "python", "module": "actions.ecs", "func": "stop_task"}) == "ecs.stop_task"
    other = {"type": "python", "module": "chaosaws.ecs.actions", "func": "stop_task"}
    assert gate.action_of(other) == "chaosaws.ecs.actions.stop_task"
    assert gate.action_of({"type": "process", "path": "stress"}) == "process:stress"
    assert gate.action_of({"type": "http", "url": "http://x", "method": "POST"}) == "http:POST http://x"


def test_a_rehearsal_cannot_change_anything() -> None:
    """The door itself refuses, before a byte is sent: the endpoint does not even exist."""
    environment = Environment("lab", "eu-west-1", endpoint="http://127.0.0.1:9", name="lab")
    with pytest.raises(Refusal, match="ecs:StopTask would change something"):
        Aws(environment, read_only=True).ecs.stop_task(cluster="c", task="t")
