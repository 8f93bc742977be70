"""Find constructs of Rust with tree-sitter: the idioms that make a profile, and the names a repository uses.

Blind spot: the grammar does not look inside macro calls, which hold a tenth of the code or more.
"""

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from codelm.errors import InputError
from codelm.metrics.syntax.trees import grammar, parse

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query


class Idiom(NamedTuple):
    """A construct to count.

    Attributes:
        name: what the profile calls it.
        label: how it looks in code, for a person.
        pattern: the node to count, in tree-sitter's query language.
        word: what the text captured as ``@_word`` in the pattern has to be, if it has such a capture.
    """

    name: str
    label: str
    pattern: str
    word: str = ""


_METHOD = "(call_expression function: (field_expression field: (field_identifier) @_word))"
_ATTRIBUTE = "(attribute_item (attribute (identifier) @_word))"
_NAMED = "[(type_identifier) @_word (scoped_type_identifier name: (type_identifier) @_word)]"
_RETURNS = f"(function_item return_type: (generic_type type: {_NAMED}))"

IDIOMS = (
    Idiom("fn", "fn", "(function_item)"),
    Idiom("pub_fn", "pub fn", "(function_item (visibility_modifier))"),
    Idiom("async_fn", "async fn", '(function_modifiers "async")'),
    Idiom("unsafe_fn", "unsafe fn", '(function_modifiers "unsafe")'),
    Idiom("returns_result", "-> Result<…>", _RETURNS, "Result"),
    Idiom("returns_option", "-> Option<…>", _RETURNS, "Option"),
    Idiom("trait", "trait", "(trait_item)"),
    Idiom("impl_trait", "impl Trait for", "(impl_item trait: (_))"),
    Idiom("impl", "impl", "(impl_item !trait)"),
    Idiom("struct", "struct", "(struct_item)"),
    Idiom("enum", "enum", "(enum_item)"),
    Idiom("mod", "mod", "(mod_item)"),
    Idiom("derive", "#[derive]", _ATTRIBUTE, "derive"),
    Idiom("test", "#[test]", _ATTRIBUTE, "test"),
    Idiom("type_parameters", "<T>", "(type_parameters)"),
    Idiom("where", "where", "(where_clause)"),
    Idiom("bounds", "T: Trait", "(trait_bounds)"),
    Idiom("lifetime", "'a", "(lifetime)"),
    Idiom("dyn", "dyn Trait", "(dynamic_type)"),
    Idiom("impl_type", "impl Trait", "(abstract_type)"),
    Idiom("reference", "&T", "(reference_type)"),
    Idiom("mutable_reference", "&mut T", "(reference_type (mutable_specifier))"),
    Idiom("question_mark", "?", "(try_expression)"),
    Idiom("unwrap", ".unwrap()", _METHOD, "unwrap"),
    Idiom("expect", ".expect()", _METHOD, "expect"),
    Idiom("clone", ".clone()", _METHOD, "clone"),
    Idiom("closure", "|x| …", "(closure_expression)"),
    Idiom("match", "match", "(match_expression)"),
    Idiom("if_let", "if let", "(if_expression condition: (let_condition))"),
    Idiom("let_else", "let … else", "(let_declaration alternative: (block))"),
    Idiom("await", ".await", "(await_expression)"),
    Idiom("async_block", "async { … }", "(async_block)"),
    Idiom("unsafe_block", "unsafe { … }", "(unsafe_block)"),
    Idiom("macro", "macro!()", "(macro_invocation)"),
)
LABELS = {idiom.name: idiom.label for idiom in IDIOMS}

NAMES = """
(function_item return_type: (_) @returned)
(macro_invocation macro: (_) @macro)
"""
"""Where a repository's own vocabulary stands: types it returns, macros it calls."""


def rust() -> "Language":
    """Return Rust's grammar.

    Raises:
        InputError: it is not installed.
    """
    found = grammar("rust")
    if found is None:
        raise InputError("idioms are counted with Rust's grammar: pip install tree-sitter tree-sitter-rust")
    return found


def clause(idiom: Idiom) -> str:
    """Return an idiom as a clause of a query that captures it by its name."""
    condition = f'(#eq? @_word "{idiom.word}")' if idiom.word else ""
    return f"({idiom.pattern} @{idiom.name} {condition})"


@cache
def query(text: str) -> "Query":
    """Return a query over Rust, compiled once."""
    from tree_sitter import Query

    return Query(rust(), text)


def captures(text: str, code: str) -> "dict[str, list[Node]]":
    """Return the nodes of the code that a query captures, by the captures' names."""
    from tree_sitter import QueryCursor

    return QueryCursor(query(text)).captures(parse(rust(), code))


def profile(code: str) -> Counter[str]:
    """Return how often each of `IDIOMS` stands in the code, by its name.

    >>> sorted(profile("fn f() -> u8 { g()?; h().unwrap() }").items())
    [('fn', 1), ('question_mark', 1), ('unwrap', 1)]
    """
    found = captures("\n".join(map(clause, IDIOMS)), code)
    return Counter({name: len(found[name]) for name in LABELS if name in found})


def text_of(node: "Node") -> str:
    """Return the text of a node."""
    return (node.text or b"").decode(errors="replace")


def return_heads(code: str) -> Counter[str]:
    """Return how often functions return which types, by the types' heads.

    >>> return_heads("fn f() -> io::Result<u8> {} fn g<'a>() -> &'a str {} fn h() {}")
    Counter({'io::Result': 1, '&str': 1})
    """
    return Counter(map(head, captures(NAMES, code).get("returned", [])))


def head(node: "Node") -> str:
    """Return a type without what it is made of and without its lifetimes."""
    if node.type == "generic_type":
        named = node.child_by_field_name("type")
        return "" if named is None else text_of(named)
    if node.type == "reference_type":
        mutable = any(child.type == "mutable_specifier" for child in node.children)
        referred = node.child_by_field_name("type")
        return ("&mut " if mutable else "&") + ("" if referred is None else head(referred))
    return "(…)" if node.type == "tuple_type" else " ".join(text_of(node).partition("<")[0].split())


def macro_names(code: str) -> Counter[str]:
    """Return how often which macros are called."""
    return Counter(map(text_of, captures(NAMES, code).get("macro", [])))
