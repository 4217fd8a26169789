"""The voice of one run: it knows run, owner and how to abort, and keeps the thread of each channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gameday.notify.channels import Channels
from gameday.notify.message import Delivery, Message
from gameday.notify.sending import WITHIN_S, send
from gameday.redact import Redactor


@dataclass(slots=True)
class Notifier:
    """Says what happens in one run or watch, called *folder*.

    *refs* are those of its earlier deliveries by channel; with those of a record, a resumed run goes on in its threads.
    """

    channels: Channels
    folder: str
    abort: str
    owner: str = ""  # empty: the environment's
    drill: bool = False
    redactor: Redactor = field(default_factory=Redactor)
    refs: dict[str, str] = field(default_factory=dict)
    within_s: float = WITHIN_S

    def tell(self, kind: str, title: str, lines: Sequence[str]) -> list[Delivery]:
        """Say something without figures; see `Message`. Never raises for a channel."""
        return self.send(self.message(kind, title, lines))

    def message(self, kind: str, title: str, lines: Sequence[str], fields: Mapping[str, str] | None = None) -> Message:
        """Return a message of this run, to be sent or first changed with `dataclasses.replace`."""
        owner = self.owner or self.channels.environment.owner
        return Message(kind, title, tuple(lines), self.folder, owner, self.abort, dict(fields or {}), drill=self.drill)

    def send(self, message: Message) -> list[Delivery]:
        """Say *message*, in the thread of those before it. Never raises for a channel."""
        said = send(self.channels, message, self.refs, within_s=self.within_s, redactor=self.redactor)
        for one in said:
            if one.ok and one.ref:
                self.refs.setdefault(one.channel, one.ref)
        return said
