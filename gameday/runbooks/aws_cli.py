"""An `aws` command against botocore's models: service, operation, options, what is required, listed values.

The AWS CLI makes its commands from the same models, so that a command that fits here is one that it takes. Its few
commands that are written by hand are known by name; their options are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gameday.decode import suggestion
from gameday.model import Json
from gameday.runbooks import fields, shorthand
from gameday.runbooks.shell import Word
from gameday.runbooks.shorthand import short

ALIASES = {"s3api": "s3", "configservice": "config", "deploy": "codedeploy", "history": ""}
BY_HAND: Mapping[str, tuple[str, ...]] = {  # written by hand in the AWS CLI, beside or instead of the models
    "s3": ("cp", "ls", "mb", "mv", "presign", "rb", "rm", "sync", "website"),
    "configure": ("", "get", "set", "list", "list-profiles", "sso", "export-credentials", "import", "add-model"),
    "sso": ("login", "logout"),
    "login": ("",),
    "logout": ("",),
    "logs": ("tail", "start-live-tail"),
    "ecr": ("get-login-password", "get-login"),
    "ecr-public": ("get-login-password",),
    "ecs": ("deploy", "monitor-express-gateway-service"),
    "eks": ("get-token", "update-kubeconfig"),
    "rds": ("generate-db-auth-token", "add-option-to-option-group", "remove-option-from-option-group"),
    "cloudformation": ("deploy", "package"),
    "cloudtrail": ("validate-logs",),
    "cloudfront": ("sign",),
    "dynamodb": ("wizard",),
    "deploy": ("push", "register", "deregister", "install", "uninstall"),
    "emr": ("create-cluster", "add-steps", "ssh", "put", "get", "socks"),
    "codeartifact": ("login",),
    "servicecatalog": ("generate",),
    "history": ("list", "show"),
    "help": ("",),
}
FLAGS = ("--debug", "--no-verify-ssl", "--no-sign-request", "--no-paginate", "--no-cli-pager", "--version",
         "--cli-auto-prompt", "--no-cli-auto-prompt", "--generate-cli-skeleton")  # fmt: skip
GLOBAL = ("--region", "--output", "--query", "--profile", "--endpoint-url", "--color", "--ca-bundle",
          "--cli-read-timeout", "--cli-connect-timeout", "--cli-binary-format", "--cli-input-json", "--cli-input-yaml",
          "--max-items", "--page-size", "--starting-token")  # fmt: skip
OUTPUTS = ("json", "text", "table", "yaml", "yaml-stream", "off")
RENAMED = {"iam.authentication-code1": "authentication-code-1", "iam.authentication-code2": "authentication-code-2",
           "codedeploy.ec-2-tag-filters": "ec2-tag-filters"}  # fmt: skip
Found = tuple[int, str]  # an offset in the text, and what is wrong there


@dataclass(slots=True)
class Call:
    """What a command asks for: `operation` as the API calls it; *params* are those that are known without running."""

    service: str
    operation: str
    params: dict[str, Json] = field(default_factory=dict)
    query: str = ""
    waits: bool = False


@dataclass(slots=True)
class _Option:
    word: Word
    name: str
    values: list[Word] = field(default_factory=list)


def read(words: Sequence[Word]) -> tuple[Call | None, list[Found]]:
    """Return the call of a command, without its first word `aws`, and what is wrong with it.

    None: there is none to be made, because something is wrong or because the AWS CLI has the command by hand.
    """
    words = _without_global(words)
    if not words:
        return None, [(0, "`aws` needs a service and an operation, as in `aws ecs describe-services`")]
    if words[0].holes or (len(words) > 1 and words[1].holes):
        return None, []
    service, verb = words[0].text, words[1].text if len(words) > 1 and not words[1].text.startswith("-") else ""
    if verb in BY_HAND.get(service, ()) or verb == "help":
        return None, []
    model = _model(ALIASES.get(service, service)) if service != "s3" else None
    if model is None:
        known = [*_services(), *BY_HAND]
        mend = suggestion(verb, list(BY_HAND[service])) if service in BY_HAND else suggestion(service, known)
        what = f"no command {verb!r} of `aws {service}`" if service in BY_HAND else f"AWS has no service {service!r}"
        return None, [(words[min(1, len(words) - 1)].offset if service in BY_HAND else words[0].offset,
                       f"{what}; {short(mend)}")]  # fmt: skip
    if not verb:
        return None, [(words[0].offset, f"`aws {service}` needs an operation, as `describe-...`")]
    if verb == "wait":
        return _wait(model, words)
    operations = _operations(model.service_name)
    if verb not in operations:
        mend = short(suggestion(verb, list(operations)))
        return None, [(words[1].offset, f"`aws {service}` has no operation {verb!r}; {mend}")]
    return _call(model, operations[verb], words[1], words[2:])


def _without_global(words: Sequence[Word]) -> Sequence[Word]:
    """Return the words from the service on."""
    at = 0
    while at < len(words) and words[at].text.startswith("--"):
        name, equals, _ = words[at].text.partition("=")
        at += 1 if name in FLAGS or equals else 2
    return words[at:]


def _wait(model: Any, words: Sequence[Word]) -> tuple[Call | None, list[Found]]:
    waiters = _waiters(model.service_name)
    name = words[2].text if len(words) > 2 else ""
    if name not in waiters:
        place = words[2] if len(words) > 2 else words[1]
        mend = short(suggestion(name, list(waiters)))
        return None, [(place.offset, f"nothing to wait for is called {name!r}; {mend}")]
    call, found = _call(model, waiters[name], words[2], words[3:])
    if call:
        call.waits = True
    return call, found


def _call(model: Any, operation: str, verb: Word, words: Sequence[Word]) -> tuple[Call | None, list[Found]]:
    shape = model.operation_model(operation).input_shape
    members = {_option(model.service_name, name): name for name in shape.members} if shape else {}
    options, found = _options(words)
    call = Call(model.service_name, operation)
    for option in options:
        found += _take(call, option, shape, members)
    given = {name for option in options if (name := _member(option.name, shape, members))}
    meant = shorthand.meant([option.name for option in options], list(members))
    whole = any(option.name in ("cli-input-json", "cli-input-yaml", "generate-cli-skeleton") for option in options)
    for name in shape.required_members if shape and not whole else ():
        flag = next(flag for flag, member in members.items() if member == name)
        if name not in given and not shape.members[name].metadata.get("idempotencyToken") and flag not in meant:
            found.append((verb.offset, f"`{verb.text}` lacks --{flag}; add it"))
    return call if not found else None, found


def _options(words: Sequence[Word]) -> tuple[list[_Option], list[Found]]:
    options: list[_Option] = []
    found: list[Found] = []
    for word in words:
        first = word.parts[0] if word.parts else ""
        if isinstance(first, str) and first.startswith("--") and len(first) > 2:
            name, equals, rest = first[2:].partition("=")
            options.append(_Option(word, name))
            if equals:
                after: tuple[Any, ...] = ((rest,) if rest else ()) + word.parts[1:]
                options[-1].values.append(Word(word.offset + len(name) + 3, after))
        elif options:
            options[-1].values.append(word)
        else:
            found.append((word.offset, f"{word.text!r} belongs to no option; write `--OPTION {word.text}`"))
    return options, found


def _member(name: str, shape: Any, members: Mapping[str, str]) -> str:
    """Return the member of the input that an option sets, `--no-x` of a boolean too; empty: none."""
    if name in members:
        return members[name]
    plain = members.get(name.removeprefix("no-"), "")
    return plain if plain and shape.members[plain].type_name == "boolean" else ""


def _take(call: Call, option: _Option, shape: Any, members: Mapping[str, str]) -> Iterator[Found]:
    """Put an option's value into the call; yield what is wrong with it."""
    name = _member(option.name, shape, members) if shape else ""
    if name:
        yield from _value(call, option, name, shape.members[name], negated=option.name not in members)
    elif f"--{option.name}" in FLAGS:
        return
    elif f"--{option.name}" in GLOBAL:
        yield from _global(call, option)
    else:
        mend = short(suggestion(f"--{option.name}", [f"--{flag}" for flag in members]))
        yield option.word.offset, f"no option --{option.name} of `aws {call.service}` {call.operation}; {mend}"


