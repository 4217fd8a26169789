"""What `gameday check --resolve` asks an environment, and what it tells of the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gameday.cli._shared import environment_up
from gameday.errors import Problem, UsageError

if TYPE_CHECKING:
    from gameday.runbooks.resolve import Answer


@dataclass(slots=True)
class Asked:
    """What came of asking an environment: names that are gone, what could not be told, and a sentence a page."""

    gone: list[Problem] = field(default_factory=list)
    unread: list[Problem] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def take(self, page: Path, env: str, answers: list[Answer]) -> None:
        """Sort the answers of one page."""
        kinds = Counter(answer.kind for answer in answers)
        for answer in answers:
            message = f"{answer.command} on {env}: {answer.why}"
            if answer.kind == "gone":
                self.gone.append(Problem(str(page), answer.line, answer.column, f"{message}; write what is there now"))
            elif answer.kind == "unread":
                self.unread.append(Problem(str(page), answer.line, answer.column, f"{message}; it is not known"))
        if not kinds["resolves"] and page.name != "README.md":
            self.unread.append(Problem(str(page), 1, 1, f"no command could be asked of {env}; it is not known"))
        left = kinds["not asked"]
        self.sentences.append(f"{page}: {kinds['resolves']} commands resolve on {env}, {left} are not to be asked")


def ask_for_names(files: tuple[Path, ...], suite: Path, env: str, *, quiet: bool) -> Asked:
    """Ask *env* the reading `aws` commands of the pages among *files*. Raises UsageError: there is no page."""
    from gameday.aws import Aws
    from gameday.runbooks.resolve import resolve

    pages = [file for file in files if file.suffix == ".md"]
    if not pages:
        raise UsageError("--resolve asks for the names in runbooks; name a page, as docs/runbooks/incident-response.md")
    asked = Asked()
    with environment_up(env, suite, quiet=quiet) as environment:
        aws = Aws(environment, read_only=True)
        aws.check_account()
        for page in pages:
            asked.take(page, env, resolve(page, environment, aws))
    return asked
