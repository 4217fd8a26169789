"""A bad release, brought out as a good one would be, and what puts the service back on the image that it had.

What is restored is a digest. A tag may mean the bad image by then: a service that names its image by the tag that each
release moves (the environment's `moving_tag`) gets this release in that way too, or the drill would miss the weakness.
Own code, because chaosaws' `update_service` knows neither digests nor an undo.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import Refusal, UndoIncomplete
from gameday.model import Json
from gameday.safety import armed, images
from gameday.safety.armed import Run
from gameday.safety.images import Deployment, ImageName
from gameday.safety.intent import Call, Fault, Intent, Undo, fault
from gameday.safety.targets import Service, read_service

TAG = "gameday"
BY_ECS = "ecs"  # the automation that is ECS's own: the alarms and the circuit breaker of the deployment
PATIENCE_S = {"lab": 120.0, "aws": 1800.0}  # how long an undo waits for the service to be at rest
PAUSE_S = {"lab": 0.3, "aws": 5.0}


@dataclass(frozen=True, slots=True)
class Good:
    """A service as it was, and so as it has to be again. Everything an undo needs."""

    cluster: str
    service: str
    container: str
    task_definition: str  # ARN with its revision
    image: str  # as the task definition names it
    digest: str
    moved_tag: str  # the tag that the bad release moves; empty: none
    configuration: dict[str, Any]  # the service's deploymentConfiguration
    token: str  # tag of what the release registers

    @property
    def family(self) -> str:
        """The family of the task definition."""
        return self.task_definition.rpartition("/")[2].partition(":")[0]

    @property
    def quiet(self) -> dict[str, Any]:
        """The deployment configuration with its alarms off."""
        alarms = self.configuration.get("alarms") or {}
        off = {"alarms": {**alarms, "enable": False}} if alarms.get("enable") else {}
        return {**self.configuration, **off}

    @property
    def by_hand(self) -> str:
        """The commands that restore it without the suite."""
        name = ImageName.of(self.image)
        manifest = f"aws ecr batch-get-image --repository-name {name.repository} --image-ids imageDigest={self.digest}"
        put = (
            f"aws ecr put-image --repository-name {name.repository} --image-tag {self.moved_tag} "
            f"--image-manifest \"$({manifest} --query 'images[0].imageManifest' --output text)\" && "
        )
        update = f"aws ecs update-service --cluster {self.cluster} --service {self.service}"
        return (
            f"{put if self.moved_tag else ''}{update} --task-definition {self.task_definition} --force-new-deployment"
        )


@dataclass(frozen=True, slots=True)
class Bad:
    """The release: its image, how the new revision names it, and the parameters of the two calls."""

    digest: str
    image: str
    register: dict[str, Any]
    update: dict[str, Any]


@fault
def deploy(
    run: Run,
    image: str | None = None,
    automation: str = BY_ECS,
    container: str | None = None,
    cluster: str | None = None,
    service: str | None = None,
) -> Fault[dict[str, Any]]:
    """Bring out a bad release: a task definition with another image, and UpdateService. All tasks are replaced.

    *image* is a tag or a digest of the repository that the service's image is in, or a whole name; it defaults to
    the environment's `bad_image`. *automation* says who is to roll it back: for another than `ecs`, ECS's own
    alarms are off for this deployment. *container* defaults to the one behind the load balancer. Returns
    {"digest", "was", "task_definition", "deployment", "of"}. The undo puts the digest, the tag, the task definition
    and the deployment configuration back, and deregisters what was registered.

    Raises Refusal: the image, or the one that runs, is not in ECR; it runs already; tasks run different images, more
    than the blast radius allows, a deployment under way, or a service that is not allowed or lacks its tag.
    """
    found = read_service(run, run.named("cluster", cluster), run.named("service", service))
    told = cast(
        "dict[str, Any]", run.aws.ecs.describe_services(cluster=found.cluster, services=[found.name])["services"][0]
    )
    definition = _definition(run.aws, told["taskDefinition"])
    good = _good(run, found, told, definition, _container(definition, told, container))
    bad = _bad(run, good, definition, run.named("bad_image", image), automation)
    yield _intent(run, found, good, bad)
    _promise(run, good, found.arn)
    return _bring_out(run, found, good, bad)


def put_back() -> None:
    """Keep the promises of this run: the service is what it was. For the `rollbacks` of an experiment."""
    armed.current().promises.settle_or_raise()


def restore(region: str, endpoint: str, kind: Literal["lab", "aws"], **was: Any) -> str:
    """Put a service back on the image, task definition and deployment configuration that *was*; see `Good`.

    A deployment of another image that is under way is stopped. Idempotent: what is as it was is left so. Returns what
    was read back, in a sentence. Raises UndoIncomplete: it is not so within two minutes (on AWS half an hour).
    """
    from botocore.exceptions import EndpointConnectionError

    aws, good = Aws(Environment(kind, region, endpoint=endpoint)), Good(**was)
    try:
        return _restored(aws, good, time.monotonic() + PATIENCE_S[kind], PAUSE_S[kind])
    except EndpointConnectionError:
        if kind != "lab":
            raise
        return "the lab is down, and every release that was in it is gone with it"


# -- before ----------------------------------------------------------------------------------------------


def _definition(aws: Aws, arn: str) -> dict[str, Any]:
    answer = aws.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    return {**answer["taskDefinition"], "tags": answer.get("tags", [])}


def _container(definition: Mapping[str, Any], told: Mapping[str, Any], given: str | None) -> dict[str, Any]:
    """Return the container that a release replaces: the one that is named, or that the load balancer sends to."""
    containers: list[dict[str, Any]] = definition["containerDefinitions"]
    behind = [str(one["containerName"]) for one in told.get("loadBalancers", []) if one.get("containerName")]
    name = given or (behind or [str(containers[0]["name"])])[0]
    for one in containers:
        if one["name"] == name:
            return one
    raise Refusal(f"{definition['family']} has no container {name}; it has {', '.join(c['name'] for c in containers)}")


def _good(
    run: Run, found: Service, told: Mapping[str, Any], definition: Mapping[str, Any], container: Mapping[str, Any]
) -> Good:
    running = images.tasks_of(run.aws, found.cluster, found.name)
    digests = sorted({images.digest_in(task, container["name"]) for task in running})
    if len(digests) != 1 or not digests[0]:
        seen = ", ".join(images.short(one) or "unknown" for one in digests) or "none"
        raise Refusal(f"the tasks of {found.title} run {len(digests)} images ({seen}), the limit is 1 that is known")
    tag = run.environment.names.get("moving_tag", "")
    name = ImageName.of(container["image"])
    moved = tag if tag and not name.digest and name.tag == tag else ""
    what = f"{run.id} release {len(run.promises.made())}"
    return Good(
        found.cluster, found.name, container["name"], definition["taskDefinitionArn"], container["image"], digests[0],
        moved, dict(told.get("deploymentConfiguration") or {}), hashlib.sha256(what.encode()).hexdigest()[:32],
    )  # fmt: skip


def _bad(run: Run, good: Good, definition: Mapping[str, Any], image: str, automation: str) -> Bad:
    current = ImageName.of(good.image)
    wanted = current.other(image)
    digest = images.resolve(run.aws, wanted)
    if digest == good.digest:
        raise Refusal(f"{wanted.text} is the image that runs already ({images.short(digest)}), so nothing would change")
    images.refuse_if_gone(run.aws, current.at(good.digest))
    text = good.image if good.moved_tag else wanted.at(digest).text
    update: dict[str, Any] = {"cluster": good.cluster, "service": good.service}
    if automation != BY_ECS and good.quiet != good.configuration:
        update["deploymentConfiguration"] = good.quiet
    return Bad(digest, text, _register(run.aws, good, definition, text), update)


def _register(aws: Aws, good: Good, definition: Mapping[str, Any], image: str) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition for the same task definition with another image."""
    shape: Any = aws.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    members = {name: value for name, value in definition.items() if name in shape.members and name != "tags"}
    containers = [
        {**one, "image": image} if one["name"] == good.container else one for one in definition["containerDefinitions"]
    ]
    tags = [tag for tag in definition["tags"] if tag["key"] != TAG and not tag["key"].startswith("aws:")]
    return {**members, "containerDefinitions": containers, "tags": [*tags, {"key": TAG, "value": good.token}]}


