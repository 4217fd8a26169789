"""A `gameday` command against the command line itself: verbs, options, arguments, their values, and files it names.

The desk stands above this floor, so it is found by its name: whatever verbs it has, pages may use.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from gameday.decode import suggestion
from gameday.runbooks.shell import Word

DESK = "gameday.cli"
HELP = ("--help", "-h")
Found = tuple[int, str]


def problems(words: Sequence[Word], root: Path) -> list[Found]:
    """Return what is wrong with a command, its first word `gameday` among *words*; files are looked for in *root*."""
    command = importlib.import_module(DESK).gameday
    assert isinstance(command, click.Command)
    return list(_walk(command, None, words, root))


def _walk(command: click.Command, above: click.Context | None, words: Sequence[Word], root: Path) -> Iterator[Found]:
    name, rest = words[0], list(words[1:])
    context = click.Context(command, above, name.text)
    short_for = getattr(command, "short_for", "")  # the verb that may be left out
    if isinstance(command, click.Group) and short_for and rest and rest[0].text not in (*command.commands, *HELP):
        rest = [Word(name.offset, (short_for,)), *rest]
    hidden = {f"\0{number}": word for number, word in enumerate(rest) if word.holes}  # no value is judged
    spelled = [next((key for key, held in hidden.items() if held is word), word.text) for word in rest]
    if {*HELP, "--version"} & set(spelled):
        return
    try:
        given, left, _ = command.make_parser(context).parse_args(list(spelled))
    except click.UsageError as error:
        yield _place(error, rest, name), f"`{context.command_path}`: {error.format_message()}"
        return
    if not isinstance(command, click.Group):
        yield from _unfit(command, context, given, left, rest, name, root)
        return
    if not left:
        yield name.offset, f"`{context.command_path}` needs a verb; {_verbs(command, context, '')}"
        return
    following = rest[len(rest) - len(left) :]
    inner = command.get_command(context, following[0].text)
    if inner is None:
        if not following[0].holes:
            said = f"`{context.command_path}` has no verb {following[0].text!r}"
            yield following[0].offset, f"{said}; {_verbs(command, context, following[0].text)}"
        return
    yield from _walk(inner, context, following, root)


def _verbs(command: click.Group, context: click.Context, name: str) -> str:
    return suggestion(name, command.list_commands(context))


def _place(error: click.UsageError, words: Sequence[Word], name: Word) -> int:
    """Return where the option stands that click complains about."""
    option = getattr(error, "option_name", "")
    return next((word.offset for word in words if option and word.text.partition("=")[0] == option), name.offset)


def _unfit(
    command: click.Command,
    context: click.Context,
    given: dict[str, object],
    left: Sequence[str],
    words: Sequence[Word],
    name: Word,
    root: Path,
) -> Iterator[Found]:
    if left:
        word = next((word for word in words if word.text == left[0]), name)
        yield word.offset, f"`{context.command_path}` takes no {left[0]!r}; see `{context.command_path} --help`"
    for param in command.params:
        value = given.get(param.name or "")
        values = [one for one in _flat(value) if isinstance(one, str) and not one.startswith("\0")]
        if param.required and not _flat(value):
            yield name.offset, f"`{context.command_path}` lacks {param.human_readable_name.upper()}; add it"
        for one in values:
            word = next((word for word in words if one in (word.text, word.text.partition("=")[2])), name)
            yield from ((word.offset, said) for said in _misfit(param, one, context, root))


def _flat(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return [inner for one in value for inner in _flat(one)]
    return [] if value is None or type(value).__name__ == "Sentinel" else [value]


def _misfit(param: click.Parameter, value: str, context: click.Context, root: Path) -> Iterator[str]:
    if isinstance(param.type, click.Path):
        if isinstance(param, click.Argument) and "/" in value and not _is_there(value, root):
            yield f"no file {value!r} in the suite; name one that is there"
        return
    if isinstance(param, click.Argument) and param.name in ("plan", "plans"):
        known = sorted(path.stem for path in (root / "plans").glob("*.yaml"))
        if known and not (value in known or _is_there(value, root)):
            yield f"no plan {value!r} in plans; {suggestion(value, known)}"
        return
    try:
        param.type.convert(value, param, context)
    except click.UsageError as error:
        yield f"{param.opts[0]}: {error.format_message()}"


def _is_there(value: str, root: Path) -> bool:
    """Return whether a file of the suite has this name, which may be a pattern as `experiments/ecs/*.yaml`."""
    if value.startswith(("/", "~")):
        return True  # of the user's machine
    return any(root.glob(value)) if any(sign in value for sign in "*?[") else (root / value).exists()
