"""Days as a coordinator may see them, as views; also played on the real screen when it is run as a script.

python -m tests.gameday.day.scenes SCENE
"""

from __future__ import annotations

import sys
from dataclasses import replace

from gameday.day.desk.live import GuardLine, Live
from gameday.day.desk.screen import Screen
from gameday.day.desk.view import View
from gameday.day.events import Event
from gameday.day.plan import Budget, CheckItem, Inject, Item, Plan, Roles, StopRules, When
from gameday.day.state import fold

NOW = 1_796_209_402.0  # 2026-12-02 10:23:22 UTC
ROLES = Roles("Olga Owner", "Carl Coordinator", "Ines Commander", ["Rita Responder", "Sam Second"], "Theo Scribe",
              ["Obi Observer"])  # fmt: skip
PLAN = Plan(
    title="A first, gentle game day for FoodConnect",
    roles=ROLES,
    agenda=[
        Item("stop-one-task", "experiments/ecs/stop-one-task.yaml"),
        Item("talk", pause_s=300, note="what did you see, and where?"),
        Item("slow-database", "experiments/latency/slow-database.yaml", announced=False),
        Item("failover", "experiments/rds/reboot-with-failover.yaml", only_if="last held"),
        Item("bad-deployment", "experiments/ecs/bad-deployment.yaml", only_if="all held"),
        Item("debrief", pause_s=900),
    ],
    environment="lab",
    when=When(date="2026-12-02", begins="11:00", zone="Europe/Berlin", lasts_s=7200),
    checklist=[CheckItem("Does everybody know how to abort?"), CheckItem(look="alarms"), CheckItem(look="nothing-runs"),
               CheckItem("Is the status page's draft ready?", must=False)],
    injects=[Inject("support-call", "slow-database", [30, 90], message="support: orders fail for some"),
             Inject("false-alarm", "slow-database", alarm="foodconnect-p99"),
             Inject("lead-leaves", "failover", leaves="Ines Commander", announced=True)],
    stop=StopRules(broke=2),
    budget=Budget(failed_requests=500, error_ratio=0.02),
    runbooks=["docs/runbooks/service-degradation.md"],
)  # fmt: skip
EVENTS = [
    Event(NOW - 1200, "day.opened", "the day is opened"),
    Event(NOW - 1100, "check.answered", "everybody knows how to abort", "Carl Coordinator",
          data={"number": 1, "answer": "yes", "must": True}),
    Event(NOW - 1090, "check.answered", "no alarm is in ALARM", data={"number": 2, "answer": "yes", "must": True}),
    Event(NOW - 1080, "check.answered", "", data={"number": 3, "answer": "unknown", "must": True}),
    Event(NOW - 1000, "day.begun", "all said go", "Carl Coordinator"),
    Event(NOW - 990, "item.begun", item="stop-one-task"),
    Event(NOW - 881, "run.ended", item="stop-one-task", data={"requests": 6000, "errors": 12}),
    Event(NOW - 880, "item.ended", "recovered in 21 s", item="stop-one-task",
          data={"verdict": "held", "exit": 0, "requests": 6000, "errors": 12}),
    Event(NOW - 870, "item.begun", item="talk"),
    Event(NOW - 560, "item.ended", item="talk"),
    Event(NOW - 92, "item.begun", item="slow-database"),
    Event(NOW - 90, "run.started", item="slow-database", data={"pid": 7, "file": "slow-database.yaml"}),
    Event(NOW - 60, "alarm.fired", "foodconnect-p99 is in ALARM", "CloudWatch", data={"alarm": "foodconnect-p99"}),
    Event(NOW - 58, "page.triggered", "p99 is high", "PagerDuty", data={"incident": "P1"}),
    Event(NOW - 40, "inject.fired", "support calls", data={"name": "support-call", "kind": "message"}),
    Event(NOW - 31, "page.acknowledged", "acknowledged", "Rita Responder", data={"incident": "P1"}),
    Event(NOW - 8, "chat.said", "the pool is full, \x1b[31mlooking\x1b[0m at\u202ethe proxy", "Rita Responder"),
]  # fmt: skip
GUARDS = [
    GuardLine("load.error_ratio", "yes", "0.4%", "<= 50% over 5 s", 0.992),
    GuardLine("load.p99_ms", "yes", "2440 ms", "<= 3000 ms over 5 s", 0.187),
    GuardLine("alarm foodconnect-chaos-stop", "yes", "OK", "OK", 1.0),
    GuardLine("FoodConnect/QueueDepth", "unknown", "no data", "<= 100"),
]
FIGURES = {"rate": 59.5, "error_ratio": 0.004, "p50_ms": 480.0, "p95_ms": 1900.0, "p99_ms": 2440.0, "requests": 4100.0,
           "errors": 31.0}  # fmt: skip
CLOCKS = (("alarm", 30.0, None), ("page", 32.0, 120.0), ("acknowledge", 59.0, 300.0), ("diagnose", None, 900.0),
          ("mitigate", None, 1800.0), ("communicate", None, 900.0), ("resolve", None, None))  # fmt: skip


def going_on(now: float = NOW) -> View:
    """A day with an experiment under way, people at work, and an inject to come."""
    live = Live("2026-12-02T10-21-52Z-slow-database", "fault", now - 61, FIGURES, GUARDS, "delay the database 400 ms",
                now - 0.4)  # fmt: skip
    return View(PLAN, fold(EVENTS), EVENTS, now, live, {"false-alarm": now + 47}, "", "runs/day", CLOCKS, now - 90)


def opened() -> View:
    """A day that waits for a go: the list is asked."""
    return View(PLAN, fold(EVENTS[:4]), EVENTS[:4], NOW, question="Is the status page's draft ready? (may be no)")


def ended() -> View:
    """A day that a stop rule has ended."""
    more = [
        Event(NOW - 20, "run.ended", item="slow-database", data={"requests": 9000, "errors": 700}),
        Event(NOW - 19, "item.ended", "an undo failed", item="slow-database", data={"verdict": "aborted", "exit": 6}),
        Event(NOW - 18, "day.aborting", "the day's budget of 500 failed requests is spent: 712"),
        Event(NOW - 18, "item.skipped", "the day is aborted", item="failover"),
        Event(NOW - 5, "day.ended", "the day has ended", data={"outcome": "undo incomplete", "exit": 6}),
    ]
    events = sorted([*EVENTS, *more], key=lambda event: event.at)
    return View(PLAN, fold(events), events, NOW, clocks=CLOCKS)


def asking() -> View:
    """A day that goes on and asks something long."""
    question = (
        "The experiment slow-database has broken its objective: orders were lost. Shall the day go on with the "
        "failover, which also writes to the database, before anybody has looked into why?"
    )
    return replace(going_on(), question=question)


SCENES = {"going-on": going_on, "opened": opened, "ended": ended, "asking": asking}


def main(scene: str) -> None:
    """Show a scene as `gameday play` does, take keys, and print what they asked for; `a` and `y` end it."""
    screen = Screen()
    try:
        view, heard = SCENES[scene](), ""
        while heard != "abort":
            for command in screen.commands():
                heard = command.kind
                screen.say(f"heard {command.kind} {command.text}".rstrip() + ".")
                if command.text == "crash":
                    raise RuntimeError("a bug of ours")
            screen.show(view)
            screen.wait(0.25)
    finally:
        screen.close()


if __name__ == "__main__":
    main(sys.argv[1])