def _intent(run: Run, found: Service, good: Good, bad: Bad) -> Intent:
    of = len(found.tasks)
    way = f"by moving the tag {good.moved_tag}" if good.moved_tag else "by its digest"
    back = f"put {found.title} back on {images.short(good.digest)} and {good.task_definition.rpartition('/')[2]}"
    fault_calls, undo_calls = _calls(run, found, good, bad)
    return Intent(
        f"bring out {images.short(bad.digest)} on {found.title} {way}, in place of {images.short(good.digest)}: "
        f"all {of} tasks are replaced",
        targets=(found.target,),
        hit=of,
        of=of,
        calls=fault_calls,
        undo=(Undo(back, good.by_hand, undo_calls),),
        passes_to_tasks=tuple(
            str(bad.register[key]) for key in ("taskRoleArn", "executionRoleArn") if bad.register.get(key)
        ),
        refusals=found.objections(run, of, goes=False),
    )


def _calls(run: Run, found: Service, good: Good, bad: Bad) -> tuple[tuple[Call, ...], tuple[Call, ...]]:
    """Return the calls of the fault and those of its undo; ids that AWS will give are in brackets."""
    environment, name = run.environment, ImageName.of(good.image)
    place = f"{environment.region}:{environment.account}"
    repository = f"arn:aws:ecr:{place}:repository/{name.repository}"
    new = f"arn:aws:ecs:{place}:task-definition/{good.family}:*"
    deployment = found.arn.replace(":service/", ":service-deployment/") + "/*"
    read = Call("ecr", "BatchGetImage", images.manifest_request(name, bad.digest), repository)
    put = Call("ecr", "PutImage", images.push_request(name, good.moved_tag, "(the image's manifest)"), repository)
    moves = (read, put) if good.moved_tag else ()
    register = Call("ecs", "RegisterTaskDefinition", bad.register, new)
    update = {**bad.update, "taskDefinition": "(the new revision)"}
    service: dict[str, Json] = {"cluster": good.cluster, "service": good.service}
    back = {**service, "taskDefinition": good.task_definition, "deploymentConfiguration": good.quiet}
    rest = {**service, "deploymentConfiguration": good.configuration}
    fault_calls = (*moves, register, Call("ecs", "UpdateService", update, found.arn))
    undo_calls = (
        *moves,
        Call("ecs", "ListServiceDeployments", service, found.arn),
        Call("ecs", "StopServiceDeployment", {"serviceDeploymentArn": "(the release's)"}, deployment),
        Call("ecs", "UpdateService", back, found.arn),
        Call("ecs", "UpdateService", rest, found.arn),
        Call("ecs", "DeregisterTaskDefinition", {"taskDefinition": "(the new revision)"}),
    )
    return fault_calls, undo_calls


