"""Detection and removal of credentials: hunks that add one are dropped, and elsewhere its value is replaced."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from types import MappingProxyType

from codelm.git.commits import Change, Hunk
from codelm.history.digest_set import DigestSet, digest
from codelm.history.filters.assigned_secrets import assigned_secrets
from codelm.history.filters.issued_secrets import Secret, issued_secrets
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.filters.redaction import redact, redacted_change
from codelm.history.filters.secret_values import is_filler, is_random
from codelm.lines import lines_of

__all__ = ["SecretScan", "find_secrets", "kinds_of"]

_KEY_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|Private-Lines: \d+")
_KEY_END = re.compile(r"-----END |Private-MAC")
_KEY_WORD = re.compile(r"(?:\\[nrt])?([A-Za-z0-9+/]{8,}={0,2})")
_KEY_LENGTH = 20_000
"""No private key is longer, in characters."""
_KEY_GAP = 24
"""Characters between the lines of a key whose end is not marked: quotes, signs, indentation."""
_TOKEN_HEADER = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}")
_TOKEN_WORD = re.compile(r"[A-Za-z0-9_.-]{8,4000}")
_TOKEN_JOINT = re.compile(r"[\\\"'`\s+,]{1,60}")
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
"""A JSON web token: header, claims and signature."""
_TOKEN_WORDS = 100
"""A token is not written in more lines than these."""
_PREFIX = re.compile(r"^(?:[a-z]+[-_])+")
_LENGTH = 16
"""Bytes of a digest."""
_MIN_VALUE, _MIN_REST = 8, 12
"""Characters of a credential that is looked for in other text, and of one without its prefix. What is left of one that
overlaps another may be a single sign."""
_LONG_WORD = re.compile(r"[A-Za-z0-9+/]{32,}")
_QUOTED_LINE = re.compile(r"^\s*[\"'][^\"'\s]{8,}[\"']", re.MULTILINE)
_SECRET_NAMES = ("pass", "pwd", "secret", "token", "key", "auth")
_NAME_OF_NEXT_LINE = re.compile(rf"(?:{'|'.join(_SECRET_NAMES)})[^\n]*[=(:]\s*$", re.IGNORECASE | re.MULTILINE)


def find_secrets(text: str, known: Mapping[str, str] = MappingProxyType({})) -> list[Secret]:
    """Return the credentials in a text, in order, none of which overlap.

    ``known`` holds values that are credentials wherever they stand, with their kinds.
    """
    found = [*issued_secrets(text), *assigned_secrets(text)]
    found += [
        Secret(*each.span(), kind) for value, kind in known.items() for each in re.finditer(re.escape(value), text)
    ]
    for header in _TOKEN_HEADER.finditer(text) if "eyJ" in text else ():
        found += _words_of_token(text, header.start())
    found += [word for key in found if key.kind == "private-key" for word in _words_of_key(text, key.start)]
    for header in _KEY_HEADER.finditer(text) if "-----BEGIN " in text or "Private-Lines" in text else ():
        words = list(_words_of_key(text, header.end()))
        if sum(word.end - word.start for word in words) >= 40 and not is_filler(
            "".join(text[a:b] for a, b, _ in words)
        ):
            found += words
    return list(_without_overlaps(sorted(found)))


def _words_of_key(text: str, start: int) -> Iterator[Secret]:
    """Yield the base64 words of the private key that begins at a position, behind its header."""
    marked = _KEY_END.search(text, start, start + _KEY_LENGTH)
    stop, previous = marked.start() if marked else min(len(text), start + _KEY_LENGTH), start
    for word in _KEY_WORD.finditer(text, start, stop):
        if not marked and word.start() - previous > _KEY_GAP:
            return
        yield Secret(*word.span(1), "private-key")
        previous = word.end()


def _words_of_token(text: str, start: int) -> list[Secret]:
    """Return the words of a JSON web token that is written in several lines or joined literals; none for other text."""
    words: list[Secret] = []
    joined, word = "", _TOKEN_WORD.match(text, start)
    while word and len(words) < _TOKEN_WORDS and joined.count(".") <= 2:
        if joined and word[0].startswith("eyJ") and not joined.endswith("."):  # the next token
            break
        if _TOKEN.fullmatch(joined) and not is_random(word[0]):  # what follows may be other text
            break
        words.append(Secret(*word.span(), "jwt"))
        joined += word[0]
        joint = _TOKEN_JOINT.match(text, word.end())
        word = joint and _TOKEN_WORD.match(text, joint.end())
    return words if len(words) > 1 and _TOKEN.fullmatch(joined) and not is_filler(joined) else []


def _without_overlaps(secrets: Sequence[Secret]) -> Iterator[Secret]:
    end = 0
    for secret in secrets:
        if secret.end > end:
            yield Secret(max(secret.start, end), secret.end, secret.kind)
            end = secret.end


def kinds_of(secrets: Sequence[Secret]) -> str:
    """Return the kinds of some credentials in words that are safe to show; empty for none.

    >>> kinds_of([Secret(0, 9, "npm"), Secret(9, 20, "github"), Secret(30, 40, "npm")])
    'github, npm'
    """
    return ", ".join(sorted({secret.kind for secret in secrets}))


@dataclass(slots=True)
class SecretScan:
    """Finds credentials in a history without searching texts that are known to be clean.

    The text before a change consists of lines of the text after it and of removed lines. If those are clean, so is it,
    and the change that wrote it need not be searched. Texts are identified by blob ids; one without is searched.
    """

    judged: JudgedTexts = field(default_factory=JudgedTexts)
    clean: DigestSet = field(default_factory=partial(DigestSet, _LENGTH))
    """Digests of the ids of texts without any."""
    values: dict[str, str] = field(default_factory=dict)
    """The credentials found in changes since it was last cleared, with their kinds."""

    def of_text(self, text: str, blob: str = "") -> list[Secret]:
        """Return the credentials in a text."""
        key = digest(blob, _LENGTH)
        if blob and key in self.clean:
            return []
        found = self.judged.judge("secrets", blob, lambda: find_secrets(text)) or []
        if blob and not found:
            self.clean.add(key)
        return found

    def of_change(self, change: Change) -> tuple[Change, list[Secret], list[list[Secret]]]:
        """Return a change with its credentials replaced, those that no hunk adds, and for each hunk those it adds."""
        after, removed = change.after or "", ["".join(hunk.removed) for hunk in change.hunks]
        in_after = self.of_text(after, change.new_blob)
        if not in_after and not find_secrets("\n".join(removed)):
            # The hunks of a type change, such as link to file, do not relate its two sides.
            if change.status != "T" and not any(map(_may_be_part_of_secret, removed)):
                self.clean.add(digest(change.old_blob, _LENGTH))
            return change, [], [[] for _ in change.hunks]
        in_removed = list(map(find_secrets, removed))
        for text, secrets in zip([after, *removed], [in_after, *in_removed], strict=True):
            values = ((text[secret.start : secret.end], secret.kind) for secret in secrets)
            self.values.update((_without_prefix(value), kind) for value, kind in values if len(value) >= _MIN_VALUE)
        added = _added_secrets(after, change.hunks, in_after)
        others = [*set(in_after).difference(*added), *(secret for secrets in in_removed for secret in secrets)]
        cleaned = redacted_change(change, redact(after, in_after), list(map(redact, removed, in_removed)))
        return cleaned, others, added


def _may_be_part_of_secret(text: str) -> bool:
    """Return whether lines may have been part of a credential, other lines of which were not removed."""
    small = text.lower()
    return bool(
        "-----begin" in small
        or _LONG_WORD.search(text)
        or _QUOTED_LINE.search(text)
        # A literal is searched for many times as fast as the expression.
        or (any(name in small for name in _SECRET_NAMES) and _NAME_OF_NEXT_LINE.search(text))
    )


def _without_prefix(value: str) -> str:
    """Return a value without the words that its issuer puts before it, as "django-insecure-", if enough is left."""
    rest = _PREFIX.sub("", value)
    return rest if len(rest) >= _MIN_REST else value


def _added_secrets(text: str, hunks: Sequence[Hunk], secrets: Sequence[Secret]) -> list[list[Secret]]:
    """Return for each hunk the credentials of the text that touch its added lines."""
    offsets = [0, *accumulate(map(len, lines_of(text)))]
    ranges = [(offsets[hunk.new_start], offsets[hunk.new_start + len(hunk.added)]) for hunk in hunks]
    return [[secret for secret in secrets if secret.start < stop and secret.end > start] for start, stop in ranges]
