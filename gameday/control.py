"""The one Chaos Toolkit control: it makes plain `chaos run FILE` as safe as `gameday run FILE`.

Chaos Toolkit swallows most exceptions of controls and all of event handlers. So the handler only records and acts,
the control functions refuse with InterruptExecution, and every error of ours becomes one. A file without our block
is left alone.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from chaoslib.exceptions import InterruptExecution
from chaoslib.run import RunEventHandler

from gameday.analysis.findings import fold
from gameday.block import block_of
from gameday.engine.progress import Redacted
from gameday.engine.session import LEAVE, Session
from gameday.engine.setup import Setup, from_surroundings
from gameday.errors import GamedayError
from gameday.model import Json
from gameday.record import Record
from gameday.redact import Redactor, install_on_logging, redact_in_place
from gameday.safety.intent import acts

OWNED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class State:
    """What chaoslib's callbacks share: there is one run a process, as in chaoslib itself."""

    def __init__(self) -> None:
        self.setup: Setup | None = None  # given by `gameday run`
        self.session: Session | None = None
        self.failure: str = ""
        self.error: GamedayError | None = None  # what refused to arm, for its exit code
        self.findings: dict[str, Json] = {}
        self.redactor = Redactor()
        self.unlog: Callable[[], None] = lambda: None


STATE = State()


def prepare(setup: Setup) -> None:
    """Say where the next run happens; without it, the surroundings of a plain `chaos run` say so."""
    STATE.setup = setup
    STATE.session = None
    STATE.failure, STATE.error = "", None
    STATE.findings = {}


def findings() -> dict[str, Json]:
    """Return the findings of the last run of this process; {} when it had none."""
    return STATE.findings


class Handler(RunEventHandler):  # type: ignore[misc]
    """Follows one run. chaoslib swallows what its methods raise, so `running` keeps its failure for the control."""

    def __init__(self) -> None:
        self.previous: dict[int, Any] = {}

    def running(
        self,
        experiment: dict[str, Any],
        journal: dict[str, Any],
        configuration: dict[str, Any],
        secrets: dict[str, Any],
        schedule: object,
        settings: dict[str, Any],
    ) -> None:
        """Arm: chaoslib has not yet read the rollback strategy, and everything is still mutable."""
        settings.setdefault("runtime", {}).setdefault("rollbacks", {})["strategy"] = "always"
        try:
            setup = STATE.setup or from_surroundings(str(experiment["title"]))
            setup = replace(setup, progress=Redacted(setup.progress, STATE.redactor.text))
            session = Session(setup, experiment, block_of(experiment), secrets or {}, STATE.redactor)
            session.arm(configuration)
        except GamedayError as error:
            STATE.failure, STATE.error = STATE.redactor.text(str(error)), error
            return
        except Exception as error:  # noqa: BLE001  chaoslib would swallow it: keep it, the control refuses with it
            why = f"the run could not be armed: {type(error).__name__}: {error}\n{traceback.format_exc()}"
            STATE.failure = STATE.redactor.text(why)
            return
        STATE.session = session
        self.previous = {number: signal.getsignal(number) for number in OWNED}
        for number in OWNED:
            signal.signal(number, lambda received, _: session.leave(received))

    def start_activity(self, activity: Mapping[str, Any]) -> None:
        """Note an action before it runs."""
        session = STATE.session
        if session is None or not acts(activity) or session.undo.begun:
            return
        try:
            session.action_begins(str(activity.get("name")))
        except Exception as error:  # noqa: BLE001  chaoslib would swallow it, and let the action run
            session.undo.end("aborted", f"{activity.get('name')} could not be guarded: {error}")
            raise SystemExit(LEAVE) from None

    def activity_completed(self, activity: Mapping[str, Any], run: Mapping[str, Any]) -> None:
        """Note how an action ended."""
        session = STATE.session
        name, status = str(activity.get("name")), str(run.get("status", "interrupted"))
        if session and session.undo.begun:
            session.rollbacks.played(name, {**run, "activity": activity})
        elif session and acts(activity):
            session.action_ended(name, status, _last_line(run.get("exception")))

    def hypothesis_before_completed(self, experiment: object, state: Mapping[str, Any], journal: object) -> None:
        """Note whether the gate let the run through."""
        if STATE.session:
            met, failed, crashed = _outcome(state)
            STATE.session.recorder.mark("hypothesis.before", met=met, failed=failed, crashed=crashed)
            if not met:
                STATE.session.setup.progress.phase("refused", "; ".join(failed))

    def hypothesis_after_completed(self, experiment: object, state: Mapping[str, Any], journal: object) -> None:
        """Note whether the system came back to its steady state."""
        if STATE.session:
            met, failed, crashed = _outcome(state)
            STATE.session.recorder.mark("hypothesis.after", met=met, failed=failed, crashed=crashed)

    def start_rollbacks(self, experiment: object) -> None:
        """Nothing may interrupt the undo."""
        if STATE.session:
            STATE.session.undo_begins()

    def finish(self, journal: dict[str, Any]) -> None:
        """Complete the record; chaoslib calls this whatever happened, short of SIGKILL."""
        session = STATE.session
        if session is None:
            _tell(journal, "refused", STATE.failure or "the run was never armed")
            redact_in_place(journal, STATE.redactor)
            return
        try:
            session.close()
            session.recorder.save("journal.json", _plain(journal))
            STATE.findings = cast(
                "dict[str, Json]", STATE.redactor(fold(Record(session.folder), session.recorder.lost))
            )
            session.recorder.save("findings.json", STATE.findings)
            _tell(journal, str(STATE.findings["verdict"]), str(session.folder), bool(session.promises.open()))
            if (ending := session.undo.ending) and ending.kind != "refused":
                journal["interruption"] = {"kind": "control", "name": "gameday", "reason": ending.why}
        except Exception:  # noqa: BLE001  chaoslib would swallow it: keep it where the command finds it
            STATE.failure = STATE.redactor.text(traceback.format_exc())
            session.recorder.log("error", "the run could not be closed", traceback=STATE.failure)
            _tell(journal, "bug", STATE.failure)
        finally:
            for number, handler in self.previous.items():
                signal.signal(number, handler)
            redact_in_place(journal, STATE.redactor)  # Chaos Toolkit's command line writes its own copy next
            session.recorder.sweep()