def _global(call: Call, option: _Option) -> Iterator[Found]:
    if len(option.values) != 1:
        yield option.word.offset, f"--{option.name} takes one value, not {len(option.values)}"
        return
    value = option.values[0]
    if value.holes:
        return
    if option.name == "output" and value.text not in OUTPUTS:
        yield value.offset, f"no output {value.text!r}; {suggestion(value.text, list(OUTPUTS))}"
    if option.name == "query":
        call.query = value.text
        shape = _model(call.service).operation_model(call.operation).output_shape
        for wrong in fields.problems(value.text, shape):
            yield value.offset, f"--query: {wrong}"


def _value(call: Call, option: _Option, name: str, shape: Any, *, negated: bool) -> Iterator[Found]:
    if shape.type_name == "boolean":
        call.params[name] = not negated
        if option.values:
            word = option.values[0]
            yield word.offset, f"--{option.name} takes no value; leave {word.text!r} out, or write --no-{option.name}"
        return
    if not option.values:
        yield option.word.offset, f"--{option.name} needs a value"
        return
    if shape.type_name != "list" and len(option.values) > 1:
        word = option.values[1]
        yield word.offset, f"--{option.name} takes one value; {word.text!r} is too much, or the value needs quotes"
        return
    known = [
        word.text for word in option.values if not word.holes and not word.text.startswith(("file://", "fileb://"))
    ]
    if len(known) < len(option.values):
        call.params[name] = None  # given, and not known
        return
    try:
        value = _read(option.values, shape)
    except shorthand.ShorthandError as error:
        yield option.values[0].offset, f"--{option.name}: {error}"
        return
    call.params[name] = value
    for wrong in shorthand.misfits(value, shape):
        yield option.values[0].offset, f"--{option.name}: {wrong}"


