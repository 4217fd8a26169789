"""The one door to boto3: session, region, endpoint, retries, and the check that the account is the right one.

A run in the lab can not leave it: its keys are made up, its endpoint is loopback, and a setting that would send
calls elsewhere is refused. A rehearsal's door lets nothing through that could change anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlparse

from gameday.config import Environment, environment_variable
from gameday.errors import Refusal, UsageError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_fis import FISClient
    from mypy_boto3_rds import RDSClient

IGNORE_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
READS = ("BatchGet", "Describe", "Filter", "Get", "List", "Lookup", "Simulate")  # operations that change nothing
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}|localhost|::1")
LAB_KEYS = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab-has-no-secrets"}


def refuse_way_out(environment: Environment) -> None:
    """Refuse a lab run that a setting of this shell, or a wrong endpoint, would send to a real account."""
    if environment.kind != "lab":
        return
    refuse_shell()
    if not is_loopback(environment.endpoint):
        raise Refusal(
            f"the lab's endpoint {environment.endpoint!r} is not on this machine; "
            'start the lab with `gameday lab up` and point this shell at it with `eval "$(gameday lab env)"`'
        )


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    try:
        host = urlparse(url).hostname or ""
    except ValueError:
        return False
    return bool(_LOOPBACK.fullmatch(host))


def refuse_shell() -> None:
    """Refuse the variables that make AWS clients ignore the lab's endpoint, or use a real account beside it."""
    if (environment_variable(IGNORE_ENDPOINTS) or "").lower() == "true":
        raise Refusal(f"{IGNORE_ENDPOINTS} is set: clients would leave the lab for real AWS; unset it")
    if profile := environment_variable("AWS_PROFILE"):
        raise Refusal(f"AWS_PROFILE={profile} is set: libraries would use that account beside the lab; unset it")


def reads_only(operation: str) -> bool:
    """Return whether an operation, such as `DescribeTasks`, changes nothing."""
    return operation.startswith(READS)


def wrong_regions(environment: Environment, configuration: Mapping[str, object]) -> list[str]:
    """Return a sentence for each setting of the shell or the experiment that names another region."""
    told = {name: environment_variable(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    told["the configuration's aws_region"] = str(configuration.get("aws_region") or "")
    return [
        f"{name} is {region}, the region of {environment.name} is {environment.region}"
        for name, region in told.items()
        if region and region != environment.region
    ]


class Aws:
    """Clients of one environment, made when first used.

    `made` holds what was asked and answered, as {"ecs:ListTasks": 2}: a proof that it may be asked. With *read_only*,
    whatever could change anything is refused at the door, before it is sent.
    """

    def __init__(self, environment: Environment, *, read_only: bool = False) -> None:
        self.environment = environment
        self.read_only = read_only
        self.made: dict[str, int] = {}

    @cached_property
    def _session(self) -> Any:
        import boto3  # late: 0.2 s that `gameday --help` need not wait for

        keys = LAB_KEYS if self.environment.kind == "lab" else {}
        return boto3.Session(region_name=self.environment.region, **keys)  # type: ignore[arg-type]

    def client(self, service: str, retries: int = 3) -> Any:
        """Return a client with short time-outs and few retries: a run must not hang on its own questions.

        Without retries a call whose answer was lost is not sent again: for what must not be done twice.
        """
        from botocore.config import Config

        config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": retries})
        endpoint = self.environment.endpoint or None
        client = self._session.client(service, endpoint_url=endpoint, config=config)
        client.meta.events.register("before-call", self._leaves)
        client.meta.events.register("after-call", self._answered)
        return client

    def _leaves(self, model: Any, **_: object) -> None:
        if self.read_only and not reads_only(model.name):
            raise Refusal(f"{_name(model)} would change something, and a rehearsal changes nothing")

    def _answered(self, http_response: Any, model: Any, **_: object) -> None:
        if http_response.status_code < 300:
            self.made[_name(model)] = self.made.get(_name(model), 0) + 1

    def complaints(self, service: str, operation: str, params: Mapping[str, object]) -> str:
        """Return what botocore's own model finds wrong with a call's parameters; empty: nothing."""
        from botocore.validate import ParamValidator

        shape = self.client(service).meta.service_model.operation_model(operation).input_shape
        return str(ParamValidator().validate(dict(params), shape).generate_report()) if shape else ""

    @cached_property
    def ecs(self) -> ECSClient:
        """Amazon ECS."""
        return cast("ECSClient", self.client("ecs"))

    @cached_property
    def ecr(self) -> ECRClient:
        """Amazon ECR."""
        return cast("ECRClient", self.client("ecr"))

    @cached_property
    def rds(self) -> RDSClient:
        """Amazon RDS."""
        return cast("RDSClient", self.client("rds"))

    @cached_property
    def elbv2(self) -> ElasticLoadBalancingv2Client:
        """Elastic Load Balancing."""
        return cast("ElasticLoadBalancingv2Client", self.client("elbv2"))

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """Amazon CloudWatch."""
        return cast("CloudWatchClient", self.client("cloudwatch"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Amazon DynamoDB, for the lock across machines."""
        return cast("DynamoDBClient", self.client("dynamodb"))

    @cached_property
    def fis(self) -> FISClient:
        """AWS Fault Injection Service."""
        return cast("FISClient", self.client("fis"))

    def running_tasks(self, cluster: str, service: str) -> list[str]:
        """Return the ARNs of a service's running tasks, sorted, so that a seed always means the same choice."""
        pages = self.ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, serviceName=service, desiredStatus="RUNNING"
        )
        return sorted(arn for page in pages for arn in page["taskArns"])

    def check_account(self) -> str:
        """Return the caller's ARN.

        Raises Refusal: the account is not the environment's. Raises UsageError: no usable credentials or endpoint.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            caller = self.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            mend = "run `aws sts get-caller-identity` until it answers; `gameday lab up` needs no credentials"
            raise UsageError(f"{self.environment.name}: AWS does not answer: {error}; {mend}") from None
        wanted = self.environment.account
        if wanted and caller["Account"] != wanted:
            raise Refusal(f"the credentials are of account {caller['Account']}, {self.environment.name} is {wanted}")
        return str(caller["Arn"])


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}:{model.name}"
