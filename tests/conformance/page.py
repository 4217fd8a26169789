"""Writes docs/lab-conformance.md from a run on a real lab: `python -m tests.conformance.page`.

A row's words stand at the handler: its docstring says what the lab does, and a line that begins with "Simulated:" or
"Missing:" says what is not real. Without such a line the operation does what AWS documents, as far as its row says.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from itertools import groupby
from pathlib import Path

from lab.aws.registry import handler_of, operations
from tests.conformance.chaosaws_table import ROWS
from tests.conformance.clients import COMMANDS, NOT_PLAYED, PAGINATORS, WAITERS
from tests.conformance.seen import Name, Seen

PAGE = Path(__file__).parents[2] / "docs" / "lab-conformance.md"
HEAD = """<!-- written by `python -m tests.conformance.page` from a run on a lab; change the code, not this page -->
# The lab's AWS API, operation by operation

A run of the tests calls each operation below on a real lab through boto3. The lab's door checks every answer, in every
test and in every run, against botocore's model before it leaves: members, types, required members and listed values.
*Refused with* are the error codes that the run has seen. What is not listed here is answered by moto's records, or with
501 `NotImplemented` where the lab would have to behave and does not.
"""

CLIENTS = """## Clients that nobody here wrote

Chaos Toolkit's AWS extension (chaosaws 0.35.1): every function that it exports for the services that the lab plays.
*Refused as AWS*: as an account answers that has no such thing. *The lab has none*: AWS would have it.
"""


def written(seen: Seen) -> str:
    """Return the page for what a run has seen."""
    parts = [HEAD]
    for service, names in groupby(operations(), key=lambda name: name[0]):
        listed = list(names)
        parts += [f"## {service} ({len(listed)} operations)\n", "| operation | the lab | refused with | not real |"]
        parts += ["|---|---|---|---|", *(row(name, seen) for name in listed), ""]
    return "\n".join([*parts, clients()])


def clients() -> str:
    """Return what is known of clients that nobody here wrote; their tests hold every line of it."""
    parts = [CLIENTS, "| function of chaosaws | comes of it | why |", "|---|---|---|"]
    parts += [f"| `{one.name}` | {one.kind} | {one.why or '-'} |" for one in ROWS]
    waited = [f"`{service} {name}`" for service, name in sorted(WAITERS - NOT_PLAYED)]
    paged_ = [f"`{service} {name}`" for service, name in sorted(PAGINATORS)]
    parts += ["", f"boto3's waiters, all of which end: {', '.join(waited)}.", ""]
    parts += [f"boto3's paginators, all of which come to an end: {', '.join(paged_)}.", ""]
    parts += ["The AWS CLI, pointed at the lab by its environment alone:", "", "```"]
    parts += [f"aws {command}" for command in COMMANDS]
    return "\n".join([*parts, "```", ""])


def row(name: Name, seen: Seen) -> str:
    """Return the row of one operation."""
    does, unreal = words(name)
    codes = ", ".join(sorted(seen.refused.get(name, ()))) or "-"
    return f"| {name[1]} | {does} | {codes} | {unreal} |"


def words(name: Name) -> tuple[str, str]:
    """Return what a handler's docstring says the lab does, and what of it is simulated or missing."""
    handler = handler_of(*name)
    text = inspect.getdoc(handler) if handler else ""
    assert text, f"the handler of {name[0]}:{name[1]} needs a docstring: it is its row in the page"
    lines = " ".join(text.split("\n")).replace("|", "\\|").replace("Simulated:", "\nSimulated:")
    does, *unreal = lines.replace("Missing:", "\nMissing:").split("\n")
    return does.strip(), " ".join(part.strip() for part in unreal) or "-"


def main() -> int:
    """Play everything on a lab of its own and write the page."""
    from tests.conformance.conftest import PLAYS
    from tests.lab.twin import twin

    with twin() as lab:
        seen = Seen(lab)
        for play in PLAYS:
            import_module(f"tests.conformance.{play}").play(seen)
        from tests.conformance.test_operations import test_what_must_be_given_is_asked_for

        test_what_must_be_given_is_asked_for(seen)
        PAGE.write_text(written(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
