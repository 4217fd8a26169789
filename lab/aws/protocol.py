"""AWS on the wire: which operation a request asks for, its parameters, and how an answer or an error is written.

Everything follows botocore's service models, through the parsers and serializers of moto.core; what else of
moto is used stands in `door`. An error that no model knows is written here, in the protocol of the request.
"""

from __future__ import annotations

import gzip
import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.exceptions import BotoCoreError
from botocore.validate import ParamValidator
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import JSONSerializer, SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from lab.aws import rpc_cbor
from lab.aws.limits import beyond
from lab.aws.registry import COMMON_ERRORS, AwsError, Call, Params

Environ = dict[str, Any]  # of WSGI

_SERVICE_OF_SIGNING_NAME = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}  # where they differ
_VALIDATION_CODES = {"query": "ValidationError", "ec2": "ValidationError", "json": "ValidationException"}
_XML_PROTOCOLS = ("query", "ec2", "rest-xml")
# Long lists of these are JSON as handlers give them: texts and whole numbers under their own names.
_PLAIN = frozenset({"FilteredLogEvent", "OutputLogEvent", "ResultRows"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What a signed request asks for. `model` is botocore's operation, or None where no model knows it."""

    call: Call
    operation: str
    protocol: str
    environ: Environ
    body: bytes
    model: Any = None
    uri: Mapping[str, str] | None = None


class _JsonWriter(JSONSerializer):  # type: ignore[misc]  # its types are not read
    """moto's serializer, ten times as fast on the long lists that metrics and log events are made of."""

    def _serialize_type_list(self, serialized: Any, value: Any, shape: Any, key: str) -> None:
        kind = shape.member.type_name
        if kind == "double":
            self._default_serialize(serialized, [float(one) for one in value], shape, key)
        elif kind == "timestamp" and "timestampFormat" not in shape.member.serialization:
            self._default_serialize(serialized, [one.timestamp() for one in value], shape, key)
        elif shape.member.name in _PLAIN:
            self._default_serialize(serialized, value, shape, key)
        else:
            super()._serialize_type_list(serialized, value, shape, key)


class BadRequestError(Exception):
    """A request that botocore's model does not allow."""


class UnknownErrorCodeError(Exception):
    """A handler raised a code that neither the service's model nor the list of common errors has."""


def call_of(environ: Environ) -> Call | None:
    """Return the credential scope of a signed request, or None."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    if len(scope) < 4:
        return None
    return Call(scope[0], scope[2], _SERVICE_OF_SIGNING_NAME.get(scope[3], scope[3]))


def read_body(environ: Environ) -> bytes:
    """Return the body, unzipped (botocore zips large ones), and leave it for whoever reads next."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ.pop("HTTP_CONTENT_ENCODING", "") == "gzip":
        body = gzip.decompress(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def route(call: Call, environ: Environ, body: bytes) -> Asked:
    """Find the operation; what no model or protocol of ours knows gets the best name there is, and no model."""
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    try:
        service = get_service_model(call.service)
        named = rpc_cbor.operation_of(environ)
        if named and named in service.operation_names and rpc_cbor.NAME in service.metadata.get("protocols", ()):
            return Asked(call, named, rpc_cbor.NAME, environ, body, service.operation_model(named))
        protocol = determine_request_protocol(service, request.content_type)
        model, uri = get_service_router(call.service).match(request)
    except (NotFound, NotImplementedError, BotoCoreError):
        return Asked(call, _name_of(environ, body), _protocol_of(environ), environ, body)
    return Asked(call, model.name, protocol, environ, body, model, uri)


def parameters(asked: Asked) -> Params:
    """Parse the parameters; raise BadRequestError for what the model does not allow."""
    try:
        params = _parsed(asked)
    except Exception as error:  # whatever a malformed body does to the parser is the caller's mistake
        raise BadRequestError(f"The request could not be read: {error}") from error
    if asked.model.input_shape is not None:
        report = ParamValidator().validate(params, asked.model.input_shape)
        if report.has_errors():
            raise BadRequestError(report.generate_report())
        if words := beyond(asked.call.service, asked.operation, params, asked.model.input_shape):
            raise BadRequestError(words)
    return params


def _parsed(asked: Asked) -> Params:
    if asked.protocol == rpc_cbor.NAME:
        return rpc_cbor.read(asked.body, asked.model.input_shape)
    request = Request({**asked.environ, "wsgi.input": io.BytesIO(asked.body)})
    parts = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": asked.body,
        "url_path": request.path,
        "url_params": asked.uri,
    }
    params: Params = PROTOCOL_PARSERS[asked.protocol](asked.model).parse(parts)
    return params


def answer(asked: Asked, result: Mapping[str, object] | Exception) -> Reply:
    """Write a result, or an error that the service's model has."""
    request_id = str(uuid.uuid4())
    if asked.protocol == rpc_cbor.NAME:
        return _cbor_answer(asked, result, request_id)
    known = get_serializer_class(asked.call.service, asked.protocol)
    writer = _JsonWriter if known is JSONSerializer else known
    written = writer(operation_model=asked.model, context=SerializationContext(request_id)).serialize(result)
    body = written["body"]
    headers = tuple((name, str(value)) for name, value in written["headers"].items())
    return Reply(
        written["status_code"],
        (*headers, ("x-amzn-RequestId", request_id)),
        body.encode() if isinstance(body, str) else body,
    )


def _cbor_answer(asked: Asked, result: Mapping[str, object] | Exception, request_id: str) -> Reply:
    shown = ("x-amzn-RequestId", request_id)
    if isinstance(result, AwsError):
        status, body, headers = rpc_cbor.error(result, get_service_model(asked.call.service).error_shapes)
        return Reply(status, (*headers, shown), body)
    assert isinstance(result, Mapping)
    return Reply(200, (*rpc_cbor.HEADERS, shown), rpc_cbor.write(result, asked.model.output_shape))


def error_answer(asked: Asked, error: AwsError) -> Reply:
    """Write a handler's error; raise UnknownErrorCodeError for a code that AWS would not give."""
    if error.code in _error_codes(asked.call.service):
        return answer(asked, error)
    if error.code in COMMON_ERRORS:
        return refusal(asked, error.code, COMMON_ERRORS[error.code], error.message)
    raise UnknownErrorCodeError(f"{asked.call.service} has no error {error.code}: {error.message}")


def bad_request(asked: Asked, error: BadRequestError) -> Reply:
    """Write what was wrong with a request."""
    code = _VALIDATION_CODES.get(asked.protocol, "ValidationException")
    if asked.call.service == "cloudwatch":
        code = "ValidationError"  # its json protocol keeps the codes of its query protocol
    return error_answer(asked, AwsError(code, str(error)))


def denial(asked: Asked, message: str) -> Reply:
    """Write AccessDenied as the service's own protocol has it."""
    if asked.call.service == "ec2":
        return refusal(asked, "UnauthorizedOperation", 403, message)
    if asked.protocol in _XML_PROTOCOLS or asked.call.service == "cloudwatch":
        return refusal(asked, "AccessDenied", 403, message)
    return refusal(asked, "AccessDeniedException", 400 if asked.protocol == "json" else 403, message)


def refusal(asked: Asked, code: str, status: int, message: str) -> Reply:
    """Write an error without a model, in the protocol of the request."""
    request_id = str(uuid.uuid4())
    shown = ("x-amzn-RequestId", request_id)
    if asked.protocol == rpc_cbor.NAME:
        status, body, headers = rpc_cbor.plain_error(code, code, status, message)
        return Reply(status, (*headers, shown), body)
    if asked.protocol not in _XML_PROTOCOLS:
        body = json.dumps({"__type": code, "message": message}).encode()
        kinds = (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code))
        return Reply(status, (*kinds, shown), body)
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if asked.protocol == "query":
        sender = f"<Error><Type>Sender</Type>{error}</Error>"
        text = f"<ErrorResponse>{sender}<RequestId>{request_id}</RequestId></ErrorResponse>"
    elif asked.protocol == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        text = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    return Reply(status, (("Content-Type", "text/xml"), shown), text.encode())


@cache
def _error_codes(service: str) -> frozenset[str]:
    shapes = get_service_model(service).error_shapes
    return frozenset(code for shape in shapes for code in (shape.name, shape.error_code))


def _name_of(environ: Environ, body: bytes) -> str:
    """Name an operation without a model: the target, the action, or method and path."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if target:
        return target
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode(errors="replace")).get("Action")
        if action:
            return action[0]
    path: str = environ.get("PATH_INFO", "/")
    if "/operation/" in path:  # the path of Smithy's RPC protocols
        return path.rpartition("/operation/")[2]
    return f"{environ.get('REQUEST_METHOD', 'GET')} {path}"


def _protocol_of(environ: Environ) -> str:
    if rpc_cbor.operation_of(environ):
        return rpc_cbor.NAME
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    return "query" if form else "json"
