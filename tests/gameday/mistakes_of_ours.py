"""Mistakes in our block and in `gameday.toml`, planted as text into files that are fine."""

from __future__ import annotations

from tests.gameday.mistakes import SETTINGS, STOP, Seeded

BLOCK = [
    Seeded("block key", STOP, "    blast:", "    blasts:", ("unknown key 'blasts'", "'blast'"), at="blasts:"),
    Seeded("guard without a subject", STOP, "signal: load.error_ratio, over_s", "over_s", ("names none",),
           at="over_s: 5"),
    Seeded("guard with two subjects", STOP, "{signal: load.error_ratio,", "{alarm: a, signal: load.error_ratio,",
           ("names signal and alarm",), at="alarm: a"),
    Seeded("unknown signal", STOP, "load.error_ratio", "load.eror_ratio", ("no signal", "'load.error_ratio'"),
           at="eror_ratio"),
    Seeded("guard without a limit", STOP, ", over_s: 5, max: 0.5}", "}", ("no limit",), at="signal:"),
    Seeded("metric without a namespace", STOP, "signal: load.error_ratio", "metric: feed_p9", ("no metric 'feed_p9'",
           "'feed_p99'"),
           at="feed_p9,"),
    Seeded("metric without a limit", STOP, "{signal: load.error_ratio, over_s: 5, max: 0.5}", "{metric: A/B}",
           ("no limit",), at="A/B"),
    Seeded("http that is no address", STOP, "{signal: load.error_ratio, over_s: 5, max: 0.5}", "{http: health}",
           ("is no address",), at="http: health"),
    Seeded("percent for a share", STOP, "max: 0.5}", "max: 50}", ("a share, 0 to 1",), at="max: 50"),
    Seeded("window of nothing", STOP, "over_s: 5", "over_s: 0", ("make no sense",), at="over_s: 0"),
    Seeded("rate of nothing", STOP, "rate: 60", "rate: 0", ("a rate of 0",), at="rate: 0"),
    Seeded("rate of everything", STOP, "rate: 60", "rate: 60000", ("a rate of 60000",), at="rate: 60000"),
    Seeded("no number", STOP, "rate: 60", "rate: .nan", ("finite",), at=".nan"),
    Seeded("no such journey", STOP, "load/feed.py", "load/fed.py", ("no journey", "'load/feed.py'"), at="load/fed.py"),
    Seeded("error budget in percent", STOP, "error_budget: 0.01", "error_budget: 1.5", ("0 to 1",),
           at="error_budget: 1.5"),
    Seeded("percent above all", STOP, "percent: 34", "percent: 340", ("340 %",), at="percent: 340"),
    Seeded("recovery at once", STOP, "recover_within_s: 30", "recover_within_s: -3", ("cannot be met",),
           at="recover_within_s"),
    Seeded("rollback without a repair", STOP, "recover_within_s: 30", "rolled_back_within_s: 30",
           ("nothing tells when it is rolled back", "repair: release.rolled_back"), at="rolled_back_within_s"),
    Seeded("no such repair", STOP, "ecs.task_replaced]", "ecs.task_replaced], repair: release.rolled_bak",
           ("no proof 'release.rolled_bak'", "release.rolled_back"), at="release.rolled_bak"),
    Seeded("deadline at once", STOP, "    practice:", "    deadline_s: 0\n    practice:", ("over at once",),
           at="deadline_s"),
    Seeded("no such statistic", STOP, "stat: p99", "stat: P99", ("no statistic 'P99'", "'p99'"), at="P99,"),
    Seeded("no such proof", STOP, "ecs.task_replaced]", "ecs.task_replacd]", ("no proof 'ecs.task_replacd'",),
           at="replacd"),
    Seeded("no such runbook", STOP, "docs/runbooks/service-degradation.md", "docs/no.md", ("no runbook",),
           at="docs/no.md"),
    Seeded("no objectives", STOP,
           "    objectives: {recover_within_s: 30, error_budget: 0.01, p99_ms: 800, lost_writes: 0, "
           "duplicated_writes: 0}\n", "", ("names no objective", "inconclusive"), at="  - name: gameday\n    load"),
    Seeded("no proof", STOP, "    fault: {proof: [ecs.task_stopped, ecs.task_replaced]}\n", "", ("names no proof",),
           at="  - name: gameday\n    load"),
    Seeded("no load", STOP, "    load: {journey: load/feed.py, rate: 60}\n", "", ("names no load",),
           at="  - name: gameday\n    steady"),
    Seeded("no metric", STOP, "    steady:\n      error_rate: {metric: FoodConnect/ErrorRate, dimensions: {Service: "
           "foodconnect-backend}, stat: Average, max: 5}\n      feed_p99: {metric: FoodConnect/API_Latency_feed, "
           "dimensions: {Service: foodconnect-backend}, stat: p99, max: 800}\n", "", ("samples no metric",),
           at="  - name: gameday\n    load"),
    Seeded("no block", STOP, "  - name: gameday\n", "  - name: gamday\n", ("no extension is named 'gameday'",)),
    Seeded("no look before", STOP, "runtime: {", "runtime: {hypothesis: {strategy: skip}, ", ("is not seen before",)),
    Seeded("no armed probe", STOP, "func: armed", "func: steady", ("the first probe must be",),
           at="    - type: probe\n      name: gameday-armed"),
    Seeded("no control", STOP, "module: gameday.control", "module: actions.ecs", ("control is not declared",),
           at="  - {name: gameday, provider", alone=False),
]  # fmt: skip
CONTROL = "{name: gameday, provider: {type: python, module: gameday.control}}"
PLACED = ("must stand at the top, without scope and automatic",)
CONTROLS = [
    Seeded("our control with a scope", STOP, "{name: gameday, provider", "{name: gameday, scope: before, provider",
           PLACED, at="scope: before"),
    Seeded("our control by hand", STOP, "{name: gameday, provider", "{name: gameday, automatic: false, provider",
           PLACED, at="automatic: false"),
    Seeded("our control on an activity only", STOP, "\nrollbacks: []   # nothing to undo: replacing the task is the "
           f"service's own job, and what is tested\n\ncontrols:\n  - {CONTROL}\n",
           f"    controls: [{CONTROL}]\nrollbacks: []\n", PLACED),
    Seeded("our control on the hypothesis", STOP, "  probes:", f"  controls: [{CONTROL}]\n  probes:", PLACED),
    Seeded("our control on an activity too", STOP, "    name: stop-one-task",
           f"    name: stop-one-task\n    controls: [{CONTROL}]", PLACED, at=f"    controls: [{CONTROL}]"),
]  # fmt: skip
CONFIGURATION = [
    Seeded("settings key", SETTINGS, "warmup_s = 3", "warmpu_s = 3", ("unknown key 'warmpu_s'", "'warmup_s'")),
    Seeded("settings key of the second", SETTINGS, "warmup_s = 120", "warmpu_s = 120", ("unknown key 'warmpu_s'",)),
    Seeded("settings syntax", SETTINGS, 'kind = "lab"', 'kind = "lab', ("not valid TOML",)),
    Seeded("no such kind", SETTINGS, 'kind = "aws"', 'kind = "gcp"', ("known here: aws, lab",)),
    Seeded("no such action", SETTINGS, '"ecs.stop_task"', '"ecs.stop_tsk"', ("no action 'ecs.stop_tsk'",
           "'stop_task'")),
    Seeded("a tag without a value", SETTINGS, 'tag = "chaos=allowed"               #', 'tag = "chaos"  #',
           ("KEY=VALUE",)),
    Seeded("a service without a cluster", SETTINGS, 'services = ["foodconnect-cluster/', 'services = ["',
           ("CLUSTER/SERVICE",)),
    Seeded("a guard of the rules", SETTINGS, "guards = [{safety_lever = true}]    #", "guards = [{over_s = 3}] #",
           ("names none",)),
    Seeded("a freeze that is none", SETTINGS, "# freeze = [{begins = \"2026-12-24\",",
           "freeze = [{begins = \"Xmas\",", ("'Xmas'",)),
    Seeded("a phase that makes no sense", SETTINGS, "recovery_s = 600", "recovery_s = -1", ("makes no sense",)),
    Seeded("a target in percent", SETTINGS, "change_failure_rate = 0.05", "change_failure_rate = 5", ("write 0.05",)),
]  # fmt: skip
