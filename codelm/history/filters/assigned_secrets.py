"""Credentials that are known by the name they are assigned to, or by their place in an address or a command.

Only values that look real are found: `password = "test"`, `token = env("TOKEN")` and `secret_name = "db"` are not.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

from codelm.history.filters.issued_secrets import Secret
from codelm.history.filters.secret_values import is_key, is_password, is_random

__all__ = ["assigned_secrets"]

_NAME_ANCHORS = ("pass", "pw", "secret", "token", "key", "credential", "auth", "kennwort")
_PASSWORD = re.compile(
    r"passw(?:or)?[dt]|kennwort|passphrase|passcode|passwrd|pwd|(?:^|[_.-]|[a-z](?=P))(?:pass|pw)$", re.IGNORECASE
)
_KEY = re.compile(
    r"secret|token(?!iz)|credential|authorization|_auth$|[A-Z0-9]_KEY$"
    r"|(?i:api|access|private|auth|master|encrypt(?:ion)?|sign(?:ing)?|service|account|shared|app|application|admin"
    r"|storage|deploy|webhook|jwt|session|cookie|crypt\w{0,8}|hmac|aes|subscription|consumer|client|write|licen[cs]e"
    r"|sas|symmetric|host|master|db|database)[-_. ]?key",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(
    r"public|hash|digest|checksum|fingerprint|mock|fake|dummy|example"
    r"|(?:ids?|names?|ur[il]|path|file|dir|type|kind|header|field|label|sum|len|length|size|arn|ref|env|var|regex|pattern"
    r"|prefix|suffix|policy|version|hint|prompt|format|count|index|expiry|expires|ttl|scope|algorithm|alg|error|message"
    r"|title|text|help|salt|nonce|set|map|list|stream|tree)$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.-]{0,40}")
_SIGN = re.compile(
    r"([\w.-]{0,40})(?:\\?[\"'`])?[\])]{0,2}[ \t]{0,12}(:=|[=-]>|[!=]={1,2}|[:=,(>]|[ \t])(?:\*\*)?[ \t]{0,8}"
)
_VALUE_FIELD = re.compile(
    r"([\w.-]{0,40}+)[\"'`]?+\s?(?:,?+\s{0,40}+|\{\s{0,40}+(?:[^\n{}]{1,120}+\n\s{0,40}+){0,4}?)"
    r"[\"'`]?(?:[Vv]alue|VALUE|default)[\"'`]?[ \t]{0,20}[:=][ \t]{0,8}"
)
"""From a name that stands as a string itself to the string it is given, in the next field of JSON, YAML, XML or HCL."""
_BLOCK = re.compile(r"[|>][-+]?[ \t]{0,8}\n[ \t]{1,40}")
"""What YAML writes between a name and the text below it."""
_QUOTED = re.compile(r"([\"'`])((?:(?!\1)[^\\\n]){6,400})\\?\1")
_BARE = re.compile(r"[^\s\"'`,;<>(){}\[\]\\]{6,400}")


def assigned_secrets(text: str) -> Iterator[Secret]:
    """Yield the credentials in a text that are known by their name or place; some may be yielded more than once."""
    # Of bytes, because str.lower() may change the length of other texts.
    is_ascii = text.isascii()
    lowered = text.lower() if is_ascii else text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")
    for anchor in _ANCHORS:
        if anchor in lowered:
            yield from _at_positions(text, anchor, _positions(lowered, anchor))


def _at_positions(text: str, anchor: str, positions: Sequence[int]) -> Iterator[Secret]:
    """Yield the credentials of a text that a literal at some positions begins or names."""
    for position in positions if anchor in _NAME_ANCHORS else ():
        yield from _named(text, position)
    for (_, pattern, kind, is_real), position in product(_PLACES_AT[anchor], positions):
        found = pattern.match(text, position)
        if found and is_real(found[1]):
            yield Secret(*found.span(1), kind)


def _positions(text: str, anchor: str) -> list[int]:
    found, position = [], text.find(anchor)
    while position >= 0:
        found.append(position)
        position = text.find(anchor, position + len(anchor))
    return found


def _named(text: str, position: int) -> Iterator[Secret]:
    """Yield the values that the name at a position is given, as far as they look real."""
    sign, field = _SIGN.match(text, position), _VALUE_FIELD.match(text, position)
    found = sign or field
    if not found:
        return
    name = "".join(_NAME.findall(text[max(0, position - 40) : position])[-2:]) + found[1]
    judgement = _judgement(name)
    if judgement:
        kind, is_real = judgement
        spans = [*(_values(text, name, sign) if sign else ()), *(_at_once(text, field.end()) if field else ())]
        yield from (Secret(*span, kind) for span in spans if is_real(text[slice(*span)]))


def _judgement(name: str) -> tuple[str, Callable[[str], bool]] | None:
    """Return the kind of credential that a name promises, and how its value is judged; None for other names."""
    if _NOT_SECRET.search(name):
        return None
    if _PASSWORD.search(name):
        return "password", is_password
    return ("secret-value", is_key) if _KEY.search(name) else None


def _values(text: str, name: str, sign: re.Match[str]) -> Iterable[tuple[int, int]]:
    """Return where the strings after a name begin and end; where there is none, where the bare word does."""
    start, stop = sign.end(), _line_end(text, sign.end())
    if block := _BLOCK.match(text, start):
        return _at_once(text, block.end())
    if sign[2].isspace():
        return _following(text, name, start, stop)
    if text[start:stop].rstrip().endswith((" =", "(")) or not text[start:stop].strip():
        stop = _line_end(text, stop + 1)
    quoted = [found.span(2) for found in _QUOTED.finditer(text, start, stop)]
    bare = None if quoted or sign[2] in ",(" else _BARE.match(text, start, stop)
    return [bare.span()] if bare else quoted


def _at_once(text: str, start: int) -> Iterable[tuple[int, int]]:
    """Return where the string or bare word that begins at a position does so, and where it ends."""
    stop = _line_end(text, start)
    if quoted := _QUOTED.match(text, start, stop):
        return (quoted.span(2),)
    bare = _BARE.match(text, start, stop)
    return (bare.span(),) if bare else ()


def _following(text: str, name: str, start: int, stop: int) -> Iterable[tuple[int, int]]:
    """Return where the value stands that follows a name at once: of a flag, of ENV in a Dockerfile, in SQL.

    Args:
        text: The text.
        name: The name.
        start: Where the value would begin.
        stop: Where its line ends.
    """
    words = text[text.rfind("\n", 0, start) + 1 : start].split()
    if name.lower().endswith("pass") and not name.startswith("-"):  # the verb
        return ()
    if found := _QUOTED.match(text, start, stop):
        return (found.span(2),)
    may_be_bare = name.startswith("-") or words in ([name], ["ENV", name], ["ARG", name])
    bare = _BARE.match(text, start, stop) if may_be_bare else None
    return (bare.span(),) if bare else ()


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return min(len(text) if end < 0 else end, start + 400)


def _hides_password(value: str) -> bool:
    """Return whether base64 decodes to a name and a password, as in the header of basic authentication."""
    try:
        name, _, password = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return bool(name) and is_password(password)


def _is_mnemonic(value: str) -> bool:
    return len(set(value.split())) >= 10


def _in_address(password: str) -> bool:
    return is_password(password) or is_key(password)


_PAIR = r"[ =:(,]{0,4}\(?\s*[\"'][^\"'\n]{1,80}[\"'][^\"'\n]{1,28}[\"']([^\"'\n]+)[\"']"
"""A name and a password, as two strings."""
_WORDS = r"\w+[\"']?\s*[:=(,]+\s*[^\"'\n]{0,20}[\"']?((?:[a-z]{3,8} ){11,23}[a-z]{3,8})\b"

_PLACES = [
    (anchor, re.compile(pattern), kind, is_real)
    for anchor, pattern, kind, is_real in (
        ("bearer", r".{6}[ ]+([A-Za-z0-9._~+/-]{16,}=*)", "bearer", is_random),
        ("basic", r".{5}[ ]+([A-Za-z0-9+/]{10,}={0,2})", "basic", _hides_password),
        ("auth", r".{4}\w{0,8}\\?[\"']?[ ]*[:=][ ]*\\?[\"']?([A-Za-z0-9+/]{12,}={0,2})", "basic", _hides_password),
        ("auth", rf".{{4}}\w*{_PAIR}", "password", is_password),
        ("login", rf".{{5}}{_PAIR}", "password", is_password),
        ("credential", rf"\w+(?:::\w+)?{_PAIR}", "password", is_password),
        ("curl", r".{4}[^\n]{0,300}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']+:([^\s\"']+)", "password", is_password),
        ("mysql", r".{5}[^\n]{0,200}?\s-p[\"']?([^\s\"']+)", "password", is_password),
        ("sshpass", r".{7}\s+-p[ ]?[\"']?([^\s\"']+)", "password", is_password),
        ("docker login", r".{12}[^\n]{0,100}?\s-p[ ]?[\"']?([^\s\"']+)", "password", is_password),
        ("sqlcmd", r".{6}[^\n]{0,200}?\s-P[ ]?[\"']?([^\s\"']+)", "password", is_password),
        ("zip ", r".{4}[^\n]{0,200}?-P[ ]?[\"']?([^\s\"']+)", "password", is_password),
        ("password is", r".{11}:?\s[\"'`]([^\s\"'`]+)[\"'`]", "password", is_password),
        ("identified by", r".{13}\s+[\"']([^\"'\n]+)", "password", is_password),
        ("login", r".{5}\s+\S{1,80}\s+password\s+(\S+)", "password", is_password),
        ("://", r"://[^\s:/@'\"`{}<>$\\()]{0,64}:([^\s/@'\"`{}<>\\()]{5,})@[\w.-]+", "url-password", _in_address),
        ("://", r"://([\w.~-]{20,})(?::[^\s/@\"'`]{0,64})?@[\w.-]+", "url-password", is_random),
        ('"d"', r"\"d\\?\"\s*:\s*\\?\"([A-Za-z0-9_-]{40,})\\?\"", "private-key", is_random),
        ("mnemonic", _WORDS, "mnemonic", _is_mnemonic),
    )
]
"""Where a credential stands: a literal in small letters, the pattern from there, the kind, and how it is judged."""
_ANCHORS = tuple(dict.fromkeys((*_NAME_ANCHORS, *(place[0] for place in _PLACES))))
_PLACES_AT = {anchor: [place for place in _PLACES if place[0] == anchor] for anchor in _ANCHORS}
