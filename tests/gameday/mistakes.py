"""Mistakes in the format, planted as text into files that are fine. `mistakes_of_ours` has those of our block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP, LATENCY = "experiments/ecs/stop-one-task.yaml", "experiments/latency/backend-to-database.yaml"
FAILOVER = "experiments/rds/reboot-with-failover.yaml"
FOREIGN = "foreign.yaml"
TEMPLATE = "template.json"
SETTINGS = "gameday.toml"
TEXTS = {
    FOREIGN: """\
title: Somebody else's experiment
description: It has no block of ours
configuration:
  cluster_name: {type: env, key: CLUSTER, default: foodconnect-cluster}
secrets:
  api:
    token: {type: env, key: API_TOKEN}
steady-state-hypothesis:
  title: All is well
  probes:
    - type: probe
      name: healthy
      tolerance: 200
      provider:
        type: http
        url: https://example.com/health
        headers: {X-Token: "${token}"}
        timeout: 3
    - type: probe
      name: members
      tolerance: [1, 3]
      provider:
        type: python
        module: chaosaws.rds.probes
        func: cluster_membership_count
        arguments: {cluster_id: aurora}
    - type: probe
      name: said
      tolerance: {type: regex, target: stdout, pattern: "o."}
      provider: {type: process, path: echo, arguments: ["ok"], timeout: 5}
method:
  - type: action
    name: scale-down
    pauses: {after: 5}
    provider:
      type: python
      module: chaosaws.ecs.actions
      func: update_desired_count
      secrets: [api]
      arguments:
        cluster: ${cluster_name}
        service: foodconnect-backend
        desired_count: 2
  - ref: members
rollbacks:
  - type: action
    name: scale-up
    provider:
      type: python
      module: chaosaws.ecs.actions
      func: update_desired_count
      arguments:
        cluster: ${cluster_name}
        service: foodconnect-backend
        desired_count: 3
controls: []
runtime:
  hypothesis: {strategy: continuously, frequency: 0.5}
  rollbacks: {strategy: always}
