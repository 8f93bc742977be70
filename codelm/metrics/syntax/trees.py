"""Syntax trees by tree-sitter, for the languages whose grammar is installed."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from codelm.metrics.syntax.rust_grammar_gaps import hidden_ranges, misplaced_statements

if TYPE_CHECKING:
    from tree_sitter import Language, Node

__all__ = ["GRAMMARS", "faults", "faults_of", "grammar", "nodes", "parse"]


GRAMMARS = {"rust": "tree_sitter_rust", "python": "tree_sitter_python"}
"""Packages with grammars, by language; only these are imported, whatever names of files a repository has."""


@cache
def grammar(language: str) -> "Language | None":
    """Return the grammar of a language; None of one not in `GRAMMARS`, or if a package is not installed."""
    if language not in GRAMMARS:
        return None
    try:
        from tree_sitter import Language

        return Language(import_module(GRAMMARS[language]).language())
    except ImportError:
        return None


def parse(language: "Language", code: str) -> "Node":
    """Return the root of the code's syntax tree; any text has one.

    Where the grammar of Rust finds faults, it is asked again without what it is known to misread.
    """
    text = code.encode(errors="replace")
    root = _parse(language, text, ())
    hidden = hidden_ranges(code) if root.has_error and language is grammar("rust") else ()
    return min(root, _parse(language, text, hidden), key=lambda tree: len(faults(tree))) if hidden else root


def _parse(language: "Language", text: bytes, hidden: Sequence[tuple[int, int]]) -> "Node":
    """Return the root of the tree of a text in UTF-8, parsed as if the hidden ranges of bytes were not there."""
    from tree_sitter import Parser, Point, Range

    edges, points, start = [0, *(edge for span in hidden for edge in span), len(text)], [], Point(0, 0)
    for before, edge in zip([0, *edges], edges, strict=False):
        passed = text[before:edge]
        rows = passed.count(b"\n")
        start = Point(start.row + rows, len(passed) - passed.rfind(b"\n") - 1 if rows else start.column + len(passed))
        points.append(start)
    shown = zip(points[::2], points[1::2], edges[::2], edges[1::2], strict=True)
    return Parser(language, included_ranges=[Range(*each) for each in shown]).parse(text).root_node


def nodes(root: "Node") -> Iterator["Node"]:
    """Yield a node and all its descendants."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children


def faults(root: "Node") -> list[tuple[int, int]]:
    """Return the ranges of faults in bytes: of ERROR and MISSING nodes, and of what the grammar should not accept.

    Code that was cut off mostly has MISSING ones only.
    """
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found += [(node.start_byte, node.end_byte)] if node.is_error or node.is_missing else []
        stack += node.children if node.has_error else ()
    rust = grammar("rust") if root.type == "source_file" else None
    return found + (misplaced_statements(root, rust) if rust else [])


def faults_of(language: str, code: str) -> list[tuple[int, int]] | None:
    """Return the faults of a code's tree; None if the language has no grammar."""
    found = grammar(language)
    return None if found is None else faults(parse(found, code))