def _read(values: Sequence[Word], shape: Any) -> Json:
    texts = [word.text for word in values]
    if shape.type_name != "list":
        return shorthand.read(texts[0], shape) if _is_made_of_more(shape) else shorthand.scalar(texts[0], shape)
    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        return shorthand.read(texts[0], shape)
    return [shorthand.read(text, shape.member) for text in texts]


def _is_made_of_more(shape: Any) -> bool:
    return shape.type_name in ("structure", "map", "list")


def _option(service: str, member: str) -> str:
    from botocore import xform_name

    name = xform_name(member, "-")
    return RENAMED.get(f"{service}.{name}", name)


@lru_cache(maxsize=1)
def _session() -> Any:
    import botocore.session  # late: `gameday --help` must answer at once

    return botocore.session.get_session()


@lru_cache(maxsize=1)
def _services() -> tuple[str, ...]:
    return tuple(_session().get_available_services())


@lru_cache(maxsize=16)
def _model(service: str) -> Any:
    return _session().get_service_model(service) if service in _services() else None


@lru_cache(maxsize=16)
def _operations(service: str) -> Mapping[str, str]:
    """Return {`describe-services`: `DescribeServices`}."""
    from botocore import xform_name

    return {xform_name(name, "-"): name for name in _model(service).operation_names}


@lru_cache(maxsize=16)
def _waiters(service: str) -> Mapping[str, str]:
    """Return {what can be waited for: the operation that is asked}."""
    from botocore import xform_name

    try:
        waiters = _session().get_waiter_model(service)
    except ValueError:  # UnknownServiceError of botocore's loader is one
        return {}
    return {xform_name(name, "-"): waiters.get_waiter(name).operation for name in waiters.waiter_names}
