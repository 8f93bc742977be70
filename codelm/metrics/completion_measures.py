"""Measures of a completion that need no run of it, syntax faults and idioms, and their means over completions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelm.metrics.completion import Completion
from codelm.metrics.syntax.rust_fragments import Wrapper, wrappers
from codelm.metrics.syntax.rust_lexer import open_brackets
from codelm.metrics.syntax.trees import faults, grammar, nodes, parse

if TYPE_CHECKING:
    from tree_sitter import Language, Node

__all__ = ["Idioms", "Measures", "count_idioms", "mean_idioms", "means", "measure"]

_TRAIT_NODES = frozenset({"trait_bounds", "dynamic_type", "abstract_type"})
"""``T: Trait``, ``dyn Trait``, ``impl Trait`` in Rust's grammar; ``impl Trait for`` is an `impl_item` with a trait."""
_UNWRAPS = frozenset({b"unwrap", b"expect"})
_ANONYMOUS = b"'_"


@dataclass(frozen=True, slots=True)
class Idioms:
    """Counts of idioms in a piece of Rust.

    Attributes:
        trait_usage: implementations of traits, bounds, ``dyn`` and ``impl`` types.
        lifetimes: distinct named lifetimes, ``'static`` among them.
        question_marks: errors passed on with ``?``.
        unwraps: calls of ``unwrap`` and ``expect``.
    """

    trait_usage: int
    lifetimes: int
    question_marks: int
    unwraps: int


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of one completion.

    Attributes:
        parses: whether it is correct syntax in one of the surroundings for its prompt.
        faults: ERROR and MISSING nodes in the surroundings with the fewest.
        lines: lines of prompt and completion that are not blank.
        idioms: counts of idioms; None unless it is Rust.
    """

    parses: bool
    faults: int
    lines: int
    idioms: Idioms | None


def measure(language: str, completion: Completion) -> Measures | None:
    """Return the measures of a completion; None if the language's grammar is not installed."""
    parser = grammar(language)
    if parser is None:
        return None
    text = completion.prompt + completion.text
    before, root = _best_tree(parser, completion, wrappers(completion.prompt) if language == "rust" else [("", "")])
    fault_count = len(faults(root))
    start = len((before + completion.prompt).encode(errors="replace"))
    extent = (len(before.encode()), start, start + len(completion.text.encode(errors="replace")))
    idioms = count_idioms(root, *extent) if language == "rust" else None
    return Measures(fault_count == 0, fault_count, sum(bool(line.strip()) for line in text.splitlines()), idioms)


def _best_tree(parser: "Language", completion: Completion, surroundings: Sequence[Wrapper]) -> "tuple[str, Node]":
    """Return the text before the prompt and the tree, for the first of the surroundings with the fewest faults."""
    text = completion.prompt + completion.text
    # Brackets that are open because the limit of tokens cut the text off are no fault.
    closing = "" if completion.finished else "}" * open_brackets(text)
    trees = ((before, parse(parser, before + text + closing + after)) for before, after in surroundings)
    best: tuple[str, Node] | None = None
    for before, root in trees:
        if best is None or len(faults(root)) < len(faults(best[1])):
            best = before, root
        if not root.has_error:
            break
    assert best is not None, "no surroundings to try"
    return best


def count_idioms(root: "Node", prompt: int, start: int, end: int) -> Idioms:
    """Return the idiom counts of a completion: of nodes that overlap it and do not begin before its prompt.

    Args:
        root: the tree of surroundings, prompt and completion.
        prompt: the byte at which the prompt begins.
        start: the byte at which the completion begins.
        end: the byte at which it ends.
    """
    written = [node for node in nodes(root) if prompt <= node.start_byte < end and start < node.end_byte]
    return Idioms(
        trait_usage=sum(_uses_trait(node) for node in written),
        lifetimes=len({node.text for node in written if node.type == "lifetime"} - {_ANONYMOUS}),
        question_marks=sum(node.type == "try_expression" for node in written),
        unwraps=sum(node.type == "field_identifier" and node.text in _UNWRAPS for node in written),
    )


def _uses_trait(node: "Node") -> bool:
    """Return whether a node of Rust's grammar implements a trait or requires one of a type."""
    return node.type in _TRAIT_NODES or (node.type == "impl_item" and node.child_by_field_name("trait") is not None)


def means(measures: Sequence[Measures]) -> dict[str, float]:
    """Return the share of completions that parse, 0 to 1, and their `mean_idioms`; nothing of no completion."""
    if not measures:
        return {}
    found = {"parses": sum(measure.parses for measure in measures) / len(measures)}
    idioms = [measure.idioms for measure in measures if measure.idioms is not None]
    return found | (mean_idioms(idioms, sum(measure.lines for measure in measures)) if idioms else {})


def mean_idioms(idioms: Sequence[Idioms], lines: int) -> dict[str, float]:
    """Return the means of `Idioms` over completions that have ``lines`` lines in all, without undefined ones.

    ``trait_usage`` is per 1,000 lines, ``lifetimes`` per completion, ``question_mark_share`` the share of ``?`` in
    ``?``, ``unwrap`` and ``expect``, 0 to 1.
    """
    found = {
        "trait_usage": 1000 * sum(each.trait_usage for each in idioms) / max(1, lines),
        "lifetimes": sum(each.lifetimes for each in idioms) / len(idioms),
    }
    passed_on = sum(each.question_marks for each in idioms)
    handled = passed_on + sum(each.unwraps for each in idioms)
    return found | ({"question_mark_share": passed_on / handled} if handled else {})
