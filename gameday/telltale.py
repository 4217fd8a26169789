"""What gives a secret away: the name that it stands under, or its own shape in a text.

Pure functions without memory; `gameday.redact` remembers and replaces. A name is judged by its words, so that
`apiKey`, `API_KEY` and `X-Api-Key` are one, and `secret_name` or `token_url` only point at a secret.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import escape
from json import dumps
from shlex import quote as shell_quote
from urllib.parse import quote, quote_plus, unquote

PLACEHOLDER = "[redacted]"
SHORTEST = 4  # a shorter text would be found everywhere
PUBLIC = frozenset({"lab", "lab-has-no-secrets"})  # the lab's made-up AWS keys
ORDINARY = PUBLIC | {
    "redacted", "held", "broke", "inconclusive", "invalid", "aborted", "refused", "interrupted", "completed", "failed",
    "succeeded", "deviated", "true", "false", "null", "none", "name", "verdict", "gameday", "chaos", "chaostoolkit",
    "baseline", "fault", "recovery", "experiment", "environment", "postgres", "postgresql", "default", "admin", "root",
    "user", "password", "secret", "token", "https", "http", "localhost", "127.0.0.1",
}  # fmt: skip
# Replacing an ordinary word everywhere would break the record itself; it is replaced under its telling name only.

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TELLING = re.compile(
    r"pass(?:word|wd|phrase)s?$|^pwd$|secrets?$|tokens?$|credentials?$|cookies?$|apikeys?$|^authorization$|^dsn$"
    r"|^webhook$|^sessionid$|^privatekey$"
)
_TELLING_PAIR = re.compile(
    r"\b(?:api|private|access|secret|signing|encryption|account|auth|integration|routing|shared|master|pagerduty) key\b"
    r"|\bconnection string\b|\bsession (?:id|key)$|^session$|\bamz signature$|\bwebhook url$|\b\w+ pass$"
)
_POINTING = frozenset({
    "name", "names", "arn", "arns", "type", "types", "file", "files", "path", "dir", "url", "uri", "endpoint", "host",
    "ttl", "expiry", "expiration", "expires", "count", "limit", "length", "size", "version", "policy", "age", "timeout",
    "s", "ms", "seconds", "required", "enabled", "present", "rotation", "algorithm", "format", "location", "kind",
    "hint", "status", "region", "service", "provider", "manager",
})  # fmt: skip

_AWS_TOKENS = frozenset({"client token", "client request token", "next token", "continuation token"})  # no secrets


@lru_cache(maxsize=4096)
def is_telling(name: str) -> bool:
    """Return whether what stands under *name* is to be hidden."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or " ".join(words) in _AWS_TOKENS:
        return False
    if _TELLING_PAIR.search(" ".join(words)) and (words[-1] not in _POINTING or words[-1] == "url"):
        return True
    return words[-1] not in _POINTING and any(_TELLING.search(word) for word in words)


def is_reference(text: str) -> bool:
    """Return whether *text* is nothing but `${...}`, perhaps after a scheme such as `Bearer`."""
    rest = re.sub(r"\$\{[^}]*\}", "", text)
    return rest != text and _SCHEME.sub("", rest).strip(" :") == ""


def is_declaration(value: Mapping[str, object]) -> bool:
    """Return whether *value* says where a secret comes from, as `{type: env, key: NAME}` does, and is none itself."""
    return value.get("type") in ("env", "vault", "probe")


def is_strong(text: str) -> bool:
    """Return whether *text*, found under a telling name only, is odd enough to be replaced elsewhere too."""
    if text.isdigit():
        return len(text) >= 6
    return len(text) >= 8 or (len(text) >= SHORTEST and not text.isalpha())


def parts(text: str) -> list[str]:
    """Return the secrets inside a secret: a URL's password, what follows `Bearer`, a cookie's values, a key's lines."""
    found = [unquote(match["password"]) for match in _USERINFO.finditer(text)]
    found += [match["password"] for match in _USERINFO.finditer(text)]
    if (scheme := _SCHEME.match(text)) and (rest := text[scheme.end() :].strip()):
        found += [rest, *_basic(rest)]
    found += [line for line in text.splitlines() if len(line) >= 16 and "-----" not in line and line != text]
    if ";" in text:
        found += [value for pair in text.split(";") if len(value := pair.partition("=")[2].strip()) >= 8]
    return found


