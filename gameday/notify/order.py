"""What a channel's module gets and gives: an `Order` to say one message now, and `Sent`, or why not.

`TryAgain` is for what may pass (too many requests, a server in trouble), `Failed` for what will not, `Passed` for a
message that this channel is not meant for. The words of them hold no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from gameday.aws import Aws, is_loopback
from gameday.config import Channel, Environment
from gameday.notify.message import Message
from gameday.notify.references import Vault


class NotSent(Exception):
    """A message was not taken; the text says why, without secrets."""


class Failed(NotSent):
    """Trying again would not help."""


class Passed(NotSent):
    """The message is not meant for this channel."""


class TryAgain(NotSent):
    """Trying again may help, not before *after_s* seconds have passed if the service said so."""

    def __init__(self, why: str, after_s: float | None = None) -> None:
        super().__init__(why)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken: *detail* says how, *ref* is what a later message refers to."""

    detail: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """Opens what the configuration names, and lets nothing out of a lab."""

    environment: Environment
    aws: Aws
    vault: Vault

    def secret(self, reference: str) -> str:
        """Return the secret that *reference* names. Raises Failed: there is none."""
        value, why = self.vault.open(reference, self.aws)
        if why:
            raise Failed(why)
        return value

    def address(self, given: str, usual: str = "") -> str:
        """Return the address that is meant, *usual* where none is given.

        Raises Failed: it cannot be read, is not encrypted, or leads from a lab to anywhere but this machine.
        """
        url = (self.secret(given) if given.startswith(("env:", "secretsmanager:")) else given) or usual
        near = is_loopback(url)
        if self.environment.kind == "lab":
            if not near:
                raise Failed("the address is not on this machine, and nothing leaves a lab; "
                             "let the lab's variables name it, as in gameday.toml of the suite")  # fmt: skip
            if proxied(url):
                raise Failed("a proxy is set, and the lab's message would leave this machine; set NO_PROXY=127.0.0.1")
        if not near and not url.startswith("https://"):
            raise Failed("the address does not begin with https://")
        return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Order:
    """Say *message* in *channel* within *timeout_s*; *ref* is what the first message of this run was given."""

    channel: Channel
    message: Message
    environment: Environment
    aws: Aws
    vault: Vault
    timeout_s: float
    ref: str = ""

    @property
    def door(self) -> Door:
        """The way to this channel's secrets and addresses."""
        return Door(self.environment, self.aws, self.vault)

    def secret(self, reference: str) -> str:
        """Return the secret that *reference* names. Raises Failed: there is none."""
        return self.door.secret(reference)

    def address(self, given: str, usual: str = "") -> str:
        """Return the address that is meant, *usual* where none is given. Raises Failed, as `Door.address`."""
        return self.door.address(given, usual)


def proxied(url: str) -> bool:
    """Return whether the shell's variables send a request to *url* through a proxy."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
