"""Do the names in a page still lead somewhere? Its reading `aws` commands are really asked of an environment.

What changes anything, and what reads a secret, is not asked; neither is a command with a variable that is known only
in an incident. `NAME=$(aws ...)` is followed, so that a later command with `$NAME` can be asked too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from gameday.aws import Aws, reads_only
from gameday.config import Environment
from gameday.runbooks import aws_cli, query, shell
from gameday.runbooks.drift import URL, program
from gameday.runbooks.reading import Script, read

Kind = Literal["resolves", "gone", "unread", "not asked"]
SECRETS = ("Secret", "Token", "Password", "Credential", "GetParameter", "GetAuthorization")
NAMES = re.compile(r"(?:Name|Arn|Identifier|Id)s$|^(?:cluster|service|task|image)s$")
PREFIXES = ("Prefix", "Pattern")
NO_ANSWER = ("AccessDenied", "Throttl", "Unauthorized", "Expired", "InvalidClientTokenId", "ServiceUnavailable",
             "Internal", "RequestLimit", "UnrecognizedClient", "NotAuthorized")  # fmt: skip
NOT_PLAYED = ("NotImplemented",)  # by this lab
INSTANTS = {"%s": "", "%FT%TZ": "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SZ": "%Y-%m-%dT%H:%M:%SZ", "%F": "%Y-%m-%d"}
_AGO = re.compile(r"(\d+)\s*(second|minute|hour|day|week)s?\s+ago|now")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one `aws` command; *why* is a sentence, empty where the names resolve."""

    line: int
    column: int
    command: str
    kind: Kind
    why: str = ""


def resolve(path: Path, environment: Environment, aws: Aws) -> list[Answer]:
    """Ask *environment* every reading `aws` command of the page at *path*, in order.

    Raises UsageError: the page cannot be read.
    """
    known = {URL: environment.url, "AWS_REGION": environment.region, "AWS_ACCOUNT": environment.account}
    asking = _Asking(aws, {name: value for name, value in known.items() if value})
    for script in read(path).scripts:
        try:
            simples = script.commands()
        except shell.ShellError:
            continue
        for simple in simples:
            asking.follow(script, simple)
    return asking.answers


@dataclass
class _Asking:
    aws: Aws
    known: dict[str, str]
    answers: list[Answer] = field(default_factory=list)

    def follow(self, script: Script, simple: shell.Simple) -> None:
        """Ask what a command asks, and remember what it assigns."""
        for name, word in simple.assigned:
            value = self._value(script, word)
            if value:
                self.known[name] = value
            else:
                self.known.pop(name, None)
        words = program(simple, "aws")
        if words:
            self._ask(script, [self._filled(script, word) for word in words])
            return
        for word in (*simple.words, *simple.aside):
            self._filled(script, word)

    def _value(self, script: Script, word: shell.Word) -> str:
        filled = self._filled(script, word)
        return "" if filled.holes else filled.text

    def _filled(self, script: Script, word: shell.Word) -> shell.Word:
        """Return a word with what is known written out; commands inside of it are asked for that."""
        parts: list[str | shell.Hole] = []
        for part in word.filled(self.known).parts:
            printed = self._printed(script, part) if isinstance(part, shell.Hole) and part.commands else ""
            parts.append(printed or part)
        return shell.Word(word.offset, tuple(parts))

    def _printed(self, script: Script, hole: shell.Hole) -> str:
        """Return what `$(...)` prints, as far as that can be told: of one `aws` command, or of `date`."""
        if len(hole.commands) > 1:
            for simple in hole.commands:
                self.follow(script, simple)
            return ""
        words = [self._filled(script, word) for word in hole.commands[0].words]
        if words and words[0].text == "date":
            return date([word.text for word in words[1:]])
        if program(hole.commands[0], "aws"):
            return self._ask(script, words)
        return ""

    def _ask(self, script: Script, words: list[shell.Word]) -> str:
        """Ask one command; return what it prints with `--query`, empty when that is not known."""
        call, problems = aws_cli.read(words[1:])
        if problems or call is None:
            return ""  # told by the check for drift, or a command that is no operation
        line, column = script.place(words[0].offset)
        command = f"aws {call.service} {call.operation}"
        if why := _not_asked(call, words):
            self.answers.append(Answer(line, column, command, "not asked", why))
            return ""
        kind, why, answer = ask(self.aws, call)
        found = ""
        if kind == "resolves":
            try:
                found = query.printed(call.query, answer)
            except ValueError as error:
                kind, why = "gone", f"the query does not fit the answer: {error}"
        self.answers.append(Answer(line, column, command, kind, why))
        return found


