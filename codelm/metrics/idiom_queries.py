"""Tree-sitter queries over Rust: the idioms that make up a profile, the types returned and the macros called.

Limit: the grammar does not parse the arguments of macro calls, which hold a tenth of the code or more.
"""

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from codelm.errors import InputError
from codelm.metrics.syntax.trees import grammar, parse

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query

__all__ = ["IDIOMS", "LABELS", "captures", "macro_names", "node_text", "profile", "return_types", "rust_grammar"]


class _Idiom(NamedTuple):
    """A construct to count; where its pattern, a query, has a capture ``@_word``, that has to be ``word``."""

    name: str
    label: str
    pattern: str
    word: str = ""


_METHOD = "(call_expression function: (field_expression field: (field_identifier) @_word))"
_ATTRIBUTE = "(attribute_item (attribute (identifier) @_word))"
_NAMED = "[(type_identifier) @_word (scoped_type_identifier name: (type_identifier) @_word)]"
_RETURNS = f"(function_item return_type: (generic_type type: {_NAMED}))"

IDIOMS = (
    _Idiom("fn", "fn", "(function_item)"),
    _Idiom("pub_fn", "pub fn", "(function_item (visibility_modifier))"),
    _Idiom("async_fn", "async fn", '(function_modifiers "async")'),
    _Idiom("unsafe_fn", "unsafe fn", '(function_modifiers "unsafe")'),
    _Idiom("returns_result", "-> Result<…>", _RETURNS, "Result"),
    _Idiom("returns_option", "-> Option<…>", _RETURNS, "Option"),
    _Idiom("trait", "trait", "(trait_item)"),
    _Idiom("impl_trait", "impl Trait for", "(impl_item trait: (_))"),
    _Idiom("impl", "impl", "(impl_item !trait)"),
    _Idiom("struct", "struct", "(struct_item)"),
    _Idiom("enum", "enum", "(enum_item)"),
    _Idiom("mod", "mod", "(mod_item)"),
    _Idiom("derive", "#[derive]", _ATTRIBUTE, "derive"),
    _Idiom("test", "#[test]", _ATTRIBUTE, "test"),
    _Idiom("type_parameters", "<T>", "(type_parameters)"),
    _Idiom("where", "where", "(where_clause)"),
    _Idiom("bounds", "T: Trait", "(trait_bounds)"),
    _Idiom("lifetime", "'a", "(lifetime)"),
    _Idiom("dyn", "dyn Trait", "(dynamic_type)"),
    _Idiom("impl_type", "impl Trait", "(abstract_type)"),
    _Idiom("reference", "&T", "(reference_type)"),
    _Idiom("mutable_reference", "&mut T", "(reference_type (mutable_specifier))"),
    _Idiom("question_mark", "?", "(try_expression)"),
    _Idiom("unwrap", ".unwrap()", _METHOD, "unwrap"),
    _Idiom("expect", ".expect()", _METHOD, "expect"),
    _Idiom("clone", ".clone()", _METHOD, "clone"),
    _Idiom("closure", "|x| …", "(closure_expression)"),
    _Idiom("match", "match", "(match_expression)"),
    _Idiom("if_let", "if let", "(if_expression condition: [(let_condition) (let_chain)])"),
    _Idiom("let_else", "let … else", "(let_declaration alternative: (block))"),
    _Idiom("await", ".await", "(await_expression)"),
    _Idiom("async_block", "async { … }", "(async_block)"),
    _Idiom("unsafe_block", "unsafe { … }", "(unsafe_block)"),
    _Idiom("macro", "macro!()", "(macro_invocation)"),
)
LABELS = {idiom.name: idiom.label for idiom in IDIOMS}


def rust_grammar() -> "Language":
    """Return Rust's grammar.

    Raises:
        InputError: It is not installed.
    """
    found = grammar("rust")
    if found is None:
        raise InputError("idioms are counted with Rust's grammar: pip install tree-sitter tree-sitter-rust")
    return found


def _capture_clause(idiom: _Idiom) -> str:
    """Return the clause of a query that captures an idiom under its name."""
    condition = f'(#eq? @_word "{idiom.word}")' if idiom.word else ""
    return f"({idiom.pattern} @{idiom.name} {condition})"


_PROFILE = "\n".join(map(_capture_clause, IDIOMS))


@cache
def _compile_query(text: str) -> "Query":
    """Return a query over Rust, compiled once."""
    from tree_sitter import Query

    return Query(rust_grammar(), text)


def captures(query: str, code: str) -> "dict[str, list[Node]]":
    """Return the nodes of the code that a query captures, by the names of the captures."""
    from tree_sitter import QueryCursor

    return QueryCursor(_compile_query(query)).captures(parse(rust_grammar(), code))


def profile(code: str) -> Counter[str]:
    """Return how often each of `IDIOMS` occurs in the code, by its name."""
    found = captures(_PROFILE, code)
    return Counter({name: len(found[name]) for name in LABELS if name in found})


def node_text(node: "Node") -> str:
    """Return the text of a node."""
    return (node.text or b"").decode(errors="replace")


def return_types(code: str) -> Counter[str]:
    """Return how often functions return each type, without generic arguments and lifetimes."""
    return Counter(map(_type_head, captures("(function_item return_type: (_) @returned)", code).get("returned", [])))


def _type_head(node: "Node") -> str:
    """Return a type without its generic arguments and lifetimes."""
    if node.type == "generic_type":
        named = node.child_by_field_name("type")
        return "" if named is None else node_text(named)
    if node.type == "reference_type":
        mutable = any(child.type == "mutable_specifier" for child in node.children)
        referred = node.child_by_field_name("type")
        return ("&mut " if mutable else "&") + ("" if referred is None else _type_head(referred))
    return "(…)" if node.type == "tuple_type" else " ".join(node_text(node).partition("<")[0].split())


def macro_names(code: str) -> Counter[str]:
    """Return how often each macro is called."""
    return Counter(map(node_text, captures("(macro_invocation macro: (_) @macro)", code).get("macro", [])))
