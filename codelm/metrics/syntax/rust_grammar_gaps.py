"""Where the grammar of Rust and rustc's parser differ: what is hidden from the grammar, and what it should not accept.

The grammar is tree-sitter-rust 0.24.2, the newest release; what is valid was asked of the parser of rustc 1.95. Whether
the rest is valid does not depend on what is hidden: a macro named ``str`` becomes one named ``sr``, ``Array<-1>``
becomes ``Array<1>``. Nodes keep their places and texts.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from codelm.metrics.syntax.rust_lexer import Token, depth_change, preamble_end, significant

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

__all__ = ["hidden_ranges", "misplaced_statements"]

_Range = tuple[int, int]
_STATEMENTS = """
(source_file [(let_declaration) (expression_statement)] @statement)
(source_file (macro_invocation) @macro)
(block (macro_invocation) @macro)
(declaration_list (macro_invocation) @macro)
"""

_AHEAD = 4
"""Tokens that a rule may look ahead."""
_NO_NAMES = re.compile("try|bool|char|str|[iu](8|16|32|64|128|size)|f32|f64")
_BEFORE_VALUE = frozenset({"(", ",", "|", "=", "=>", "&", "+", "-", "*", "/", "where", "return"})
"""Tokens behind which an attribute is one of a value, a parameter or a bound."""
_BEHIND_FIELD = frozenset({",", ":", "}"})
_AFTER_BINDER = frozenset({"|", "move", "async", "static"})


def hidden_ranges(text: str) -> list[_Range]:
    """Return the ranges to hide of a text in Rust, in bytes of UTF-8, none within another."""
    reached = preamble_end(text)
    ranges = [(0, reached)] if reached else []
    end = [Token("space", "", len(text))] * _AHEAD
    tokens = [Token("space", "", 0), *significant(text), *end]
    for at in range(1, len(tokens) - _AHEAD):
        for start, stop in (found for rule in _RULES for found in rule(tokens, at)):
            if start >= reached:
                ranges.append((start, stop))
                reached = stop
    return _in_bytes(text, ranges)


def _in_bytes(text: str, ranges: Sequence[_Range]) -> list[_Range]:
    """Return ranges of characters, in order, as ranges of bytes."""
    places = [0, *(place for found in ranges for place in found)]
    ends = accumulate(len(text[start:end].encode(errors="replace")) for start, end in pairwise(places))
    return list(zip(ends, ends, strict=True))


def _name(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``str![]`` and ``char @ 'a'``, which the grammar knows as types only, and ``try!()`` of editions before 2018."""
    token, one, two = tokens[at : at + 3]
    if _NO_NAMES.fullmatch(token.text) and (one.text == "@" or (one.text == "!" and two.text in ("(", "[", "{"))):
        yield token.start + 1, token.start + 2


def _foreign_modifier(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``unsafe extern "C" { safe fn f(); unsafe static A: u8; }``."""
    token, one, two, three = tokens[at : at + 4]
    opens_block = one.text == "extern" and "{" in (two.text, three.text) and two.text != "fn"
    is_unsafe = token.text == "unsafe" and (opens_block or one.text == "static")
    if is_unsafe or (token.text == "safe" and one.text in ("fn", "static")):
        yield token.start, token.end


def _negative_argument(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``Array<-1>``."""
    before, token, number, after = tokens[at - 1 : at + 3]
    if token.text == "-" and before.text in ("<", ",") and number.kind == "number" and after.text in (",", ">"):
        yield token.start, token.end


def _bound(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``dyn 'a + Trait``, and ``where`` without bounds."""
    before, token, after = tokens[at - 1 : at + 2]
    if before.text == "dyn" and token.kind == "lifetime" and after.text == "+":
        yield token.start, after.end
    if token.text == "where" and after.text in ("{", ";"):
        yield token.start, token.end


def _closure_binder(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``for<'a> |text: &'a str| text``."""
    if tokens[at].text == "for" and tokens[at + 1].text == "<":
        end = next((place for place in range(at, len(tokens)) if tokens[place].text == ">"), at)
        if tokens[end].text == ">" and tokens[end + 1].text in _AFTER_BINDER:
            yield tokens[at].start, tokens[end].end


def _attribute(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``where #[cfg(a)] T: A``, ``(1, #[cfg(a)] 2)``, ``let A { #[cfg(a)] b, .. } = c``; those of items stay."""
    end = at
    while tokens[end].text == "#" and tokens[end + 1].text == "[":
        end = _behind_bracket(tokens, end + 1)
    arrow = (tokens[at - 2].text, tokens[at - 1].text) == ("=", ">")
    of_value = ("=>" if arrow else tokens[at - 1].text) in _BEFORE_VALUE
    of_field = tokens[end].kind == "word" and tokens[end + 1].text in _BEHIND_FIELD
    if end > at and tokens[end].text not in ("}", ")", "]", "") and (of_value or of_field):
        yield tokens[at].start, tokens[end - 1].end


def _behind_bracket(tokens: Sequence[Token], at: int) -> int:
    """Return the number of the token behind the bracket that closes the one at ``at``; that of the end if none does."""
    depths = accumulate(depth_change(token) for token in tokens[at:])
    return next((at + 1 + place for place, depth in enumerate(depths) if depth == 0), len(tokens) - _AHEAD)


def _rest(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``A { .. } = b``."""
    before, one, two, after = tokens[at - 1 : at + 3]
    if one.text == two.text == "." and before.text in ("{", ",") and after.text == "}":
        yield one.start, two.end


def _lone_sign(tokens: Sequence[Token], at: int) -> Iterator[_Range]:
    """``[~]`` and ``[$]`` in the arguments of macros."""
    token, after = tokens[at : at + 2]
    if token.text == "~" or (token.text == "$" and after.kind != "word" and after.text != "("):
        yield token.start, token.end


def misplaced_statements(root: "Node", language: "Language") -> list[_Range]:
    """Return the ranges of statements that stand among items, and of macros that lack a semicolon, in bytes."""
    from tree_sitter import QueryCursor

    found = QueryCursor(_query(language)).captures(root)
    statements = [node for node in found.get("statement", []) if node.children[0].type != "macro_invocation"]
    macros = [node for node in found.get("macro", []) if not _is_ended(node)]
    return [(node.start_byte, node.end_byte) for node in (*statements, *macros)]


@cache
def _query(language: "Language") -> "Query":
    from tree_sitter import Query

    return Query(language, _STATEMENTS)


def _is_ended(macro: "Node") -> bool:
    """Return whether a macro that is a statement or an item ends with a brace, a semicolon, or with its block."""
    after = macro.next_sibling
    while after is not None and after.type.endswith("comment"):
        after = after.next_sibling
    end = "" if after is None else after.type
    in_block = macro.parent is not None and macro.parent.type == "block"
    return (macro.text or b"").endswith(b"}") or end in (";", "empty_statement") or (in_block and end == "}")


_RULES = (
    _name,
    _foreign_modifier,
    _negative_argument,
    _bound,
    _closure_binder,
    _attribute,
    _rest,
    _lone_sign,
)