def _not_asked(call: aws_cli.Call, words: list[shell.Word]) -> str:
    """Return why a command is not asked; empty: it may be."""
    if call.waits:
        return "it waits"
    if not reads_only(call.operation):
        return "it is no reading command"
    if any(word in call.operation for word in SECRETS):
        return "it reads a secret"
    if unknown := [hole.text for word in words for hole in word.holes]:
        return f"{unknown[0]} is known only when it is needed"
    if any(value is None for value in call.params.values()):
        return "it reads a file"
    return ""


def ask(aws: Aws, call: aws_cli.Call) -> tuple[Kind, str, Mapping[str, Any]]:
    """Ask one reading operation; return what came of it, why, and the answer."""
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = getattr(aws.client(call.service), xform_name(call.operation))(**call.params)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code in NOT_PLAYED:
            return "not asked", "this lab does not play it", {}
        kind: Kind = "unread" if any(word in code for word in NO_ANSWER) else "gone"
        return kind, f"{code}: {message}", {}
    except BotoCoreError as error:
        return "unread", f"{type(error).__name__}: {error}", {}
    answer.pop("ResponseMetadata", None)
    if call.operation == "ListMetrics" and not answer.get("Metrics"):
        return "unread", "no data of such a metric in two weeks: it is dead, or nobody used the service", {}
    why = missing(call, answer)
    return ("gone" if why else "resolves"), why, answer


def missing(call: aws_cli.Call, answer: Mapping[str, Any]) -> str:
    """Return which name an answer does not know, though AWS gave one; empty: none.

    Where a list of names is asked for, AWS's Describe operations answer for those that there are, and leave the rest
    out or list it under `failures`. One name that is not there is mostly an error of its own; where it only narrows
    the answer, as the instance of DescribeDBSnapshots, nothing is known.
    """
    for failure in answer.get("failures") or []:
        return f"{failure.get('arn', 'it')} is {failure.get('reason', 'not there')}"
    if not call.operation.startswith("Describe"):
        return ""
    told = set(_texts(answer))
    for name, value in call.params.items():
        if name.endswith(PREFIXES) and not told:
            return f"there is nothing whose name begins with {value!r}"
        for one in value if isinstance(value, list) and NAMES.search(name) else ():
            if isinstance(one, str) and not _is_told(one, told):
                return f"nothing that is called {one!r} is in the answer"
    return ""


def _is_told(name: str, told: set[str]) -> bool:
    return name in told or any(text.endswith((f"/{name}", f":{name}")) for text in told)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def date(words: list[str], now: datetime | None = None) -> str:
    """Return what GNU date prints for `-u [-d 'N minutes ago'] +FORMAT`; empty: another way to call it.

    Only an instant is known: what is made for a new name, as +%Y%m%d, names something that is not there yet.
    """
    at = now or datetime.now(UTC)
    wanted = [word[1:] for word in words if word.startswith("+")]
    found = _AGO.fullmatch(words[words.index("-d") + 1] if "-d" in words[:-1] else "now")
    if len(wanted) != 1 or wanted[0] not in INSTANTS or found is None:
        return ""
    if found[1]:
        at -= timedelta(**{f"{found[2]}s": int(found[1])})
    return str(int(at.timestamp())) if wanted[0] == "%s" else at.strftime(INSTANTS[wanted[0]])
