"""Secrets are replaced at the write: in the record, on the terminal, in Chaos Toolkit's log and in its journal.

A `Redactor` knows texts: the experiment's resolved secrets, environment variables with telling names, and what it
has met under a telling key. It replaces them in every usual encoding, and besides what is a secret by its shape.
What it cannot do: a secret shorter than four characters, or an ordinary word, is replaced under its own key only.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping

from gameday.telltale import (
    ORDINARY,
    PLACEHOLDER,
    PUBLIC,
    SHORTEST,
    forms,
    is_declaration,
    is_reference,
    is_strong,
    is_telling,
    parts,
    without_shapes,
)  # fmt: skip

_STAMP = r"\d{4}-\d\d-\d\dT\d\d[-:]\d\d[-:]\d\d"  # of a time or a run; no shorter secret may be found inside
_STAMP_LENGTH = 19


class Redactor:
    """Replaces secrets in whatever is about to be written. It may be used and taught from any thread."""

    def __init__(self, secrets: object = ()) -> None:
        self._lock = threading.RLock()  # a signal's handler may come in while this thread holds it
        self._known: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()  # of all known texts, longest first
        self.learn(secrets)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *names: str) -> Redactor:
        """Return one that knows the variables with telling names, those called *names*, and passwords in URLs."""
        redactor = cls([value for name, value in environ.items() if name in names])
        for name, value in environ.items():
            if name == "PWD":  # the shell's working directory; hidden, it would break every path of the record
                continue
            redactor._learn_texts([value] if is_telling(name) else parts(value) if "://" in value else [], is_strong)
        return redactor

    def learn(self, value: object) -> None:
        """From now on every text in *value* is a secret: itself, a text in a list, or a value in a mapping."""
        self._learn_texts(_texts(value), lambda text: True)

    def study(self, value: object) -> None:
        """Learn what stands under telling keys in *value*, however deep."""
        self._learn_texts(_given_away(value, set()), is_strong)

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        present = [form for form in self._forms if form in text]
        if present:
            text = _pattern(present).sub(lambda match: match["kept"] or PLACEHOLDER, text)
        return without_shapes(text)

    def __call__(self, value: object) -> object:
        """Return a copy of *value* (JSON-like) without secrets; what stands under a telling key is learnt first."""
        self.study(value)
        return self._clean(value)

    def _under(self, key: str, value: object) -> object:
        if isinstance(value, Mapping):
            if is_declaration(value):
                return {name: self._hidden(item) if name == "default" else self.entry(str(name), item)
                        for name, item in value.items()}  # fmt: skip
            return {self._key(name): self._under(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) if _is_reference_in(key, item) else self._under(key, item) for item in value]
        if isinstance(value, int) and key.lower().endswith("s"):
            return value  # `max_tokens: 100` is a number of them
        return self._hidden(value)

    def _hidden(self, value: object) -> object:
        if value is None or isinstance(value, bool | float) or value == "" or value in PUBLIC:
            return value
        return value if isinstance(value, str) and is_reference(value) else PLACEHOLDER

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {self._key(name): self.entry(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        if isinstance(value, bytes | bytearray):
            return self.text(value.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        shown = _shown(value)  # whatever it is, it may be written as its text
        clean = self.text(shown)
        return value if clean == shown else clean

    def _key(self, name: object) -> str:
        return self.text(str(name))

    def entry(self, name: str, item: object) -> object:
        """Return what may be shown of *item*, which stands under *name*."""
        return self._under(name, item) if is_telling(name) else self._clean(item)

    def _learn_texts(self, texts: list[str], enough: Callable[[str], bool]) -> None:
        every = [part for text in texts if not is_reference(text) for part in (text, *parts(text))]
        new = {text for text in every if len(text) >= SHORTEST and text.lower() not in ORDINARY and enough(text)}
        if new <= self._known:
            return
        with self._lock:
            self._known |= new
            every_form = {form for text in self._known for form in forms(text)}
            self._forms = tuple(sorted(every_form, key=lambda form: (-len(form), form)))


def redact_in_place(value: object, redactor: Redactor) -> None:
    """Take the secrets out of nested dicts and lists that somebody else holds and will write."""
    redactor.study(value)
    _mutate(value, redactor, set())


def install_on_logging(redactor: Redactor) -> Callable[[], None]:
    """Clean what Chaos Toolkit's logger and the root's handlers write from now on; the answer takes it off again."""
    chaos, root = logging.getLogger("chaostoolkit"), logging.getLogger()
    last = [logging.lastResort] if logging.lastResort else []
    places: list[logging.Filterer] = [chaos, *chaos.handlers, *root.handlers, *last]
    clean = _Clean(redactor)
    for place in places:
        place.addFilter(clean)

    def remove() -> None:
        for place in places:
            place.removeFilter(clean)

    return remove


class _Clean(logging.Filter):
    """Replaces the secrets of a log record: its message, its exception, and what was added to it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor
        self.usual = frozenset(logging.makeLogRecord({}).__dict__)

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean *record*; it always passes. Its traceback becomes text, because every formatter prints that."""
        if isinstance(record.msg, Mapping):
            record.msg = self.redactor(record.msg)
        else:
            record.msg = self.redactor.text(_message(record))
        record.args = None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = self.redactor.text(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redactor.text(record.stack_info)
        for name in record.__dict__.keys() - self.usual:
            record.__dict__[name] = self.redactor.entry(name, record.__dict__[name])
        return True


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  logging would print the raw record to standard error
        return f"{record.msg} {record.args}"


def _pattern(present: list[str]) -> re.Pattern[str]:
    """Return what finds the forms in *present*, longest first, in one pass."""
    long = [_literal(form) for form in present if len(form) > _STAMP_LENGTH]
    short = [_literal(form) for form in present if len(form) <= _STAMP_LENGTH]
    kept = rf"(?P<kept>{re.escape(PLACEHOLDER)}|{_STAMP})"
    return re.compile("|".join([*long, kept, *short]))


def _literal(form: str) -> str:
    """Return the pattern of *form*; digits only count when no other digit touches them."""
    return rf"(?<!\d){form}(?!\d)" if form.isdigit() else re.escape(form)


def _texts(value: object) -> list[str]:
    """Return every text in *value*, however deep; a whole number counts as its digits."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes | bytearray):
        return [value.decode(errors="surrogateescape")]
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple | set | frozenset):
        return [text for item in value for text in _texts(item)]
    return [str(value)] if isinstance(value, int) and not isinstance(value, bool) else []