def _promise(run: Run, good: Good, target: str) -> None:
    """Promise to put everything back, before anything is made."""
    environment = run.environment
    run.promises.make(
        "actions.release:restore",
        f"{good.service} runs {images.short(good.digest)} again",
        good.by_hand,
        target=target,
        region=environment.region,
        endpoint=environment.endpoint,
        kind=environment.kind,
        **cast("dict[str, Json]", asdict(good)),
    )


# -- the release ------------------------------------------------------------------------------------------


def _bring_out(run: Run, found: Service, good: Good, bad: Bad) -> dict[str, Any]:
    if good.moved_tag:
        images.move_tag(run.aws, ImageName.of(good.image), good.moved_tag, bad.digest)
    made = run.aws.ecs.register_task_definition(**bad.register)["taskDefinition"]["taskDefinitionArn"]
    answer = run.aws.ecs.update_service(**bad.update, taskDefinition=made)
    result = {
        "digest": bad.digest, "was": good.digest, "task_definition": made, "of": len(found.tasks),
        "deployment": answer["service"]["deployments"][0]["id"],
    }  # fmt: skip
    run.recorder.mark(
        "fault", time.time(), fsync=True, action="release.deploy", targets=[found.title], container=good.container,
        image=bad.image, moved_tag=good.moved_tag, **result,
    )  # fmt: skip
    return result


# -- the undo ---------------------------------------------------------------------------------------------


def _restored(aws: Aws, good: Good, deadline: float, pause_s: float) -> str:
    if good.moved_tag:
        images.move_tag(aws, ImageName.of(good.image), good.moved_tag, good.digest)
    while what := _still(aws, good):
        if time.monotonic() > deadline:
            raise UndoIncomplete(f"{good.service}: {what}")
        time.sleep(pause_s)
    running = images.tasks_of(aws, good.cluster, good.service)
    now = aws.ecs.describe_services(cluster=good.cluster, services=[good.service])["services"][0]["taskDefinition"]
    gone = _deregister(aws, good, now)
    told = f", the release's {', '.join(arn.rpartition('/')[2] for arn in gone)} is deregistered" if gone else ""
    tag = f", the tag {good.moved_tag} means it again" if good.moved_tag else ""
    definition = now.rpartition("/")[2]
    count = sum(images.digest_in(task, good.container) == good.digest for task in running)
    tasks = f"{count} of {len(running)} tasks of {good.service}"
    return f"{tasks} run {images.short(good.digest)} by {definition}{tag}{told}"


