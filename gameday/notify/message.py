"""What is said, and what became of it: `Message` and `Delivery`; the words of a message as plain text.

Every message of a game day, a drill, a gate or an experiment begins with [GAME DAY], and every message says which run
it is of, who answers for it and how to stop it. What is too long for a channel loses its middle, never those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from gameday.model import Json
from gameday.redact import Redactor

Severity = Literal["critical", "error", "warning", "info"]
GAME_DAY = "[GAME DAY]"
PRACTICE = ("game day", "drill", "gate", "experiment")  # kinds of messages about what was broken on purpose
RELEASE, ROLLBACK = "[RELEASE]", "[ROLLBACK]"
PREFIXES = {
    "release": RELEASE, "well": RELEASE, "superseded": RELEASE, "interrupted": RELEASE, "rolled back": ROLLBACK,
    "rolled back by ecs": ROLLBACK,
}  # fmt: skip  # other kinds stand in brackets as they are: `[BLIND]`
SEVERITIES: Mapping[str, Severity] = {
    "rollback failed": "critical", "rolled back": "error", "rolled back by ecs": "error", "rollback": "error",
    "blind": "warning",
}  # fmt: skip
NOBODY = "nobody is named"
CUT = " [cut]"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say.

    *kind* is a word or two: `game day`, `drill`, `rolled back`, `blind`. *folder* names the run or the watch, *owner*
    who answers for it, *abort* the command that stops it. *fields* are figures with names, *links* addresses.
    """

    kind: str
    title: str
    lines: tuple[str, ...]
    folder: str
    owner: str
    abort: str
    fields: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    drill: bool = False  # about something that was broken on purpose, whatever its kind
    severity: Severity | None = None  # None: by its kind
    incident: Literal["", "trigger", "acknowledge", "resolve"] = ""  # PagerDuty; empty: nobody is paged
    key: str = ""  # of the incident in PagerDuty; empty: the folder
    page_status: Literal["", "investigating", "identified", "monitoring", "resolved"] = ""  # empty: not for the page

    @property
    def game_day(self) -> bool:
        """Whether this is about practice."""
        return self.drill or self.kind in PRACTICE

    @property
    def headline(self) -> str:
        """What the message begins with, on one line."""
        prefix = GAME_DAY if self.game_day else PREFIXES.get(self.kind, f"[{self.kind.upper()}]")
        return " ".join(f"{prefix} {self.title}".split())

    @property
    def weight(self) -> Severity:
        """How bad it is, in PagerDuty's words."""
        return self.severity or SEVERITIES.get(self.kind, "info")

    @property
    def footer(self) -> dict[str, str]:
        """Which run, who answers for it, how to stop it."""
        return {"Run": self.folder, "Owner": self.owner or NOBODY, "To abort": self.abort or "nothing is running"}

    @property
    def dedup_key(self) -> str:
        """What makes several events one incident; PagerDuty takes 255 characters."""
        return (self.key or self.folder)[:255]

    def clean(self, redactor: Redactor) -> Message:
        """Return this message without secrets."""

        def text(given: str) -> str:
            return redactor.text(given).encode(errors="replace").decode()  # half a pair of surrogates cannot be sent

        def pairs(given: Mapping[str, str]) -> dict[str, str]:
            return {text(name): text(str(redactor.entry(name, value))) for name, value in given.items()}

        return replace(
            self,
            title=text(self.title),
            lines=tuple(text(line) for line in self.lines),
            owner=text(self.owner),
            abort=text(self.abort),
            fields=pairs(self.fields),
            links=pairs(self.links),
        )

    def figures(self, count: int, length: int) -> dict[str, str]:
        """Return at most *count* fields, names and texts of at most *length* characters."""
        return {cut(name, length): cut(text, length) for name, text in list(self.fields.items())[:count]}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message in one channel: *detail* is a sentence without secrets, *at* UTC in ISO 8601.

    *ref* is what later messages of the same run refer to: the timestamp of Slack's thread, PagerDuty's dedup key, the
    incident of the status page, SNS's message id.
    """

    channel: str
    ok: bool
    detail: str
    at: str
    ref: str = ""

    def as_json(self) -> dict[str, Json]:
        """Return it as a record takes it."""
        return dict(asdict(self))


def plain(message: Message, most: int) -> str:
    """Return the whole message as text of at most *most* bytes; the middle gives way."""
    head = cut_bytes(message.headline, most // 4)
    foot = "\n".join(cut_bytes(f"{name}: {text}", most // 8) for name, text in message.footer.items())
    named = {**message.fields, **message.links}
    body = "\n".join([*message.lines, *[f"{name}: {text}" for name, text in named.items()]])
    left = most - len(head.encode()) - len(foot.encode()) - 2
    return "\n".join(part for part in (head, cut_bytes(body, left), foot) if part)


def cut(text: str, most: int) -> str:
    """Return *text*, or as much of it as makes *most* characters together with a note that it was cut."""
    return text if len(text) <= most else text[: max(0, most - len(CUT))] + CUT[:most]


def cut_bytes(text: str, most: int) -> str:
    """Return *text*, or as much of it as makes *most* bytes of UTF-8 together with a note that it was cut."""
    raw = text.encode(errors="replace")
    if len(raw) <= most:
        return raw.decode()
    return raw[: max(0, most - len(CUT))].decode(errors="ignore") + CUT[: max(0, most)]
