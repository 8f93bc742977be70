"""Names in code, and code without its comments; by lexers, because a regular expression for comments deletes code."""

import keyword
import re
from collections.abc import Iterable, Iterator

from codelm.metrics.syntax import python_lexer, rust_lexer
from codelm.metrics.syntax.rust_lexer import Token

__all__ = ["COMMENTS", "LEXERS", "WORD", "blank", "identifiers", "own_names", "without_comments"]

_RUST_KEYWORDS = re.compile(
    "_|as|async|await|break|const|continue|crate|dyn|else|enum|extern|false|fn|for|if|impl|in|let|loop|match|mod|move|"
    "mut|pub|ref|return|self|Self|static|struct|super|trait|true|type|unsafe|use|where|while|yield"
)
_PYTHON_KEYWORDS = re.compile("|".join(["_", *keyword.kwlist]))
_KEYWORDS = {"rust": _RUST_KEYWORDS, "python": _PYTHON_KEYWORDS}
LEXERS = {"rust": rust_lexer.lex, "python": python_lexer.lex}
COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
WORD = re.compile(r"[^\W\d]\w*")
_SHORTEST = 4
"""Characters of a name that can tell one repository from another: all have an ``i``, an ``io`` and a ``buf``."""


def _tokens(language: str, text: str) -> Iterator[Token]:
    """Yield the tokens of ``text``; for a language without a lexer only its words."""
    if language in LEXERS:
        yield from LEXERS[language](text)
    else:
        yield from (Token("word", found[0], found.start()) for found in WORD.finditer(text))


def identifiers(language: str, text: str) -> list[str]:
    """Return the names in ``text`` in order, with repetitions: words that are no keyword, literal or comment."""
    words = [token.text for token in _tokens(language, text) if token.kind == "word"]
    keywords = _KEYWORDS.get(language)
    return [word.removeprefix("r#") for word in words if keywords is None or not keywords.fullmatch(word)]


def own_names(snapshot: Iterable[str], general: Iterable[str], language: str) -> frozenset[str]:
    """Return the names of at least `_SHORTEST` characters in the snapshot's texts that no text of general code has."""
    ours, theirs = ({name for text in texts for name in identifiers(language, text)} for texts in (snapshot, general))
    return frozenset(name for name in ours - theirs if len(name) >= _SHORTEST)


def without_comments(language: str, text: str) -> str:
    """Return the text without its comments, with as many lines as before; unchanged for a language without a lexer."""
    if language not in LEXERS:
        return text
    return "".join(blank(token.text) if token.kind in COMMENTS else token.text for token in LEXERS[language](text))


def blank(text: str) -> str:
    """Return what replaces a text that is removed: its line feeds, and a space in place of what follows the last one.

    Without that, a file that ends with it and has no last line feed would have a line less.
    """
    return "\n" * text.count("\n") + " " * (not text.endswith("\n"))
