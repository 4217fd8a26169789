"""The environment's channels as the voice of a watch: it knows the record, the owner and how to stop the watcher.

What nobody may sleep through pages: a rollback that failed, and a watcher that is blind. The rest is told, and so is
all of a drill: its verdict says what failed, its undo mends it, and nobody is woken for practice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gameday.notify import Channels, Delivery, Notifier
from gameday.watch.story import Story
from gameday.watch.telling import Tell, threads

PAGES = ("rollback failed", "blind")
WITHIN_S = 5.0  # a channel that hangs holds a rollback up for no longer


def voice(channels: Channels, story: Story) -> Tell:
    """Return how *story* is told on *channels*, in the threads that it had before it was resumed."""
    abort = "SIGINT or SIGTERM to `gameday watch`; a rollback under way is finished first"
    speaker = Notifier(
        channels, story.name, abort, drill=story.drill, refs=threads(story.notified), within_s=WITHIN_S
    )  # fmt: skip

    def tell(kind: str, title: str, lines: list[str]) -> Sequence[Delivery]:
        message = speaker.message(kind, title, lines, {"Environment": story.environment.name})
        return speaker.send(replace(message, incident="trigger") if kind in PAGES and not story.drill else message)

    return tell
