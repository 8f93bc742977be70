"""How a tokenizer splits a line of code, and whether names in it stay apart from the signs beside them.

That matters where a language glues signs to names, as Rust does with lifetimes, macros and generics: a token such as
``a>`` must be learned apart from ``a`` and from ``>``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codelm.history.tokenization.encoder import Encoder

__all__ = ["Construct", "Token", "constructs", "split_line"]

_CONSTRUCTS = {
    "lifetime": re.compile(r"(?<!\w)'(?P<name>[A-Za-z]\w*|_\w+)(?!'|\w)"),
    "macro": re.compile(r"\b(?P<name>[A-Za-z_]\w*)!(?=\s*[(\[{])"),
    "generics": re.compile(r"\b[A-Za-z_]\w*(?:::)?<(?:[^<>;]|<(?:[^<>;]|<[^<>;]*>)*>)*>"),
}
_OWN_SIGN = {"lifetime": "'", "macro": "!", "generics": ""}
"""What a token may hold beside a name: the sign that makes the construct."""
_NAME = re.compile(r"\b(?:[A-Za-z]\w*|_\w+)")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a line.

    Attributes:
        id: Its id.
        text: The characters that it stands for, in whole or in part.
        start: Index of the first of them in the line.
    """

    id: int
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Construct:
    """A lifetime, the call of a macro, or a name with its generics.

    Attributes:
        kind: Which of them.
        text: Its text.
        tokens: The texts of the tokens that hold a part of it.
        mixed: Those of them that hold a name together with other signs than its own; with none it comes out sensibly.
    """

    kind: str
    text: str
    tokens: Sequence[str]
    mixed: Sequence[str]


def split_line(text: str, encoder: Encoder) -> list[Token]:
    """Return the tokens of a text in their order."""
    ids, spans = encoder.locate(text)
    return [Token(token, text[start:stop], start) for token, (start, stop) in zip(ids, spans, strict=True)]


def constructs(text: str, tokens: Sequence[Token]) -> Iterator[Construct]:
    """Yield the constructs of Rust in a text, by their looks, with the tokens that hold them."""
    for kind, pattern in _CONSTRUCTS.items():
        for found in pattern.finditer(text):
            start, stop = found.span()
            held = [token for token in tokens if token.start < stop and token.start + len(token.text) > start]
            spans = [found.span("name")] if "name" in pattern.groupindex else _names(text, *found.span())
            mixed = [token.text for token in held if any(_mixes(token, *span, _OWN_SIGN[kind]) for span in spans)]
            yield Construct(kind, found[0], [token.text for token in held], mixed)


def _names(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    return [found.span() for found in _NAME.finditer(text, start, stop)]


def _mixes(token: Token, start: int, stop: int, own: str) -> bool:
    """Return whether a token holds a part of the name there and something beside it that is no space or own sign."""
    first, last = max(token.start, start), min(token.start + len(token.text), stop)
    beside = token.text[: max(0, start - token.start)] + token.text[max(0, stop - token.start) :]
    return first < last and bool(beside.strip().replace(own, "") if own else beside.strip())