def _given_away(value: object, seen: set[int]) -> list[str]:
    """Return the texts that stand under telling keys."""
    if not isinstance(value, Mapping | list | tuple) or id(value) in seen:
        return []
    seen.add(id(value))
    if not isinstance(value, Mapping):
        return [text for item in value for text in _given_away(item, seen)]
    found = [text for name, item in value.items() if is_telling(str(name)) for text in _leaves(str(name), item)]
    return found + [text for item in value.values() for text in _given_away(item, seen)]


def _leaves(key: str, value: object) -> Iterator[str]:
    """Yield what is secret right under a telling key; a mapping there is hidden, but only its defaults are learnt."""
    if isinstance(value, Mapping):
        if is_declaration(value):
            yield from _texts(value.get("default"))
    elif isinstance(value, list | tuple):
        yield from (text for item in value if not _is_reference_in(key, item) for text in _leaves(key, item))
    else:
        yield from _texts(value)


def _is_reference_in(key: str, item: object) -> bool:
    """Return whether *item* of the list under *key* is the name of a secret, as in `provider: {secrets: [api]}`."""
    return key.lower() in ("secret", "secrets") and isinstance(item, str)


def _mutate(value: object, redactor: Redactor, seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict):
        clean = {redactor.text(name) if isinstance(name, str) else name: _replaced(name, item, redactor, seen)
                 for name, item in value.items()}  # fmt: skip
        value.clear()
        value.update(clean)
    elif isinstance(value, list):
        value[:] = [_replaced("", item, redactor, seen) for item in value]


def _replaced(name: object, item: object, redactor: Redactor, seen: set[int]) -> object:
    if isinstance(item, dict | list) and not is_telling(str(name)):
        _mutate(item, redactor, seen)
        return item
    return redactor.entry(str(name), item)


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  somebody else's object; what cannot be shown cannot leak
        return ""
