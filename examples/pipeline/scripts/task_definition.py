"""Makes the next revision of a task definition, with the image by digest.

`task_definition.py CONTAINER IMAGE < old > new` reads the answer of `aws ecs describe-task-definition --include TAGS`
and writes the input of `aws ecs register-task-definition --cli-input-json`. Standard library only: it runs wherever the
AWS CLI runs.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

ANSWER_ONLY = (  # members of the answer that the request does not have
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
)
BY_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")


def next_revision(answer: dict[str, Any], container: str, image: str) -> dict[str, Any]:
    """Return the request that registers the same task definition with another image of one container.

    Raises ValueError: the image is not named by its digest, or there is no such container.
    """
    if not BY_DIGEST.fullmatch(image):
        raise ValueError(f"{image!r} is a name that can be moved; write repository@sha256:...")
    request = {key: value for key, value in answer["taskDefinition"].items() if key not in ANSWER_ONLY}
    if tags := answer.get("tags"):
        request["tags"] = tags
    found = [each for each in request["containerDefinitions"] if each["name"] == container]
    if not found:
        names = ", ".join(each["name"] for each in request["containerDefinitions"])
        raise ValueError(f"no container {container!r} in the task definition; it has {names}")
    found[0]["image"] = image
    return request


if __name__ == "__main__":
    try:
        json.dump(next_revision(json.load(sys.stdin), *sys.argv[1:3]), sys.stdout)
    except ValueError as error:
        sys.exit(f"task definition: {error}")