def forms(text: str) -> set[str]:
    """Return *text* as it may be written: as it is, in base64 at any offset, URL-quoted, or escaped."""
    raw = _bytes(text)
    found = {text, *_base64_forms(raw)}
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        found |= {quoted, re.sub("%..", lambda match: match[0].lower(), quoted)}
    found |= {dumps(text)[1:-1], dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    found |= {dumps(dumps(text)[1:-1])[1:-1], escape(text), escape(text, quote=False), shell_quote(text).strip("'")}
    return {form for form in found if len(form) >= SHORTEST}


def without_shapes(text: str) -> str:
    """Return *text* without what is a secret by its shape: keys, tokens, passwords in URLs, `password=...`."""
    lowered = text.lower()
    for anchors, pattern, replace in _SHAPES:
        if any(anchor in lowered for anchor in anchors):
            text = pattern.sub(replace, text)
    return text


def _base64_forms(raw: bytes) -> set[str]:
    """Return base64 of *raw*, and the part of it that is certain when it stands 0, 1 or 2 bytes into a group."""
    whole = b64encode(raw).decode()
    found = {whole, whole.rstrip("=")}
    for shift, start in ((0, 0), (1, 2), (2, 3)):
        certain = b64encode(bytes(shift) + raw).decode()[start : (shift + len(raw)) * 8 // 6]
        if len(certain) >= 8:
            found.add(certain)
    return found | {form.translate(str.maketrans("+/", "-_")) for form in found}


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a pair of surrogates, which JSON may hold
        return text.encode(errors="replace")


def _basic(credentials: str) -> list[str]:
    """Return the password of HTTP Basic *credentials*."""
    try:
        name, colon, password = b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return []
    return [password] if name and colon else []


def _plain_word(text: str) -> bool:
    return text.isalpha() and text.islower() and len(text) < 16


def _after_scheme(match: re.Match[str]) -> str:
    if match[2] in _HASHES:  # `digest sha256:...` names an image
        return match[0]
    return match[0] if _plain_word(match[2]) and not _basic(match[2]) else match[1] + PLACEHOLDER


def _assigned(match: re.Match[str]) -> str:
    """Replace the value in `name=value`, `name: value`, `"name": "value"` when the name is telling."""
    name, glue, quoted, bare = match["name"], match["glue"], match["quoted"], match["bare"]
    if not is_telling(name) and name.lower() != "signature":
        return match[0]
    value = quoted if quoted is not None else bare
    if not value or is_reference(value) or value in ("None", "null", "true", "false", "True", "False"):
        return match[0]
    if bare is not None and (_SCHEME.fullmatch(bare + " ") or (":" in glue and _plain_word(bare))):
        return match[0]
    mark = match["mark"] or ""
    return f"{name}{glue}{mark}{PLACEHOLDER}{mark}"


_SCHEMES = ("bearer", "basic", "token", "apikey", "digest", "negotiate")
_HASHES = ("sha256", "sha512")
_SCHEME = re.compile(rf"(?:{'|'.join(_SCHEMES)})\s+", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<before>[A-Za-z][\w+.-]{0,30}://[^\s/?#@:\"'\\<>]*:)(?P<password>[^\s/?#\"'<>]+)@")
_ASSIGNED = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]{0,40}?(?:pass(?:word|wd|phrase)|pwd|secret|token|credential|authorization|cookie|dsn
    |(?:api|private|access|account|signing|auth|routing|integration)[-_]?key|session[-_]?id|signature)[\w.-]{0,40})
    (?P<glue>\\*["']?\s*[=:]\s*)
    (?:(?P<mark>\\*["'])(?P<quoted>.*?)(?P=mark)|(?!\$\{)(?P<bare>[^\s,;&"'<>()\[\]{}\\]+))""",
    re.IGNORECASE | re.VERBOSE,
)
_Replace = str | Callable[[re.Match[str]], str]
_NAMES = (
    "pass", "pwd", "secret", "token", "credential", "authorization", "cookie", "dsn", "key", "session", "signature",
)  # fmt: skip
_SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str], _Replace], ...] = (  # the first are words that must be there
    (
        ("private key",),
        re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.S),
        PLACEHOLDER,
    ),
    (("eyj",), re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), PLACEHOLDER),
    (("akia", "asia"), re.compile(r"\bA[KS]IA[A-Z0-9]{16}\b"), PLACEHOLDER),
    (("://",), _USERINFO, rf"\g<before>{PLACEHOLDER}@"),
    (("://",), re.compile(r"(://)[^\s/?#@:\"'\\<>]{20,}@"), rf"\g<1>{PLACEHOLDER}@"),
    (("hooks.slack",), re.compile(r"(hooks\.slack(?:-gov)?\.com/\w+/)[^\s\"'\\<>]+"), rf"\g<1>{PLACEHOLDER}"),
    (("cookie:",), re.compile(r"\b((?:set-)?cookie:\s*)[^\r\n\"'\\]+", re.I), rf"\g<1>{PLACEHOLDER}"),
    (_SCHEMES, re.compile(rf"\b((?:{'|'.join(_SCHEMES)})\s+)([\w.~+/-]{{4,}}={{0,2}})", re.I), _after_scheme),
    (_NAMES, _ASSIGNED, _assigned),
)
