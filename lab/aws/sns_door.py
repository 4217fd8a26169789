"""What SNS answers without a signature: its certificate, and the links that confirm or end a subscription."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from lab.aws.protocol import Environ, Reply
from lab.aws.registry import Call
from lab.aws.sns_subscriptions import ANYBODY
from lab.settings import REGION

if TYPE_CHECKING:
    from lab.aws.world import World

_LINKED = ("ConfirmSubscription", "Unsubscribe")


def linked(environ: Environ) -> Call | None:
    """Return the call that a link of SNS's makes, or None for any other unsigned request.

    The request becomes the form that SDKs post, which is all that the parser of the query protocol reads.
    """
    query = environ.get("QUERY_STRING", "")
    if environ["REQUEST_METHOD"] != "GET" or parse_qs(query).get("Action", [""])[0] not in _LINKED:
        return None
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(query))}
    environ |= {"REQUEST_METHOD": "POST", "QUERY_STRING": "", "wsgi.input": io.BytesIO(query.encode()), **form}
    return Call(ANYBODY, REGION, "sns")


def certificate(world: World, environ: Environ) -> Reply | None:
    """Return the signing certificate where the path is its own, else None."""
    path = environ.get("PATH_INFO", "")
    if not path.startswith("/SimpleNotificationService-") or path != world.sns.signer.path:
        return None
    return Reply(200, (("Content-Type", "application/x-pem-file"),), world.sns.signer.certificate())
