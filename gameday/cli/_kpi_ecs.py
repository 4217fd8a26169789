"""What ECS itself knows of a service's deployments: also of those that no watcher saw. Only reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gameday.analysis.board import Asked
from gameday.analysis.deliveries import Deployment, Outcome, Place, of_ecs
from gameday.aws import Aws
from gameday.config import Environment
from gameday.errors import UsageError
from gameday.release import Release, releases, service_deployments

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ServiceDeploymentBriefTypeDef

KEPT_S = 90 * 86400.0  # how long ECS keeps service deployments


def ask(environment: Environment) -> Asked:
    """Return all deployments of the environment's service that ECS still knows.

    Raises UsageError: the environment names no service, or ECS does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    names = environment.names
    cluster, service = names.get("cluster", ""), names.get("service", "")
    if not cluster or not service:
        raise UsageError(f"[environments.{environment.name}.names] names no cluster and service; write both")
    aws = Aws(environment, read_only=True)
    aws.check_account()
    try:
        created = aws.ecs.describe_services(cluster=cluster, services=[service])["services"]
        if not created:
            raise UsageError(f"{environment.name}: there is no service {cluster}/{service}; mend [...names]")
        briefs = list(service_deployments(aws, cluster, service))
    except (BotoCoreError, ClientError) as error:
        mend = "allow ecs:DescribeServices and ecs:ListServiceDeployments, or leave --on out"
        raise UsageError(f"{environment.name}: ECS does not tell its deployments: {error}; {mend}") from None
    brought = releases(aws, list(dict.fromkeys(brief["targetServiceRevisionArn"] for brief in briefs)))
    place = Place(environment.name, cluster.rpartition("/")[2], service.rpartition("/")[2])
    known_from = max(time.time() - KEPT_S, created[0]["createdAt"].timestamp())
    return Asked(place, tuple(_deployment(brief, place, brought) for brief in briefs), known_from, environment.kind)


def _deployment(brief: ServiceDeploymentBriefTypeDef, place: Place, brought: Mapping[str, Release]) -> Deployment:
    outcome, created = of_ecs(brief["status"], brief.get("statusReason", "")), brief["createdAt"].timestamp()
    ended = brief["finishedAt"].timestamp() if "finishedAt" in brief else created  # a stopped one may have no end
    return Deployment(
        key=brief["serviceDeploymentArn"],
        place=place,
        outcome=outcome,
        release=brought.get(brief["targetServiceRevisionArn"], Release()),
        seen_by=("ecs",),
        created_at=created,
        ended_at=None if outcome is Outcome.GOING_ON else ended,
        deployed_at=brief["startedAt"].timestamp() if "startedAt" in brief else created,
    )
