"""Syntax trees by tree-sitter, for the languages whose grammar is installed."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node

__all__ = ["GRAMMARS", "count_faults", "faults", "grammar", "nodes", "parse"]


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
    """Return the root of the code's syntax tree; any text has one."""
    from tree_sitter import Parser

    return Parser(language).parse(code.encode(errors="replace")).root_node


def nodes(root: "Node") -> Iterator["Node"]:
    """Yield a node and all its descendants."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children


def faults(root: "Node") -> int:
    """Return the number of ERROR and MISSING nodes; code that was cut off mostly has MISSING ones only."""
    count, stack = 0, [root]
    while stack:
        node = stack.pop()
        count += node.is_error + node.is_missing
        stack += node.children if node.has_error else ()
    return count


def count_faults(language: str, code: str) -> int | None:
    """Return the number of ERROR and MISSING nodes in the code's tree; None if the language has no grammar."""
    found = grammar(language)
    return None if found is None else faults(parse(found, code))
