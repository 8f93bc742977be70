"""Parsing with tree-sitter, for the languages whose grammar is installed."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node


GRAMMARS = {"rust": "tree_sitter_rust", "python": "tree_sitter_python"}
"""The languages whose syntax is judged; no name of a file in a repository decides what is imported."""


@cache
def grammar(language: str) -> "Language | None":
    """Return the grammar of a language by its name; None of one not in `GRAMMARS`, or if its package is not there.

    The grammars are packages of their own, imported when they are first asked for.
    """
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
    """Yield a node and everything below it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def faults(root: "Node") -> int:
    """Return the number of ERROR and MISSING nodes: most code that was cut off has only the latter."""
    count, waiting = 0, [root]
    while waiting:
        node = waiting.pop()
        count += node.is_error + node.is_missing
        waiting += node.children if node.has_error else ()
    return count
