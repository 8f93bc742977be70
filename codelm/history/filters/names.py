"""Detection of the names of people: of those who took part in a history, and of whoever signs a text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from codelm.history.filters.bots import agent_of, is_bot
from codelm.history.filters.issued_secrets import Secret
from codelm.history.filters.mail_addresses import is_nobody

__all__ = ["NAME", "KnownNames", "known_names", "signed_names"]

NAME = "name"
"""The kind of what is found."""

_PARTICLES = "al|bin|da|de|del|della|den|der|di|dos|du|el|ibn|la|le|ten|ter|van|von|y|zu"
_WORD = rf"(?:{_PARTICLES}|(?!\d)[^\W_a-z][\w.'\u2019-]*)"
"""A word of a name: it does not begin with a small letter of ASCII, or it is one of those that do."""
_ADDRESS = re.compile(r"[\"']? <([^<>\s@]+)@([^<>\s]+)>")
_NAME_BEFORE = re.compile(rf"(?<![\w.'\u2019-])((?:{_WORD} ){{0,4}}{_WORD})\Z")
"""An address behind a name, as git writes both, and that name."""
_LONGEST = 120
"""Characters of a name before an address."""
_NO_NAMES = ("A", "An", "And", "At", "By", "Cc", "Contact", "E-mail", "Email", "From", "Mail", "Or", "See", "The", "To")
"""Words that may stand before an address at the beginning of a sentence or line."""
_TRAILER = re.compile(
    r"(?im)^[ \t]*(?:signed-off|(?:co-)?(?:authored|developed)|reviewed|acked|tested|reported|suggested|committed"
    r"|helped|requested|approved|mentored|pair(?:ed)?|noticed|fixed)-by:[ \t]*"
    r"([^\s<(@](?:[^<(@\n]*[^<(@ \t\r\n])?)[ \t\r]*(?:[<(\n]|$)"
)
_FULL_NAME = re.compile(rf"(?:(?:{_WORD} ){{1,4}}{_WORD}|[^\W\da-zA-Z_]{{2,}})")
"""What is looked for in all text: of several words, or in a script without capitals."""
_FIRST_WORD = re.compile(r"[A-Z\u0080-\U0010ffff](?<=[^\W\d_])(?<!\w\w)\w*+(?:(?=[ .'\u2019-])|(?<=[^\0-\x7f]))")
"""Up to a sign, behind which such a name goes on, or all of it in a script without capitals."""


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names that are looked for in texts.

    Attributes:
        by_first_word: The names by the letters that they begin with, up to another sign; of each the longest first.
    """

    by_first_word: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, text: str) -> Iterator[Secret]:
        """Yield where these names stand as whole words; one may lie in another."""
        for word in _FIRST_WORD.finditer(text) if self.by_first_word else ():
            for name in self.by_first_word.get(word[0], ()):
                end = word.start() + len(name)
                if text.startswith(name, word.start()) and not text[end : end + 1].isalnum():
                    yield Secret(word.start(), end, NAME)
                    break


def known_names(names: Iterable[str]) -> KnownNames:
    """Return the names that can be looked for in any text: those of people, in full.

    A name of one word, such as "alice", may be any word; it is known where somebody signs with it (`signed_names`).

    >>> known_names(["Jo Li", "alice", "dependabot[bot]", "Ada van Dam"]).by_first_word
    {'Jo': ('Jo Li',), 'Ada': ('Ada van Dam',)}
    """
    kept = (name for name in dict.fromkeys(names) if _FULL_NAME.fullmatch(name) and not _is_program(name))
    found: dict[str, list[str]] = {}
    for name in kept:
        first = _FIRST_WORD.match(name)
        if first:
            found.setdefault(first[0], []).append(name)
    return KnownNames({word: tuple(sorted(each, key=len, reverse=True)) for word, each in found.items()})


def _is_program(name: str) -> bool:
    return is_bot(name, "") or agent_of(name, "") is not None


def signed_names(text: str) -> Iterator[Secret]:
    r"""Yield the names that stand before an address or in a trailer such as Reviewed-by; one may lie in another.

    >>> text = "Thanks to Jo Li <jo@li.net>.\n\nReviewed-by: alice\n"
    >>> [text[start:end] for start, end, _ in signed_names(text)]
    ['Jo Li', 'alice']
    """
    trailers = _TRAILER.finditer(text) if "-by:" in text.lower() else ()
    spans = chain(_before_addresses(text), (match.span(1) for match in trailers))
    return (Secret(start, end, NAME) for start, end in spans)


def _before_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the names before addresses begin and end."""
    for address in _ADDRESS.finditer(text) if "@" in text else ():
        name = _NAME_BEFORE.search(text, max(0, address.start() - _LONGEST), address.start())
        if name and name[1] not in _NO_NAMES and not is_nobody(*address.groups()):
            yield name.span(1)
