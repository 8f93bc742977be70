"""Credentials that are known by the fixed forms which their issuers give them.

A form is tried only where its anchor, a literal prefix, occurs: one pass picks out the long words of a text, and those
in which nothing was found once are not searched again.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
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
_MIN_WORD, _MAX_REMEMBERED = 16, 200
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
    """Yield the credentials in a text that have the form of their issuer."""
    words = {word for word in text.encode(errors="replace").translate(_WORDS_ONLY).split() if len(word) >= _MIN_WORD}
    candidates = " ".join(word.decode("ascii") for word in words if _may_be_issued(word))
    present = [(anchor, form) for anchor, form in _OTHER_ANCHORS if anchor in text]
    present += [(anchor, form) for anchor, form in _ANCHORS_IN_WORDS if anchor in candidates]
    for anchor, form in present:
        yield from _judged(_at_anchor(text, anchor, form.pattern), form.kind)
    if not candidates:
        return
    for form in _SHAPES:
        if form.pattern.search(candidates):
            yield from _judged(form.pattern.finditer(text), form.kind)
    if any(map(_is_token, _UNKNOWN_ISSUER.finditer(candidates))):
        tokens = filter(_is_token, _UNKNOWN_ISSUER.finditer(text))
        yield from (Secret(*found.span(), "token") for found in tokens)


def _may_be_issued(word: bytes) -> bool:
    """Return whether a word may hold the form of a credential, or a part of it at which that is known."""
    return len(word) > _MAX_REMEMBERED or _holds_form(word)


@lru_cache(1 << 16)  # a history holds the same words again and again
def _holds_form(word: bytes) -> bool:
    text = "" if _SMALL.fullmatch(word) else word.decode("ascii")
    return (
        any(anchor in text for anchor, _ in _ANCHORS_IN_WORDS)
        or any(form.pattern.search(text) for form in _SHAPES)
        or any(map(_is_token, _UNKNOWN_ISSUER.finditer(text)))
    )


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
