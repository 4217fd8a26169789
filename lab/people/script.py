"""How the people behave, and what the stand-ins refuse: changed while they run by `POST /people/script`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

SERVICES = ("pagerduty", "slack", "statuspage")


@dataclass(slots=True)
class Script:
    """Delays in seconds; `refuse` holds how many of a service's next calls are answered 429."""

    acknowledge_s: float = 2.0  # from the page to the acknowledgement
    chat_s: float = 0.5  # from a change of the incident to the message
    status_page_s: float = 0.5  # from the message to the status page
    responds: bool = True  # somebody acknowledges
    bridges: bool = True  # chat and status page follow the incident
    refuse: dict[str, int] = field(default_factory=dict)

    def change(self, given: Mapping[str, object]) -> None:
        """Take what is given; ValueError in a sentence for a name or a value that makes no sense."""
        known = {each.name for each in fields(self)}
        if strange := sorted(set(given) - known):
            raise ValueError(f"there is no {strange[0]!r}; choose from {', '.join(sorted(known))}")
        for name, value in given.items():
            if not _fits(name, value):
                raise ValueError(f"{name} cannot be {value!r}")
        for name, value in given.items():
            setattr(self, name, value)

    def refuses(self, service: str) -> bool:
        """Is this call to be refused? Counts it."""
        left = self.refuse.get(service, 0)
        if left > 0:
            self.refuse[service] = left - 1
        return left > 0

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON takes it."""
        return asdict(self)


def _fits(name: str, value: object) -> bool:
    if name == "refuse":
        counts = isinstance(value, dict) and all(isinstance(each, int) for each in value.values())
        return counts and isinstance(value, dict) and set(value) <= set(SERVICES)
    if name in ("responds", "bridges"):
        return isinstance(value, bool)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 3600
