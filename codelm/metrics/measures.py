"""What can be counted in one completion without running it, and the means over many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codelm.metrics.completion import Completion
from codelm.metrics.syntax.rust_lexer import open_brackets
from codelm.metrics.syntax.trees import faults, grammar, nodes, parse
from codelm.metrics.syntax.wrappers import Wrapper, wrappers

if TYPE_CHECKING:
    from tree_sitter import Language, Node

TRAIT_NODES = frozenset({"trait_bounds", "dynamic_type", "abstract_type"})
"""``T: Trait``, ``dyn Trait``, ``impl Trait`` in Rust's grammar; ``impl Trait for`` is an `impl_item` with a trait."""
UNWRAPS = frozenset({b"unwrap", b"expect"})
ANONYMOUS = b"'_"


@dataclass(frozen=True, slots=True)
class Idioms:
    """How a piece of Rust is written.

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
    """What one completion shows.

    Attributes:
        parses: whether it is correct syntax in surroundings that suit its prompt.
        faults: ERROR and MISSING nodes in the surroundings that suit it best.
        lines: lines of prompt and completion that hold something.
        idioms: how it is written; None unless it is Rust.
    """

    parses: bool
    faults: int
    lines: int
    idioms: Idioms | None


def measure(language: str, completion: Completion) -> Measures | None:
    """Return what a completion shows; None if the language's grammar is not installed."""
    parser = grammar(language)
    if parser is None:
        return None
    text = completion.prompt + completion.text
    before, root = best_tree(parser, completion, wrappers(completion.prompt) if language == "rust" else [("", "")])
    wrong = faults(root)
    start = len((before + completion.prompt).encode(errors="replace"))
    extent = (len(before.encode()), start, start + len(completion.text.encode(errors="replace")))
    idioms = count_idioms(root, *extent) if language == "rust" else None
    return Measures(wrong == 0, wrong, sum(bool(line.strip()) for line in text.splitlines()), idioms)


def best_tree(parser: "Language", completion: Completion, tried: Sequence[Wrapper]) -> "tuple[str, Node]":
    """Return the text before and the tree of the surroundings with the fewest faults, the first of equals."""
    text = completion.prompt + completion.text
    # What the limit of tokens cut off is no fault of syntax.
    closing = "" if completion.finished else "}" * open_brackets(text)
    trees = ((before, parse(parser, before + text + closing + behind)) for before, behind in tried)
    best: tuple[str, Node] | None = None
    for before, root in trees:
        if best is None or faults(root) < faults(best[1]):
            best = before, root
        if not root.has_error:
            break
    assert best is not None, "no surroundings to try"
    return best


def count_idioms(root: "Node", prompt: int, start: int, end: int) -> Idioms:
    """Count what the completion wrote: nodes from ``prompt`` on that meet ``start`` to ``end``, in bytes."""
    written = [node for node in nodes(root) if node.start_byte >= prompt and start < node.end_byte]
    written = [node for node in written if node.start_byte < end]
    return Idioms(
        trait_usage=sum(uses_trait(node) for node in written),
        lifetimes=len({node.text for node in written if node.type == "lifetime"} - {ANONYMOUS}),
        question_marks=sum(node.type == "try_expression" for node in written),
        unwraps=sum(node.type == "field_identifier" and node.text in UNWRAPS for node in written),
    )


def uses_trait(node: "Node") -> bool:
    """Return whether a node of Rust's grammar names a trait to be implemented or demanded."""
    return node.type in TRAIT_NODES or (node.type == "impl_item" and node.child_by_field_name("trait") is not None)


def means(measures: Sequence[Measures]) -> dict[str, float]:
    """Return the means over completions; what cannot be said of them is left out.

    * ``parses``: the share that does, 0 to 1.
    * ``trait_usage``: per 1,000 lines of prompt and completion.
    * ``lifetimes``: distinct ones per completion.
    * ``question_mark_share``: ``?`` as a share of ``?``, ``unwrap`` and ``expect``, 0 to 1.
    """
    if not measures:
        return {}
    found = {"parses": sum(measure.parses for measure in measures) / len(measures)}
    idioms = [measure.idioms for measure in measures if measure.idioms is not None]
    return found | (mean_idioms(idioms, sum(measure.lines for measure in measures)) if idioms else {})


def mean_idioms(idioms: Sequence[Idioms], lines: int) -> dict[str, float]:
    """Return the means of `Idioms` over completions of ``lines`` lines together."""
    found = {
        "trait_usage": 1000 * sum(idiom.trait_usage for idiom in idioms) / max(1, lines),
        "lifetimes": sum(idiom.lifetimes for idiom in idioms) / len(idioms),
    }
    passed_on = sum(idiom.question_marks for idiom in idioms)
    handled = passed_on + sum(idiom.unwraps for idiom in idioms)
    return found | ({"question_mark_share": passed_on / handled} if handled else {})
