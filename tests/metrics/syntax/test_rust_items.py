import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.syntax.rust_items import inner_end, item_end


def cut(text, start=0):
    return text[: item_end(text, start)]


@settings(deadline=None)
@given(st.text(alphabet="ab'\"#r{}()[];/*\\\n .?", max_size=60))
def test_an_end_lies_within_the_text(text):
    for end in (item_end(text), inner_end(text)):
        assert end is None or 0 <= end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "#[derive(Debug)]\nstruct A { x: [u8; 3] }",
        'const A: &str = r#"}; "#;',
        "const C: char = '}';",
        "const C: char = '\\'';",
        "fn f<'a, T: Trait>(x: &'a T) -> &'a str { x.name(\"}\") }",
        "use std::{fmt, io};",
        "let a = if b { 1 } else { 2 };",
        "let a = match b { _ => c }.d()?;",
        "/* } /* ; */ } */ fn f() {}",
        "// }\nfn f() {}",
        "#![allow(dead_code)]\nfn f() {}",
        'const B: &[u8] = b"\\"}";',
    ],
)
def test_an_item_ends_with_its_last_token(text):
    assert cut(text + "\nfn next() {}") == text


def test_an_item_whose_scope_closes_first_ends_before_the_bracket():
    assert cut("Result<u8>,\n    other: u8,\n}\nfn next() {}") == "Result<u8>,\n    other: u8,\n"


def test_a_bracket_that_the_prompt_left_open_counts():
    assert cut("#[derive(Debug)]\nstruct A;\nstruct B;", start=len("#[derive(")) == "#[derive(Debug)]\nstruct A;"


def test_the_last_whole_item_inside_an_open_block_is_found():
    text = "mod tests {\n    use a;\n    fn f() { b; }"
    assert text[: inner_end(text + "\n    fn g() { c; d", 11)] == text
    assert inner_end("mod tests { fn", 11) is None


@pytest.mark.parametrize("text", ["fn f() { g(", 'fn f() { g("}}}'])
def test_an_item_that_does_not_end_has_no_end(text):
    assert item_end(text) is None
