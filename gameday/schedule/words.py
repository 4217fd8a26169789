"""What a shell, a crontab, a systemd unit and GitHub read in a text, taken away: names stay names."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from gameday.errors import UsageError
from gameday.schedule.plans import one_line


def refuse_unprintable(text: str, what: str) -> None:
    """Raise UsageError for a text that no schedule can name: a line break or a control character is in it."""
    if not text.isprintable():
        raise UsageError(f"{what} {text!r} has a line break or a control character; rename it")


def shell(words: Sequence[str]) -> str:
    """Return words as a shell reads them back."""
    return shlex.join(words)


def crontab(command: str) -> str:
    """Return a shell command for a crontab, where `%` would end the command."""
    return command.replace("%", r"\%")


def unit_word(text: str) -> str:
    """Return one word of systemd's ExecStart=: `%` is a specifier, `$` a variable, a backslash an escape."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain if plain and all(one.isalnum() or one in "-_./:=@+,%" for one in plain) else f'"{plain}"'


def unit_text(text: str) -> str:
    """Return a text for a unit's Description= or a path setting: one line, `%` doubled, no line goes on."""
    return one_line(text).replace("%", "%%").rstrip("\\")


def yaml_text(text: str) -> str:
    """Return a text as a YAML scalar in which GitHub finds no expression."""
    return json.dumps(one_line(text).replace("${{", "$ {{"))
