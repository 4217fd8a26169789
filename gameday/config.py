"""`gameday.toml` as frozen values: the environments, their names, phases and pace of metrics.

An unknown key is an error with its line and a "did you mean".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from gameday.decode import decode, suggestion
from gameday.errors import InputError, Problem, UsageError
from gameday.model import Blast, Block, GuardSpec, LoadPlan
from gameday.source import Source

SUITE_FOLDERS = ("experiments", "probes", "actions")
BUNDLED = Path(__file__).parent / "_suite"


@dataclass(frozen=True, slots=True)
class Phases:
    """How long the phases of a run last."""

    warmup_s: float = 120.0
    baseline_s: float = 300.0
    fault_s: float = 120.0
    recovery_s: float = 600.0
    proof_within_s: float = 600.0
    rollback_s: float = 1800.0  # the limit of a rollback by others, and of the recovery that waits for it

    def adjusted(self, load: LoadPlan | None) -> Phases:
        """Return these phases with what the experiment states differently."""
        names = ("warmup_s", "baseline_s", "recovery_s")
        stated = {name: getattr(load, name) for name in names if load and getattr(load, name) is not None}
        return replace(self, **stated)

    def limits(self, block: Block) -> Block:
        """Return *block*; the limits of a repair that it leaves open are these: no one figure is right everywhere."""
        if not (block.fault and block.fault.repair):
            return block
        wanted = block.objectives
        rolled_back_s = wanted.rolled_back_within_s or self.rollback_s
        well_s = wanted.recover_within_s or self.rollback_s
        return replace(block, objectives=replace(wanted, rolled_back_within_s=rolled_back_s, recover_within_s=well_s))


@dataclass(frozen=True, slots=True)
class Sampling:
    """The pace of the environment's metrics."""

    tick_s: float = 30.0
    period_s: int = 60
    look_back_s: float = 600.0
    late_s: float = 180.0
    max_gap_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which no fault begins: from and until in UTC, `2026-12-24` or `2026-12-24T18:00:00Z`; or every
    week, `Fri 16:00` until `Mon 08:00`.
    """

    begins: str
    ends: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What faults may do in an environment. Nothing new is allowed by default: it must be listed."""

    actions: list[str] = field(default_factory=list)  # `ecs.stop_task`; of others `chaosaws.ecs.actions.stop_task`
    services: list[str] = field(default_factory=list)  # CLUSTER/SERVICE
    databases: list[str] = field(default_factory=list)
    tag: str = ""  # KEY=VALUE that every target must carry; empty: none
    blast: Blast = field(default_factory=Blast)  # beside the experiment's own; the smaller counts
    alarms: list[str] = field(default_factory=list)  # must be OK before a fault, and stay so
    guards: list[GuardSpec] = field(default_factory=list)  # beside the experiment's own
    freeze: list[Freeze] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell people, as `gameday.notify` reads it.

    A *reference* is `env:NAME` or `secretsmanager:ARN`: a secret is named, never written here.
    """

    kind: Literal["slack", "pagerduty", "statuspage", "webhook", "sns"]
    webhook: str = ""  # Slack: reference of an incoming webhook
    token: str = ""  # reference of Slack's bot token, Statuspage's API key, or the bearer token of a webhook
    channel: str = ""  # Slack: where the bot writes
    routing_key: str = ""  # PagerDuty: reference of the key of an integration of the Events API v2
    incidents: bool = False  # PagerDuty: a message that asks for a page opens an incident; else change events only
    page: str = ""  # Statuspage
    component: str = ""  # Statuspage: follows the incident
    sandbox: bool = False  # Statuspage: nobody outside sees this page
    public: bool = False  # Statuspage: users see it, and that is meant
    url: str = ""  # webhook: address or reference of one
    topic: str = ""  # SNS: its ARN
    endpoint: str = ""  # address or reference of the API, where it is not the service's own


@dataclass(frozen=True, slots=True)
class OnCall:
    """PagerDuty, where it shows whom it paged and who acknowledged. *token* is a reference, as a channel's secrets."""

    token: str  # of the REST API; one that may only read is enough
    service: str  # id of the service whose incidents count, as PABC123
    robots: list[str] = field(default_factory=list)  # ids of users who are no people: they acknowledge nothing
    endpoint: str = ""  # address or reference of the API, where it is not the service's own


