"""Credentials that are known by the fixed forms which their issuers give them.

A form is tried only where its anchor, a literal prefix, occurs among the long words of a text, and lines in which
nothing was found once are not searched again: a history holds the same lines many times.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from codelm.history.filters.credential_forms import FORMS
from codelm.history.filters.secret_values import is_filler, is_random

__all__ = ["Secret", "issued_secrets"]


class Secret(NamedTuple):
    """A credential, or another value that must not be learned: its place in a text, and its kind, safe to show."""

    start: int
    end: int
    kind: str


_WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/.~-")
_WORDS_ONLY = bytes(byte if chr(byte) in _WORD_CHARACTERS else ord(" ") for byte in range(256))
_MIN_WORD = 16
_MAX_REMEMBERED, _LONGEST_REMEMBERED = 1 << 16, 200
"""Lines in which nothing was found, and characters of one."""
_clean_lines: set[str] = set()
_SMALL = re.compile(rb"[a-z_/.~+-]+")
"""Words without a digit or a capital, which no credential is."""
_SHAPES = [form for form in FORMS if not form.anchors]
_ANCHORS = [(anchor, form) for form in FORMS for anchor in form.anchors]
_ANCHORS_IN_WORDS = [(anchor, form) for anchor, form in _ANCHORS if _WORD_CHARACTERS.issuperset(anchor)]
_OTHER_ANCHORS = [(anchor, form) for anchor, form in _ANCHORS if not _WORD_CHARACTERS.issuperset(anchor)]


_UNKNOWN_ISSUER = re.compile(r"(?<![\w./-])((?:[A-Za-z]{2,12}[_-]){1,3})([A-Za-z0-9]{20,})(?![\w./-])")
_PUBLIC = re.compile(
    r"(?i)^(?:sha|md5|blake|crc|pk|pub|cdn|uuid|id|test|key|v|x|acct|card|ch|cs|cus|evt|in|pi|pm|prod|sub)|pub"
)
"""Prefixes of digests, public keys and names of things."""


def issued_secrets(text: str) -> Iterator[Secret]:
    """Yield the credentials in a text that have the form of their issuer, none of which has a line end in it."""
    lines = set(text.split("\n")).difference(_clean_lines)
    if next(_in_text("\n".join(lines)), None):
        yield from _in_text(text)
        return
    if len(_clean_lines) > _MAX_REMEMBERED:
        _clean_lines.clear()
    _clean_lines.update(line for line in lines if len(line) <= _LONGEST_REMEMBERED)


def _in_text(text: str) -> Iterator[Secret]:
    words = {word for word in text.encode(errors="replace").translate(_WORDS_ONLY).split() if len(word) >= _MIN_WORD}
    candidates = b" ".join(word for word in words if not _SMALL.fullmatch(word)).decode("ascii")
    present = [(anchor, form) for anchor, form in _OTHER_ANCHORS if anchor in text]
    if candidates:
        present += [(anchor, form) for anchor, form in _ANCHORS_IN_WORDS if anchor in candidates]
    for anchor, form in present:
        yield from _judged(_at_anchor(text, anchor, form.pattern), form.kind)
    for form in _SHAPES if candidates else ():
        if form.pattern.search(candidates):
            yield from _judged(form.pattern.finditer(text), form.kind)
    if any(map(_is_token, _UNKNOWN_ISSUER.finditer(candidates))):
        tokens = filter(_is_token, _UNKNOWN_ISSUER.finditer(text))
        yield from (Secret(*found.span(), "token") for found in tokens)


def _is_token(found: re.Match[str]) -> bool:
    """Return whether small letters, capitals and digits are mixed at random behind a prefix that nobody publishes."""
    mixed = re.search("[a-z]", found[2]) and re.search("[A-Z]", found[2]) and not re.match("[0-9a-f]{16}", found[2])
    return bool(mixed) and not _PUBLIC.search(found[1]) and is_random(found[2])


def _judged(matches: Iterable[re.Match[str]], kind: str) -> Iterator[Secret]:
    return (Secret(found.start(), found.end(), kind) for found in matches if not is_filler(found[1]))


def _at_anchor(text: str, anchor: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    position = text.find(anchor)
    while position >= 0:
        found = pattern.match(text, position)
        if found:
            yield found
        position = text.find(anchor, found.end() if found else position + 1)
