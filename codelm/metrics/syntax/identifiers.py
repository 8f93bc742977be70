"""The names in code, and what of code is no comment; by lexers, because a pattern for comments deletes code.

Names that a repository invented are the cheapest proof that a model knows it: about a fifth of the names in its own
unseen functions, next to none of those in other repositories'.
"""

import keyword
import re
from collections.abc import Iterable, Iterator

from codelm.metrics.syntax import python_lexer, rust_lexer
from codelm.metrics.syntax.rust_lexer import Token

RUST_KEYWORDS = re.compile(
    "_|as|async|await|break|const|continue|crate|dyn|else|enum|extern|false|fn|for|if|impl|in|let|loop|match|mod|move|"
    "mut|pub|ref|return|self|Self|static|struct|super|trait|true|type|unsafe|use|where|while|yield"
)
PYTHON_KEYWORDS = re.compile("|".join(["_", *keyword.kwlist]))
KEYWORDS = {"rust": RUST_KEYWORDS, "python": PYTHON_KEYWORDS}
LEXERS = {"rust": rust_lexer.lex, "python": python_lexer.lex}
COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
WORD = re.compile(r"[^\W\d]\w*")
SHORTEST = 4
"""Characters of a name that can tell a repository from another: everybody has an ``i``, an ``io`` and a ``buf``."""


def tokens(language: str, text: str) -> Iterator[Token]:
    """Yield the tokens of ``text``; of a language without a lexer the words alone."""
    if language in LEXERS:
        yield from LEXERS[language](text)
    else:
        yield from (Token("word", found[0], found.start()) for found in WORD.finditer(text))


def identifiers(language: str, text: str) -> list[str]:
    r"""Return the names in ``text`` in order, repeated ones too: words that are no keyword, literal or comment.

    >>> identifiers("rust", "fn f<'a>(r#type: &'a str) { /* g */ h('i', \"j\", 1u8) }")
    ['f', 'type', 'str', 'h']
    """
    words = [token.text for token in tokens(language, text) if token.kind == "word"]
    known = KEYWORDS.get(language)
    return [word.removeprefix("r#") for word in words if known is None or not known.fullmatch(word)]


def own_names(snapshot: Iterable[str], general: Iterable[str], language: str) -> frozenset[str]:
    """Return the names that a repository has and general code lacks, those of at least `SHORTEST` characters.

    Args:
        snapshot: the repository's files as they were when training ended.
        general: code that is not the repository's.
        language: which of both to read as.
    """
    ours, theirs = ({name for text in texts for name in identifiers(language, text)} for texts in (snapshot, general))
    return frozenset(name for name in ours - theirs if len(name) >= SHORTEST)


def without_comments(language: str, text: str) -> str:
    r"""Return the text without its comments, with as many lines as before; as it is, where no lexer knows them.

    >>> without_comments("rust", "#[derive(Debug)] // why\nlet a = /* 1 */ '/';")
    "#[derive(Debug)]  \nlet a =   '/';"
    """
    if language not in LEXERS:
        return text
    return "".join(blank(token) if token.kind in COMMENTS else token.text for token in LEXERS[language](text))


def blank(token: Token) -> str:
    """Return what is left of a token nobody shall read: its line feeds, or a space."""
    return "\n" * token.text.count("\n") or " "