@dataclass(frozen=True, slots=True)
class Chat:
    """Slack, where people talk about an incident."""

    token: str  # reference of a bot's token with channels:history, or groups:history of a private channel
    channel: str  # its id, as C0123456789
    bots: list[str] = field(default_factory=list)  # ids of bots that speak for people, as an incident's bridge
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Statuspage, where people tell others."""

    token: str  # reference of an API key
    page: str
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Where is read what people do on a game day. What is not named is not read, and so not known."""

    pagerduty: OnCall | None = None
    slack: Chat | None = None
    statuspage: StatusPage | None = None
    alarms: list[str] = field(default_factory=list)  # beside `rules.alarms` and those that a plan names


@dataclass(frozen=True, slots=True)
class WatchRule:
    """One own rule of `gameday watch`: the error ratio is above the limit in every one of the windows."""

    name: str
    windows_s: list[float]  # as they are: not scaled, unlike those of a preset
    limit: float  # share of requests, 0 to 1
    signal: Literal["requests", "ErrorRate"] = "requests"  # the load balancer's counts, or FoodConnect's own metric

    def wrong(self, period_s: float) -> tuple[str, str] | None:
        """Return the key that cannot be meant so, and what to write instead; None: all can."""
        if not self.windows_s or min(self.windows_s) < period_s:
            return "windows_s", f"windows of {self.windows_s} s; write windows of at least a period, {period_s} s"
        if not 0 < self.limit < 1:
            return "limit", f"a limit of {self.limit:g}; write a share of requests between 0 and 1, as 0.05"
        return None


@dataclass(frozen=True, slots=True)
class Watch:
    """How `gameday watch` judges a release here. What is 0 is taken from the pace of the metrics."""

    preset: Literal["burn", "seed"] = "burn"
    rules: list[WatchRule] = field(default_factory=list)  # instead of the preset's
    observe_s: float = 0.0  # after the deployment has ended; 0: 15 periods
    blind_after_s: float = 0.0  # without data for longer: blind; 0: `max_gap_s` and a period
    deploy_within_s: float = 3600.0  # how long a deployment may take
    verify_within_s: float = 1800.0  # how long a rollback may take, with the users well again
    min_requests: int = 20  # in the longest window; fewer are not judged
    crashes: int = 3  # tasks of the release that ended by themselves within 5 periods; 0: not judged


@dataclass(frozen=True, slots=True)
class Runner:
    """Where scheduled game days are played: never on what they test. `gameday schedule` writes it into schedules."""

    target: Literal["ecs", "codebuild"] = "ecs"
    cluster: str = ""  # ECS: the runner's own cluster, a name or an ARN
    task_definition: str = ""  # ECS: `family:revision` or an ARN
    container: str = "gameday"  # ECS: the container whose command plays the day
    subnets: list[str] = field(default_factory=list)  # ECS
    security_groups: list[str] = field(default_factory=list)  # ECS
    task_roles: list[str] = field(default_factory=list)  # ECS: ARNs of the task's roles, which Scheduler has to pass
    project: str = ""  # CodeBuild: a project whose buildspec plays $GAMEDAY_PLAN
    role: str = ""  # ARN of the role that EventBridge Scheduler assumes
    dead_letter: str = ""  # ARN of an SQS queue that gets what could not be started
    github_environment: str = ""  # GitHub's environment, whose reviewers approve; empty: gameday-ENV
    github_role: str = ""  # ARN of the role that the workflow assumes by OIDC