""",
    TEMPLATE: """\
{
\t"description": "latency",
\t"roleArn": "arn:aws:iam::123456789012:role/fis",
\t"targets": {
\t\t"tasks": {
\t\t\t"resourceType": "aws:ecs:task",
\t\t\t"selectionMode": "COUNT(1)"
\t\t}
\t},
\t"actions": {
\t\t"latency": {
\t\t\t"actionId": "aws:ecs:task-network-latency",
\t\t\t"parameters": {
\t\t\t\t"duration": "PT5M"
\t\t\t},
\t\t\t"targets": {
\t\t\t\t"Tasks": "tasks"
\t\t\t}
\t\t}
\t},
\t"stopConditions": [
\t\t{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:stop"}
\t]
}
""",
}


@dataclass(frozen=True)
class Seeded:
    """One mistake: *old* becomes *new*; it is told at the line of *at* (default: of *new*) with these words."""

    name: str
    file: str
    old: str
    new: str
    words: tuple[str, ...]
    at: str = ""
    alone: bool = True  # nothing else is wrong with the file then

    @property
    def marker(self) -> str:
        """The text in whose line the problem is."""
        return self.at or self.new.strip().splitlines()[0]


PROBE = "      arguments: {cluster_id: aurora}"
COUNT = "func: cluster_membership_count\n"
RUN = "  - ref: members\n"


def call(module: str, func: str, arguments: str = "{}") -> str:
    """Return an action of chaosaws, to stand before the method's last line."""
    provider = f"{{type: python, module: chaosaws.{module}.actions, func: {func}, arguments: {arguments}}}"
    return f"  - {{type: action, name: trap, provider: {provider}}}\n{RUN}"


def probe(module: str, func: str, arguments: str = "{}", tolerance: str = "true") -> str:
    """Return a probe of chaosaws with a tolerance, to stand at the end of the hypothesis."""
    provider = f"{{type: python, module: chaosaws.{module}.probes, func: {func}, arguments: {arguments}}}"
    return f"    - {{type: probe, name: trap, tolerance: {tolerance}, provider: {provider}}}\nmethod:\n"


ACTING = "a probe must not act; make it `type: action` in the method"
STOP_TASK = "{type: python, module: chaosaws.ecs.actions, func: stop_task, arguments: {cluster: a, service: b}}"
METRIC = "{namespace: AWS/ApplicationELB, metric_name: X, dimensions: []}"
WORDS = [
    Seeded("top-level key", STOP, "rollbacks: []", "rollback: []", ("unknown key 'rollback'", "'rollbacks'")),
    Seeded("hypothesis key", STOP, "  probes:", "  probs: []\n  probes:", ("unknown key 'probs'", "'probes'")),
    Seeded("activity key", STOP, "    name: stop-one-task", "    name: stop-one-task\n    backgroundd: true",
           ("unknown key 'backgroundd'", "'background'"), at="backgroundd"),
    Seeded("python provider key", FOREIGN, PROBE, "      argument: {cluster_id: aurora}\n  " + PROBE,
           ("unknown key 'argument'", "'arguments'")),
    Seeded("http provider key", FOREIGN, "timeout: 3", "verify_ssl: false", ("unknown key 'verify_ssl'",
           "'verify_tls'")),
    Seeded("process provider key", FOREIGN, "path: echo,", "path: echo, environment: {A: b},",
           ("unknown key 'environment'",), at="path: echo"),
    Seeded("pause key", FOREIGN, "{after: 5}", "{aftr: 5}", ("unknown key 'aftr'", "'after'"), at="aftr"),
    Seeded("pause of a wrong kind", FOREIGN, "{after: 5}", "{after: soon}", ("a pause is in seconds",), at="soon"),
    Seeded("control key", STOP, "{name: gameday, provider: {type: python, module: gameday.control}}",
           "{name: gameday, scop: before, provider: {type: python, module: gameday.control}}",
           ("unknown key 'scop'", "'scope'"), at="scop:"),
    Seeded("control scope", STOP, "{name: gameday, provider", "{name: gameday, scope: befor, provider",
           ("no scope 'befor'", "'before'"), at="befor,"),
    Seeded("missing control module", STOP, "  - {name: gameday, provider",
           "  - {name: x, provider: {type: python, module: "
           "chaosaddons.controls.safegards}}\n  - {name: gameday, provider", ("no module", "without this control"),
           at="safegards"),
    Seeded("runtime key", STOP, "runtime: {rollbacks", "runtime: {rollback: {}, rollbacks",
           ("unknown key 'rollback'", "'rollbacks'"), at="rollback: {}"),
    Seeded("hypothesis strategy", FOREIGN, "strategy: continuously", "strategy: continuous",
           ("no strategy 'continuous'", "'continuously'"), at="frequency"),
    Seeded("rollback strategy", STOP, "{strategy: always}", "{strategy: allways}", ("no strategy 'allways'",
           "'always'"), at="allways"),
    Seeded("configuration type", FOREIGN, "{type: env, key: CLUSTER,", "{type: evn, key: CLUSTER,",
           ("no configuration type 'evn'", "'env'"), at="evn"),
    Seeded("configuration key", FOREIGN, "default: foodconnect-cluster", "defalt: x", ("unknown key 'defalt'",
           "'default'"), at="defalt"),
    Seeded("env_var_type", FOREIGN, "default: foodconnect-cluster", "env_var_type: integer, default: 1",
           ("no env_var_type 'integer'",), at="integer"),
    Seeded("secret type", FOREIGN, "token: {type: env,", "token: {type: vualt,", ("no secret type 'vualt'",
           "'vault'"), at="vualt"),
    Seeded("secret key", FOREIGN, "key: API_TOKEN}", "key: API_TOKEN, defaultt: x}", ("unknown key 'defaultt'",),
           at="defaultt"),
    Seeded("secrets without a group", FOREIGN, "  api:\n    token: {type: env, key: API_TOKEN}", "  api: hush",
           ("secrets are in groups",), alone=False),
    Seeded("tolerance key", FOREIGN, "target: stdout, pattern", "targt: x, target: stdout, pattern",
           ("unknown key 'targt'", "'target'"), at="targt"),
    Seeded("tolerance type", FOREIGN, "{type: regex,", "{type: regexp,", ("no tolerance type 'regexp'", "'regex'"),
           at="regexp"),
    Seeded("activity type", STOP, "  - type: action", "  - type: acton", ("no activity type 'acton'", "'action'"),
           alone=False),
    Seeded("provider type", STOP, "      type: python\n      module: actions.ecs",
           "      type: pyton\n      module: actions.ecs",
           ("no provider type 'pyton'", "'python'"), alone=False),
    Seeded("text for a list", STOP, "tags: [ecs, redundancy, smoke]", "tags: ecs", ("'tags' must be a list",)),
    Seeded("an activity that is none", STOP, "method:", "method:\n  - stop-it", ("an activity must be a mapping",),
           at="stop-it"),
    Seeded("no title", STOP, "title: Users do", "titel: Users do", ("unknown key 'titel'", "'title'"), alone=False),
    Seeded("no tolerance", STOP, "      name: service-is-steady\n      tolerance: true",
           "      name: service-is-steady",
           ("lacks 'tolerance'",), at="    - type: probe\n      name: service-is-steady"),
    Seeded("an action in the hypothesis", FOREIGN, "    - type: probe\n      name: members",
           "    - type: action\n      name: members",
           ("an action in the hypothesis",)),
    Seeded("extension without a name", STOP, "  - name: gameday\n    load",
           "  - nam: other\n  - name: gameday\n    load",
           ("an extension must", "'name'")),
]  # fmt: skip
FORM = [
    Seeded("a key twice", STOP, "method:", "title: again\nmethod:", ("'title' stands twice",)),
    Seeded("a key twice, deep", STOP, "count: 1}", "count: 1, count: 2}", ("'count' stands twice",), at="count: 2"),
    Seeded("syntax", STOP, "tags: [ecs, redundancy, smoke]", "tags: [ecs, redundancy", ("not valid YAML",),
           at="steady-state-hypothesis"),
    Seeded("a tab", STOP, "    name: stop-one-task", "\tname: stop-one-task", ("a tab; indent with spaces",)),
    Seeded("a colon in a text", STOP, "title: Users do", "title: Note: users do", ("needs quotes",)),
    Seeded("an anchor in itself", STOP, "tags: [ecs, redundancy, smoke]", "tags: &a [*a]", ("contains itself",)),
    Seeded("nesting", STOP, "tags: [ecs, redundancy, smoke]", "tags: " + "[" * 90 + "]" * 90, ("nested deeper",)),
    Seeded("a date that is none", STOP, "tags: [ecs,", "tags: [2026-13-41,", ("is no timestamp",), at="2026-13-41"),
    Seeded("a control character", STOP, "tags: [ecs,", "tags: [\x07,", ("not allowed",), at="\x07"),
]  # fmt: skip
POINTS = [
    Seeded("ref to nothing", FOREIGN, "- ref: members", "- ref: member", ("no activity 'member'", "'members'")),
    Seeded("ref in rollbacks", FOREIGN, "rollbacks:", "rollbacks:\n  - ref: scale-down", ("crashes Chaos Toolkit",),
           at="ref: scale-down"),
    Seeded("undeclared name", FAILOVER, '"${database}"', '"${databse}"', ("${databse} is declared nowhere",
           "'database'"), at="databse"),
    Seeded("undeclared name in a header", FOREIGN, "${token}", "${tokn}", ("${tokn} is declared", "'token'"),
           at="tokn"),
    Seeded("name in a process's path", FOREIGN, "path: echo", 'path: "${cluster_name}"',
           ("does not replace ${cluster_name}",), at="path:"),
    Seeded("name in a process's timeout", FOREIGN, "timeout: 5", 'timeout: "${cluster_name}"', ("does not replace",),
           at="path: echo"),
    Seeded("name in a list", FOREIGN, "tolerance: [1, 3]", 'tolerance: [1, 2, "${cluster_name}"]',
           ("does not replace",)),
    Seeded("name in a range", FOREIGN, "tolerance: [1, 3]", 'tolerance: {type: range, range: [1, "${cluster_name}"]}',
           ("does not replace",), alone=False),
    Seeded("secrets that are not declared", FOREIGN, "secrets: [api]", "secrets: [apis]", ("no secrets 'apis'",
           "'api'")),
    Seeded("no such module", STOP, "module: actions.ecs", "module: actions.esc", ("no module 'actions.esc'", "'ecs'"),
           alone=False),
    Seeded("no such function", STOP, "func: stop_task", "func: stop_tasks", ("no function 'stop_tasks'",
           "'stop_task'")),
    Seeded("no such function of chaosaws", FOREIGN, COUNT, "func: cluster_member_count\n",
           ("no function 'cluster_member_count'", "'cluster_membership_count'")),
    Seeded("unknown argument", STOP, "{count: 1}", "{cuont: 1}", ("takes no argument 'cuont'", "'count'"), at="cuont"),
    Seeded("argument of a wrong kind", STOP, "{count: 1}", "{count: one}", ("must be a whole number",), at="one}"),
    Seeded("missing argument", FOREIGN, "        desired_count: 2\n", "", ("needs 'desired_count'",),
           at="        cluster: ${cluster_name}"),
    Seeded("no such program", FOREIGN, "path: echo", "path: ecko-no", ("no program 'ecko-no'",), at="ecko-no"),
    Seeded("no address", FOREIGN, "url: https://example.com/health", "url: example.com/health", ("is no address",)),
]  # fmt: skip
TOLERANCES = [
    Seeded("a float", FOREIGN, "tolerance: [1, 3]", "tolerance: 0.5", ("refuses a float",)),
    Seeded("nothing", FOREIGN, "tolerance: [1, 3]", "tolerance:", ("the tolerance is empty",), at="tolerance:\n"),
    Seeded("a list of two on a mapping", FOREIGN, "method:\n", probe("ecs", "describe_cluster", "{cluster: a}",
           "[1, 3]"),
           ("describe_cluster returns AWSResponse", "crashes")),
    Seeded("a range on a process", FOREIGN, "{type: regex, target: stdout, pattern: \"o.\"}",
           "{type: range, range: [1, 2]}",
           ("add `target: stdout`",)),
    Seeded("bounds upside down", FOREIGN, "tolerance: [1, 3]", "tolerance: [3, 1]", ("3 is above 1",)),
    Seeded("bounds that are texts", FOREIGN, "tolerance: [1, 3]", "tolerance: {type: range, range: [a, 3]}",
           ("must be a number",)),
    Seeded("a pattern that is none", FOREIGN, 'pattern: "o."', 'pattern: "o("', ("not a regular expression",), at="o("),
    Seeded("a probe without arguments", FOREIGN, "tolerance: [1, 3]",
           "tolerance: {type: probe, name: x, provider: {type: python, module: probes.gameday, func: armed}}",
           ("crashes without",)),
]  # fmt: skip
HABITS = [
    Seeded("no undo", FOREIGN, TEXTS[FOREIGN][TEXTS[FOREIGN].index("rollbacks:"):TEXTS[FOREIGN].index("controls:")],
           "rollbacks: []\n", ("nothing undoes this action",), at="- type: action"),
    Seeded("python in the background", STOP, "    name: stop-one-task", "    name: stop-one-task\n    background: true",
           ("cannot be interrupted",), at="background: true"),
    Seeded("a timeout on a python activity", STOP, "    name: stop-one-task", "    name: stop-one-task\n    timeout: 1",
           ("a timeout here is ignored",), at="timeout: 1"),
    Seeded("dry in the file", STOP, "method:", "dry: actions\nmethod:", ("has no effect", "gameday plan")),
    Seeded("dry on an activity", STOP, "    name: stop-one-task", "    name: stop-one-task\n    dry: actions",
           ("has no effect",), at="dry:"),
    Seeded("bypass", FOREIGN, "controls: []",
           "controls: [{name: b, provider: {type: python, module: chaosaddons.controls.bypass}}]",
           ("bypass control has no effect",), alone=False),
    Seeded("safeguards alone", FOREIGN, "controls: []",
           "controls: [{name: s, provider: {type: python, module: chaosaddons.controls.safeguards}}]",
           ("die in silence",), alone=False),
    Seeded("rollbacks only after a deviation", STOP, "{strategy: always}", "{strategy: deviated}",
           ("leaves the fault in",), at="deviated"),
    Seeded("a slow look", FOREIGN, "frequency: 0.5", "frequency: 20", ("delays an abort",), at="frequency: 20"),
    Seeded("another python", STOP, "runtime: {", "runtime: {python: {version: '3.12'}, ", ("another process",)),
    Seeded("a probe beside secrets", FOREIGN, "secrets:\n",
           "  found: {type: probe, name: f, provider: {type: python, module: "
           "chaosaws.rds.probes, func: cluster_membership_count, arguments: {cluster_id: a}}}\nsecrets:\n",
           ("into the journal",)),
    Seeded("a secret in the file", FOREIGN, "{type: env, key: API_TOKEN}", "hush-hush",
           ("a secret stands in the file",), at="hush"),
    Seeded("a secret header in the file", FOREIGN, 'X-Token: "${token}"', "X-Api-Key: hush-hush",
           ("a secret stands in the file",)),
    Seeded("an access key in the file", FOREIGN, "default: foodconnect-cluster", "default: AKIAIOSFODNN7EXAMPLE",
           ("a secret stands in the file",), at="AKIA"),
]  # fmt: skip
ACTING_PROBES = [
    Seeded("a probe that acts in the method", FOREIGN, RUN,
           f"  - {{type: probe, name: trap, provider: {STOP_TASK}}}\n{RUN}", (ACTING,)),
    Seeded("a probe of ours that acts", STOP, "  - type: action", "  - type: probe", (ACTING,),
           at="      module: actions.ecs", alone=False),
    Seeded("a probe that acts in the hypothesis", FOREIGN, "method:\n",
           f"    - {{type: probe, name: trap, tolerance: true, provider: {STOP_TASK}}}\nmethod:\n", (ACTING,)),
    Seeded("a probe that acts in a tolerance", FOREIGN, "tolerance: [1, 3]",
           f"tolerance: {{type: probe, name: trap, provider: {STOP_TASK}}}", (ACTING,), alone=False),
    Seeded("a probe that acts in the configuration", FOREIGN, "secrets:\n",
           f"  trap: {{type: probe, name: trap, provider: {STOP_TASK}}}\nsecrets:\n", (ACTING,), alone=False),
    Seeded("a probe that acts in the rollbacks", FOREIGN, "controls: []",
           f"  - {{type: probe, name: trap, provider: {STOP_TASK}}}\ncontrols: []",
           ("make it `type: action` in the rollbacks",), at="name: trap", alone=False),
]  # fmt: skip
TRAPS = [
    Seeded("metric statistics", FOREIGN, "method:\n", probe("cloudwatch", "get_metric_statistics", METRIC),
           ("answers 0",)),
    Seeded("metric data", FOREIGN, "method:\n", probe("cloudwatch", "get_metric_data", METRIC), ("answers 0",
           "steady")),
    Seeded("failover without a target", FOREIGN, RUN, call("rds", "failover_db_cluster",
           "{db_cluster_identifier: a}"), ("boto3",)),
    Seeded("stop an instance", FOREIGN, RUN, call("rds", "stop_db_instance", "{db_instance_identifier: a}"),
           ("stays stopped",)),
    Seeded("stop a cluster", FOREIGN, RUN, call("rds", "stop_db_cluster", "{db_cluster_identifier: a}"),
           ("stays stopped",)),
    Seeded("delete an instance", FOREIGN, RUN, call("rds", "delete_db_instance", "{db_instance_identifier: a}"),
           ("skip_final_snapshot: false",)),
    Seeded("delete a cluster", FOREIGN, RUN, call("rds", "delete_db_cluster", "{db_cluster_identifier: a}"),
           ("skip_final_snapshot: false",)),
    Seeded("delete an endpoint", FOREIGN, RUN, call("rds", "delete_db_cluster_endpoint",
           "{db_cluster_identifier: a}"), ("identifier",)),
    Seeded("container instances", FOREIGN, RUN,
           call("ecs", "update_container_instances_state", "{cluster: a, container_instances: [b], status: DRAINING}"),
           ("boto3 does not have",)),
    Seeded("a percent that comes to none", FOREIGN, RUN, call("ecs", "stop_random_tasks",
           "{cluster: a, task_percent: 25}"),
           ("rounds the percent down", "actions.ecs.stop_task")),
    Seeded("tasks above a hundred", FOREIGN, "method:\n", probe("ecs", "describe_tasks", "{cluster: a}"),
           ("above 100 tasks",)),
    Seeded("none of none", FOREIGN, "method:\n", probe("ecs", "are_all_desired_tasks_running",
           "{cluster: a, service: b}"),
           ("0 of 0",)),
    Seeded("start FIS", FOREIGN, RUN, call("fis", "start_experiment", "{experiment_template_id: a}"),
           ("cannot reach the rollbacks",)),
    Seeded("stop FIS", FOREIGN, RUN, call("fis", "stop_experiments_by_tags", "{tags: a}"), ("first 100",)),
    Seeded("create EKS", FOREIGN, RUN, call("eks", "create_cluster", "{name: a, role_arn: b, vpc_config: {}}"),
           ("version",)),
    Seeded("put a parameter", FOREIGN, RUN, call("ssm", "put_parameter", "{name: a, value: b}"), ("refused by boto3",)),
    Seeded("a profile", FOREIGN, "configuration:\n", "configuration:\n  aws_profile_name: staging\n",
           ("first profile",),
           at="aws_profile_name"),
]  # fmt: skip
FIS = [
    Seeded("no stop condition", TEMPLATE, '{"source": "aws:cloudwatch:alarm", ', '{"source": "none", ',
           ("nothing ends it",)),
    Seeded("no stop conditions", TEMPLATE, '"stopConditions"', '"stopCondition"', ("unknown key", "'stopConditions'"),
           alone=False),
    Seeded("selection mode", TEMPLATE, "COUNT(1)", "HALF", ("no selectionMode 'HALF'",)),
    Seeded("action id", TEMPLATE, "task-network-latency", "task-network-latncy", ("no FIS action", "did you mean")),
    Seeded("parameter", TEMPLATE, '"duration": "PT5M"', '"duration": "PT5M", "delayMs": "3"',
           ("no parameter 'delayMs'",)),
    Seeded("duration", TEMPLATE, "PT5M", "PT5S", ("not within PT1M",)),
    Seeded("target key", TEMPLATE, '"Tasks": "tasks"', '"Task": "tasks"', ("takes the target 'Tasks'",),
           at='"targets": {\n\t\t\t\t'),
    Seeded("target", TEMPLATE, '"Tasks": "tasks"', '"Tasks": "taks"', ("no target 'taks'", "'tasks'"), alone=False),
    Seeded("resource type", TEMPLATE, '"aws:ecs:task",', '"aws:ecs:cluster",', ("is of type aws:ecs:cluster",),
           at='"Tasks": "tasks"'),
    Seeded("inside an experiment", FOREIGN, RUN, call("ecs", "tag_resource",
           "{resource_arn: a, tags: {actions: {w: {actionId: "
           "'aws:fis:wait', parameters: {duration: PT5M}}}, stopConditions: [{source: none}]}}"),
           ("nothing ends it in AWS",)),
]  # fmt: skip


def text_of(file: str) -> str:
    """Return the file that is fine."""
    return TEXTS[file] if file in TEXTS else (ROOT / file).read_text()