# -- the functions that chaoslib looks for in a control module -----------------------------------------------


def configure_control(
    experiment: dict[str, Any],
    event_registry: Any,
    configuration: dict[str, Any] | None = None,
    secrets: dict[str, Any] | None = None,
    **_: object,
) -> None:
    """Register for the run's events; a file without our block is none of our business."""
    STATE.session = None  # an earlier one of this process is over
    if block_of(experiment, lenient=True) is not None:
        _hide(secrets, configuration, experiment)
        event_registry.register(Handler())


def before_experiment_control(context: Mapping[str, Any], **_: object) -> None:
    """Take the baseline, or refuse before anything is touched."""
    if block_of(context, lenient=True) is None:
        return
    if STATE.session is None:
        raise InterruptExecution(STATE.failure or "the gameday control could not be armed")
    _refusing(STATE.session, STATE.session.settle_in)


def before_method_control(context: Mapping[str, Any], **_: object) -> None:
    """Promise the declared rollbacks before the first action."""
    if STATE.session:
        _refusing(STATE.session, STATE.session.promise_rollbacks)


def after_method_control(context: Mapping[str, Any], **_: object) -> None:
    """Prove the fault and watch the recovery."""
    if STATE.session:
        _interrupting(STATE.session.watch_recovery)


def before_rollback_control(context: Mapping[str, Any], **_: object) -> None:
    """Leave the declared rollbacks out when no action ran: there is nothing to roll back."""
    if STATE.session and STATE.session.touched_at is None:
        STATE.session.rollbacks.forget()
        raise InterruptExecution("no rollback: nothing was touched")


def _hide(secrets: object, configuration: object, experiment: object) -> None:
    """From here on no secret reaches a log, the terminal, the record or the journal."""
    STATE.unlog()
    STATE.redactor = Redactor.from_environment(os.environ)
    STATE.redactor.learn(secrets)
    STATE.redactor.study([configuration, experiment])
    STATE.unlog = install_on_logging(STATE.redactor)


def _refusing(session: Session, step: Callable[[], None]) -> None:
    try:
        step()
    except GamedayError as error:
        session.refuse(str(error))
        raise InterruptExecution(str(error)) from None
    except Exception as error:
        session.recorder.log("error", "refused by an error", traceback=traceback.format_exc())
        session.refuse(f"{type(error).__name__}: {error}")
        raise InterruptExecution(f"{type(error).__name__}: {error}") from error


def _interrupting(step: Callable[[], None]) -> None:
    """Run *step*; chaoslib would swallow its exception, unless it is an InterruptExecution."""
    try:
        step()
    except Exception as error:
        raise InterruptExecution(f"{type(error).__name__}: {error}") from error


def _outcome(state: Mapping[str, Any] | None) -> tuple[bool, list[str], bool]:
    """Return whether a hypothesis was met, what said no, and whether a probe crashed, which says neither yes nor no."""
    probes = (state or {}).get("probes", [])
    failed = [probe for probe in probes if probe.get("status") != "succeeded" or not probe.get("tolerance_met", True)]
    sentences = [
        f"{probe['activity']['name']}: {_last_line(probe.get('exception')) or probe.get('output')}" for probe in failed
    ]
    crashed = any(probe.get("status") != "succeeded" for probe in failed)
    return bool(state and state.get("steady_state_met")), sentences, crashed


def _last_line(exception: object) -> str:
    """Return the sentence of an exception as the journal holds it: a list of traceback lines."""
    lines = exception if isinstance(exception, list) else [exception] if exception else []
    text = "".join(str(line) for line in lines).strip().splitlines()
    return text[-1].split(": ", 1)[-1] if text else ""


def _tell(journal: dict[str, Any], verdict: str, detail: str, incomplete: bool = False) -> None:
    """Put the verdict into Chaos Toolkit's journal, so that plain `chaos run` exits 0 only when it held."""
    journal["gameday"] = {"verdict": verdict, "detail": detail}
    if verdict == "broke":
        journal["deviated"] = True
    elif (verdict != "held" or incomplete) and journal.get("status") == "completed":
        journal["status"] = "failed"


def _plain(value: object) -> object:
    """Return *value* as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | bool | None) else value if _finite(value) else str(value)


def _finite(value: object) -> bool:
    return isinstance(value, float) and value == value and abs(value) != float("inf")
