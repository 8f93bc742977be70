import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.lines import lines_of
from codelm.metrics.syntax.code_lines import code_lines

CODELIKE = st.text(alphabet="ab'\"#[]{};()/*\\\n use", max_size=60)


@settings(deadline=None)
@given(st.sampled_from(["rust", "python", "cobol"]), CODELIKE)
def test_lines_stay_where_they_were(language, text):
    assert len(code_lines(language, text)) == len(lines_of(text))
    assert "".join(code_lines(language, text)).count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("rust", "// why"),
        ("rust", "/// Says\n/// what."),
        ("rust", "/* a\n b */"),
        ("rust", "use std::fmt;"),
        ("rust", "    pub(crate) use crate::{\n    a::b,\n    c,\n};"),
        ("rust", "extern crate core;"),
        ("rust", "#![allow(dead_code)]"),
        ("rust", '#[derive(\n    Debug,\n)]\n#[cfg(all(a, b = "c"))]'),
        ("python", "# why"),
        ("python", "import os, sys"),
        ("python", "    from a import (\n    b,\n    c,\n)"),
        ("python", "from a import b, \\\n    c"),
        ("python", '    """Says what.\n\n    And why.\n    """'),
    ],
)
def test_what_is_no_code_is_blank(language, text):
    assert "".join(code_lines(language, text)).strip() == ""


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("rust", 'let used = r#"// a"#;'),
        ("rust", "reuse(a);"),
        ("rust", 'extern "C" {'),
        ("rust", "a[#b];"),
        ("python", "from_a = important"),
        ("python", 'a = """b"""'),
        ("python", "imports(a)"),
        ("cobol", "# a"),
    ],
)
def test_code_stays(language, text):
    assert code_lines(language, text) == [text]