@dataclass(frozen=True, slots=True)
class Environment:
    """One place where experiments run."""

    kind: Literal["lab", "aws"]
    region: str
    account: str = ""
    url: str = ""
    endpoint: str = ""  # of the AWS API; empty: AWS's own
    names: Mapping[str, str] = field(default_factory=dict)
    phases: Phases = field(default_factory=Phases)
    sampling: Sampling = field(default_factory=Sampling)
    rules: Rules = field(default_factory=Rules)
    channels: Mapping[str, Channel] = field(default_factory=dict)  # where people are told
    people: People = field(default_factory=People)  # where is read what they do
    owner: str = ""  # who answers for what the suite does here; every message names them
    watch: Watch = field(default_factory=Watch)
    runner: Runner = field(default_factory=Runner)
    production: bool = False  # then a run needs the explicit word: `--production NAME`
    lock_table: str = ""  # DynamoDB table of the lock that works across machines; empty: this machine only
    name: str = ""
    build: str = ""  # of the lab's backend
    simulated: Mapping[str, float] = field(default_factory=dict)  # delays of the lab that are not real


@dataclass(frozen=True, slots=True)
class Targets:
    """What `gameday kpi` holds its figures against: more deployments than that, less of everything else."""

    deployments_per_week: float = 10.0
    lead_time_s: float = 3600.0
    recover_within_s: float = 1800.0
    change_failure_rate: float = 0.05  # a share, 0 to 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `gameday.toml`."""

    environments: Mapping[str, Environment] = field(default_factory=dict)
    targets: Targets = field(default_factory=Targets)

    def environment(self, name: str) -> Environment:
        """Return the environment called *name*. Raises UsageError with what there is."""
        found = self.environments.get(name)
        if found is None:
            known = list(self.environments)
            raise UsageError(f"no environment {name!r} in gameday.toml; {suggestion(name, known)}")
        return replace(found, name=name)


def find_suite(start: Path | None = None) -> Path:
    """Return the nearest folder upward that has the suite's folders, else the bundled copy."""
    begin = (start or Path.cwd()).resolve()
    for folder in (begin, *begin.parents):
        if all((folder / name).is_dir() for name in SUITE_FOLDERS):
            return folder
    if BUNDLED.is_dir():
        return BUNDLED
    checkout = Path(__file__).resolve().parents[1]
    if all((checkout / name).is_dir() for name in SUITE_FOLDERS):
        return checkout
    raise UsageError(f"no suite here: no folder above {begin} has {', '.join(SUITE_FOLDERS)}; change into your suite")


def load_settings(suite: Path) -> Settings:
    """Read `gameday.toml` of *suite*; without one, the bundled copy's."""
    return decode(Settings, _source(suite))


def load_targets(suite: Path) -> Targets:
    """Read `[targets]` of `gameday.toml`. Raises InputError: one of them makes no sense."""
    source = _source(suite)
    targets = decode(Settings, source).targets
    if problems := target_problems(source, targets):
        raise InputError(problems)
    return targets


def target_problems(source: Source, targets: Targets) -> list[Problem]:
    """Return what makes no sense in `[targets]`."""
    wrong = {name: f"{name} of {value:g} makes no sense; write more than 0"
             for name, value in asdict(targets).items() if value <= 0}  # fmt: skip
    if targets.change_failure_rate >= 1:
        wrong["change_failure_rate"] = (
            f"change_failure_rate is a share, 0 to 1, not {targets.change_failure_rate:g}; for 5 % write 0.05"
        )
    return [source.problem(("targets", name), message) for name, message in wrong.items()]


def _source(suite: Path) -> Source:
    path = suite / "gameday.toml"
    if not path.exists():
        path = BUNDLED / "gameday.toml"
    if not path.exists():
        raise UsageError(f"no gameday.toml in {suite}; copy the one of the suite's repository and fill it in")
    return Source.toml(path)


def environment_variable(name: str) -> str | None:
    """Read one variable; the only place below the command line that does."""
    return os.environ.get(name) or None


def state_folder() -> Path:
    """Return where this machine remembers who runs where: `$GAMEDAY_STATE`, or the user's own state folder."""
    if given := environment_variable("GAMEDAY_STATE"):
        return Path(given)
    base = environment_variable("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "gameday"
