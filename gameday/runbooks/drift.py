"""What no longer holds in a page: commands that do not parse, links that lead nowhere, steps that cannot be ticked.

Nothing is run and nothing is asked. `gameday` is held against the command line itself, `aws` against botocore's models,
`curl` of the service against the paths that the suite's journeys use; other programs are left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from gameday.decode import suggestion
from gameday.errors import InputError, Problem
from gameday.runbooks import aws_cli, desk, links, shell
from gameday.runbooks.reading import STEPS, Runbook, Script, read

FOLDERS = ("docs/runbooks", "docs/playbooks", "docs/sop")  # of a suite; an index there is called README.md
INDEX = "README.md"
HEALTH = "/health"  # the load balancer asks it, no journey does
URL = "GAMEDAY_URL"  # where the service answers; `gameday lab env` sets it
SHELLS_OWN = {"HOME", "PATH", "PWD", "USER", "SECONDS", "RANDOM", "TMPDIR", "HOSTNAME", "EDITOR"}
WRAPPERS = {"watch", "timeout", "xargs", "env", "nohup", "command", "eval", "nice"}
Found = tuple[int, str]


def pages(root: Path) -> list[Path]:
    """Return the pages of a suite, sorted."""
    return [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.md"))]


def problems_of(path: Path, root: Path) -> list[Problem]:
    """Return everything that no longer holds in the page at *path*; files of the suite are looked for in *root*.

    Raises UsageError: there is no such file, or it cannot be read.
    """
    try:
        page = read(path)
    except InputError as error:
        return list(error.problems)
    found = [*_steps(page), *_fences(page, root), *links.problems(page, root)]
    return sorted(set(found), key=lambda problem: (problem.line, problem.column, problem.message))


def page_commands(page: Runbook) -> Iterator[tuple[Script, shell.Simple]]:
    """Yield every command of a page in order, those inside `$(...)` before the one around them."""
    for script in page.scripts:
        try:
            simples = script.commands()
        except shell.ShellError:
            continue
        for simple in simples:
            for one in simple.everything():
                yield script, one


def program(simple: shell.Simple, name: str) -> tuple[shell.Word, ...]:
    """Return the words of a command from the program's own name on; empty: it is another program."""
    words = simple.words
    if words and words[0].text in WRAPPERS:
        start = next((number for number, word in enumerate(words) if word.text == name), len(words))
        words = words[start:]
    return words if words and words[0].text == name else ()


def _steps(page: Runbook) -> Iterator[Problem]:
    """Rule: there are steps, and they are counted 1, 2, 3 ..., so that each can be ticked by its number."""
    if page.path.name == INDEX:
        return
    begin = next((heading for heading in page.headings if heading.text == STEPS and heading.level == 2), None)
    if begin is None:
        yield page.problem(1, 1, "no steps; write `## Steps`, and under it `### 1. What to do (0-5 min)` for each")
        return
    if not page.steps:
        yield page.problem(begin.line, 1, "no steps here; write `### 1. What to do (0-5 min)` for each")
    for expected, step in enumerate(page.steps, 1):
        if step.number != expected:
            said = f"step {step.number} where {expected} comes next; count the steps 1, 2, 3 ..."
            yield page.problem(step.line, 1, said)
            return


def _fences(page: Runbook, root: Path) -> Iterator[Problem]:
    if page.unclosed:
        yield page.problem(page.unclosed, 1, "this block is never closed; write ``` on a line below it")
    known = set(page.explained) | SHELLS_OWN
    for script in page.scripts:
        try:
            simples = script.commands()
        except shell.ShellError as error:
            yield page.problem(*script.place(error.offset), str(error))
            continue
        for simple in simples:
            for one in simple.everything():
                for offset, message in [*_unknown_values(one, known), *_command(one, root)]:
                    yield page.problem(*script.place(offset), message)
                known.update(name for name, _ in one.assigned)


def _unknown_values(simple: shell.Simple, known: set[str]) -> Iterator[Found]:
    """Rule: whoever reads the page at night knows what each variable is."""
    own = {name for name, _ in simple.assigned}
    for hole in simple.holes():
        if hole.is_placeholder:
            name = re.sub(r"\W+", "_", hole.text.strip("<>")).upper()
            yield hole.offset, f"the shell takes {hole.text} for a file; write ${name}, and say above what `${name}` is"
        elif hole.name and hole.name not in known | own:
            yield hole.offset, f"nobody knows what ${hole.name} is; say it in the text as `${hole.name}`, or assign it"


def _command(simple: shell.Simple, root: Path) -> list[Found]:
    if words := program(simple, "gameday"):
        return desk.problems(words, root)
    if words := program(simple, "aws"):
        _, found = aws_cli.read(words[1:])
        return [(offset or words[0].offset, message) for offset, message in found]
    if words := program(simple, "curl"):
        return list(_curl(words, journey_paths(root)))
    return []


def _curl(words: tuple[shell.Word, ...], paths: frozenset[str]) -> Iterator[Found]:
    """Rule: a request to the service asks a path that it has."""
    for word in words[1:]:
        if not word.parts or not isinstance(word.parts[0], shell.Hole) or word.parts[0].name != URL or not paths:
            continue
        path = word.text.removeprefix(word.parts[0].text).partition("?")[0] or "/"
        if not any(re.fullmatch(pattern, path) for pattern in paths):
            readable = sorted(re.sub(r"\[.*?\]\+", "{id}", pattern) for pattern in paths)
            yield word.offset, f"the service has no {path!r}; {suggestion(path, readable)}"


@lru_cache(maxsize=8)
def journey_paths(root: Path) -> frozenset[str]:
    """Return the paths, as regular expressions, that the journeys in `load/` ask, and one thing below each."""
    found = set()
    for file in sorted((root / "load").glob("*.py")):
        try:
            tree = ast.parse(file.read_text())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"/\w", node.value):
                found.add(re.escape(node.value.partition("?")[0].rstrip("/")))
    if not found:
        return frozenset()
    return frozenset({*found, *(rf"{path}/[\w$]+" for path in found), re.escape(HEALTH)})
