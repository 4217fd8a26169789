"""Parameters for the operations of FIS that only look or change little, and those that a lab of one account refuses."""

from __future__ import annotations

from lab.aws.fis_experiment import Experiment, Template
from lab.aws.registry import Params

FIS_REFUSED = {
    ("fis", "CreateTargetAccountConfiguration"),
    ("fis", "GetTargetAccountConfiguration"),
    ("fis", "GetExperimentTargetAccountConfiguration"),
}


def fis_parameters(template: Template, experiment: Experiment) -> dict[tuple[str, str], Params]:
    """Return the parameters by service and operation."""
    return {
        ("fis", "ListTargetResourceTypes"): {},
        ("fis", "GetTargetResourceType"): {"resourceType": "aws:ecs:task"},
        ("fis", "ListTargetAccountConfigurations"): {"experimentTemplateId": template.id},
        ("fis", "ListExperimentTargetAccountConfigurations"): {"experimentId": experiment.id},
        ("fis", "UntagResource"): {"resourceArn": template.arn, "tagKeys": ["k"]},
        ("fis", "UpdateExperimentTemplate"): {"id": template.id, "description": "newer"},
    }
