import io
import keyword
import token
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.syntax import python_lexer
from codelm.metrics.syntax.python_lexer import lex

PYTHONLIKE = st.text(alphabet="abrf'\"#()[]\\\n .1", max_size=60)


@settings(deadline=None)
@given(st.text() | PYTHONLIKE)
def test_the_tokens_of_any_text_are_all_of_it(text):
    assert "".join(found.text for found in lex(text)) == text


@pytest.mark.parametrize("module", [python_lexer, io, keyword, tokenize], ids=lambda module: module.__name__)
def test_the_words_are_those_that_python_itself_finds(module):
    text = Path(module.__file__).read_text("utf-8")
    names = [found.string for found in tokenize.generate_tokens(io.StringIO(text).readline) if found.type == token.NAME]
    assert [found.text for found in lex(text) if found.kind == "word"] == names


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('"""a "b" \n c"""', "long_string"),
        ("Rb'''a''\n'''", "long_string"),
        ("f'{a!r}'", "string"),
        (r"'it\'s'", "string"),
        ("'a\\\nb'", "string"),
        ("'''a", "long_string"),
        ("# 'a'", "comment"),
        ("1e-5j", "number"),
        ("0xff_ff", "number"),
    ],
)
def test_a_literal_is_one_token(text, kind):
    assert [(found.kind, found.text) for found in lex(text)] == [(kind, text)]


def test_a_string_that_its_line_does_not_end_ends_with_the_line():
    assert [found.text for found in lex("a = 'b\nc") if found.kind == "word"] == ["a", "c"]