def _still(aws: Aws, good: Good) -> str:
    """Take the next step back, if it is time for one; return what is not yet as it was, "" when all is."""
    told = cast(
        "dict[str, Any]", aws.ecs.describe_services(cluster=good.cluster, services=[good.service])["services"][0]
    )
    moving = [one for one in _deployments(aws, good) if one.under_way]
    if moving:
        return _stop(aws, good, moving[0]) if moving[0].digest != good.digest else "the good image is on its way"
    if any(one.get("rolloutState") == "IN_PROGRESS" for one in told["deployments"]):
        return "a deployment begins or ends"  # ECS lists service deployments a little later than it begins them
    running = images.tasks_of(aws, good.cluster, good.service)
    wrong = [task for task in running if images.digest_in(task, good.container) not in ("", good.digest)]
    if wrong or told["taskDefinition"] != _definition_for(aws, good, told["taskDefinition"]):
        _update(aws, good, told["taskDefinition"])
        return f"{len(wrong)} of {len(running)} tasks run another image, by {told['taskDefinition'].rpartition('/')[2]}"
    if dict(told.get("deploymentConfiguration") or {}) != good.configuration:
        aws.ecs.update_service(
            cluster=good.cluster, service=good.service, deploymentConfiguration=cast("Any", good.configuration)
        )
        return "its deployment configuration is another"
    known = [task for task in running if task["lastStatus"] == "RUNNING" and images.digest_in(task, good.container)]
    if len(known) < told["desiredCount"] or len(told["deployments"]) > 1 or told["pendingCount"]:
        return f"{len(known)} of {told['desiredCount']} tasks run the good image"
    return ""


def _deployments(aws: Aws, good: Good, **filters: Any) -> list[Deployment]:
    return images.deployments_of(aws, good.cluster, good.service, good.container, **filters)


def _stop(aws: Aws, good: Good, moving: Deployment) -> str:
    """Stop a deployment of another image; ECS goes back to the last completed one, so that must be the good one."""
    if moving.status not in ("PENDING", "IN_PROGRESS"):
        return f"a deployment is {moving.status}"
    completed = _deployments(aws, good, status=["SUCCESSFUL"])
    if completed and completed[0].digest == good.digest:
        with suppress(aws.ecs.exceptions.ConflictException):  # it has come to its end meanwhile
            aws.ecs.stop_service_deployment(serviceDeploymentArn=moving.arn, stopType="ROLLBACK")
        return "the deployment of another image is being stopped"
    _update(aws, good, "")
    return "the deployment of another image is superseded"


def _update(aws: Aws, good: Good, now: str) -> None:
    """Deploy the good image, and let no alarm end that: one that still rings, or rings late, is about the bad image."""
    definition = _definition_for(aws, good, now)
    if not definition:
        image = ImageName.of(good.image).at(good.digest).text
        request = _register(aws, good, _definition(aws, good.task_definition), image)
        definition = aws.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
    aws.ecs.update_service(
        cluster=good.cluster, service=good.service, taskDefinition=definition,
        deploymentConfiguration=cast("Any", good.quiet), forceNewDeployment=definition == now,
    )  # fmt: skip


def _definition_for(aws: Aws, good: Good, now: str) -> str:
    """Return the task definition to be on: the one that there was, else the one that there is; "" when neither can be.

    One can be when it means the good image today, and new tasks may be started from it.
    """
    for arn in (good.task_definition, now):
        if arn and _is_good(aws, good, arn) and (arn == now or _definition(aws, arn)["status"] == "ACTIVE"):
            return arn
    return ""


def _is_good(aws: Aws, good: Good, arn: str) -> bool:
    """Whether a task definition means the good image today: the one that there was, or one that names its digest."""
    containers = _definition(aws, arn)["containerDefinitions"]
    name = ImageName.of(next((one["image"] for one in containers if one["name"] == good.container), ""))
    if name.digest or arn != good.task_definition:
        return name.digest == good.digest
    with suppress(Refusal):
        return images.resolve(aws, name) == good.digest
    return False


def _deregister(aws: Aws, good: Good, keep: str) -> list[str]:
    """Deregister what this release registered, but not what the service runs on; return the ARNs."""
    gone = []
    pages = aws.ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=good.family, status="ACTIVE", sort="DESC"
    )
    for arn in (arn for page in pages for arn in page["taskDefinitionArns"]):
        if arn == good.task_definition:  # older ones are none of ours
            break
        if arn != keep and {"key": TAG, "value": good.token} in _definition(aws, arn)["tags"]:
            aws.ecs.deregister_task_definition(taskDefinition=arn)
            gone.append(arn)
    return gone
