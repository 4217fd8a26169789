"""`gameday run`: a thin wrapper round Chaos Toolkit. What keeps a run safe is in the control, not here."""

from __future__ import annotations

import copy
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from gameday import control
from gameday.block import NAME, place_of
from gameday.decode import suggestion
from gameday.engine.check import check
from gameday.engine.setup import Setup
from gameday.errors import GamedayError, UndoIncomplete, UsageError
from gameday.model import Json, Verdict

ROOM_BYTES = 200 * 2**20
ENDS_ALL = (  # nothing is played after a run that ended so
    UndoIncomplete.exit_code,
    Verdict.ABORTED.exit_code,
    Verdict.INTERRUPTED.exit_code,
)
CONTROL = {"name": NAME, "provider": {"type": "python", "module": "gameday.control"}}


def play(file: Path, setup: Setup, given: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """Play one experiment and return its findings; the run folder holds everything else.

    *given* are values for the file's configuration or the environment's names. Raises InputError or UsageError before
    anything is touched.
    """
    source, block = check(file, setup.suite)
    experiment = cast("dict[str, Any]", copy.deepcopy(source.data))
    if block is None:
        adopt(experiment)
    if setup.rate is not None:
        _load_at(setup.rate, experiment, file)
    values, setup = _place(dict(given or {}), experiment, setup)
    _room(setup.runs)
    control.prepare(replace(setup, file=file))
    journal = _chaoslib(experiment, values)
    findings = control.findings()
    if not findings:
        if control.STATE.error:
            raise control.STATE.error
        told = journal.get("gameday", {})
        raise GamedayError(
            control.STATE.failure or f"the run left no findings: {told.get('detail', 'no reason known')}"
        )
    return findings


def adopt(experiment: dict[str, Any]) -> None:
    """Give an experiment without our block the control and an empty block: the environment's rules then apply."""
    experiment.setdefault("controls", []).append(CONTROL)
    experiment.setdefault("extensions", []).append({"name": NAME})


def _load_at(rate: float, experiment: dict[str, Any], file: Path) -> None:
    """Let the load of an experiment send so many requests a second. Raises UsageError where there is no load."""
    where = place_of(experiment)
    load = experiment["extensions"][where[1]].get("load") if where else None
    if not load:
        raise UsageError(f"--rate {rate:g}: {file} names no load; add `load: {{journey: load/feed.py}}` to its block")
    load["rate"] = rate


def exit_code(findings: Mapping[str, Any]) -> int:
    """Return the exit code of one run: what is still changed outweighs its verdict."""
    if findings["promises"]["open"]:
        return UndoIncomplete.exit_code
    return Verdict(findings["verdict"]).exit_code


def _place(given: dict[str, Json], experiment: dict[str, Any], setup: Setup) -> tuple[dict[str, Json], Setup]:
    """Sort `--set` values into the file's configuration and the environment's names."""
    declared, names = experiment.get("configuration") or {}, dict(setup.environment.names)
    for key in [key for key in given if key not in declared]:
        if key not in names:
            raise UsageError(
                f"--set {key}: neither the file nor the environment has it; {suggestion(key, [*declared, *names])}"
            )
        names[key] = str(given.pop(key))
    return given, replace(setup, environment=replace(setup.environment, names=names))


def _room(runs: Path) -> None:
    """Refuse to begin a run whose record might not fit."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"no run can be written to {runs}: {error}; give another folder with `--runs DIR`") from None
    free = shutil.disk_usage(runs).free
    if free < ROOM_BYTES:
        raise UsageError(
            f"no room in {runs.resolve()}: {free >> 20} MiB are free, a run needs {ROOM_BYTES >> 20}; `--runs DIR`"
        )


def _chaoslib(experiment: dict[str, Any], values: dict[str, Json]) -> dict[str, Any]:
    """Let Chaos Toolkit play. Its API ignores the file's `runtime`, so that is read here."""
    from chaoslib.experiment import run_experiment
    from chaoslib.types import Schedule, Strategy

    hypothesis = (experiment.get("runtime") or {}).get("hypothesis") or {}
    strategy = Strategy.from_string(hypothesis.get("strategy", "default"))
    schedule = Schedule(continuous_hypothesis_frequency=float(hypothesis.get("frequency", 1.0)))
    settings: dict[str, Any] = {"runtime": copy.deepcopy(experiment.get("runtime") or {})}
    with _quiet():
        try:
            return cast("dict[str, Any]", run_experiment(experiment, settings, (values, {}), strategy, schedule))
        except SystemExit:  # a signal at the very end: the findings say the rest
            return {}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Chaos Toolkit's own log off the terminal; the record has the journal and our marks."""
    logger = logging.getLogger("chaostoolkit")
    before = logger.level, logger.propagate
    handler = logging.NullHandler()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
