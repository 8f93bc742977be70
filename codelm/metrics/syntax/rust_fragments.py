"""Surroundings in which a piece of Rust parses that begins in the middle of an item.

A completion of ``Result<`` is a type, of ``.map_err(`` the rest of an expression, of ``where`` the rest of a function's
head: alone, none of them ever parses. For each form of prompt there are surroundings (text before, text after) in which
the code that repositories really have there does.
"""

import re
from collections.abc import Sequence

__all__ = ["Wrapper", "wrappers"]

Wrapper = tuple[str, str]
"""The text before and the text after."""

_ITEM: Sequence[Wrapper] = [("", ""), ("fn probe() {\n", "\n}"), ("trait Probe {\n", "\n}")]
_STATEMENT: Sequence[Wrapper] = [
    ("fn probe() {\n", "\n}"),
    ("fn probe() {\nlet value = ", ";\n}"),
    ("fn probe() {\nprobe(", ")\n}"),
    ("fn probe() {\nmatch value { probe => ", "}\n}"),
    ("fn probe() {\nProbe { value: ", "}\n}"),
]
_REST_OF_EXPRESSION: Sequence[Wrapper] = [
    ("fn probe() {\nvalue", "\n}"),
    ("fn probe() {\nprobe(value", ")\n}"),
    ("fn probe() {\nmatch value { probe => value", "}\n}"),
    ("fn probe() {\nProbe { value: value", "}\n}"),
    ("fn probe() {\nmatch value", "\n}"),
    ("fn probe() {\nif let probe = value", "\n}"),
]
_REST_OF_HEAD: Sequence[Wrapper] = [
    ("fn probe<T>(value: T)\n", ""),
    ("impl<T> Probe for Value<T>\n", ""),
    ("struct Probe<T>\n", ""),
    ("trait Probe<T>\n", ""),
]
_PLACE: Wrapper = ("fn probe() {\nProbe {\n", "\n}\n}")
_ATTRIBUTE: Sequence[Wrapper] = [*_ITEM, ("enum Probe {\n", "\n}"), ("struct Probe {\n", "\n}"), _PLACE]
_TYPE_PLACES: Sequence[Wrapper] = [
    ("fn probe() -> ", ""),
    ("fn probe() -> ", ";"),
    ("fn probe(value: ", ") {}"),
    ("struct Probe {\nvalue: ", "\n}"),
    ("struct Probe(", ");"),
    ("enum Probe { Value(", ")\n}"),
    ("fn probe() {\nlet value: ", "\n}"),
    ("type Probe = ", ""),
    ("const PROBE: ", ""),
    ("impl Probe for ", ""),
    ("impl ", ""),
    ("fn probe() {\n", "\n}"),
    ("fn probe() {\nlet value = |value: ", "\n}"),
    ("fn probe() {\nlet value = value.probe::<", "\n}"),
    ("fn probe<T: Iterator<Item = ", ""),
    ("fn probe<T: FnMut() -> ", ""),
    ("fn probe<T>(value: T)\nwhere\nT: FnMut() -> ", ""),
]
_OPEN_TYPES = ("", "Vec<", "Result<(), ", "Vec<Vec<", "(", "&")
_TYPE: Sequence[Wrapper] = [(before + open_type, after) for open_type in _OPEN_TYPES for before, after in _TYPE_PLACES]

_FORMS: Sequence[tuple[str, Sequence[Wrapper]]] = [
    (r"#!?\[", _ATTRIBUTE),
    (r"where\b", _REST_OF_HEAD),
    (r"[.?]", _REST_OF_EXPRESSION),
    (r"impl\b", [*_ITEM, *_TYPE]),
    (r"(pub|fn|struct|enum|union|trait|mod|use|async|const|static|type|unsafe|extern|macro_rules!)\b", _ITEM),
    (r"&|dyn\b|[A-Z]\w*(::\w+)*<", _TYPE),
]


def wrappers(prompt: str) -> Sequence[Wrapper]:
    """Return the surroundings to try for completions of a prompt, the likeliest first."""
    return next((found for form, found in _FORMS if re.match(r"\s*" + form, prompt)), _STATEMENT)
