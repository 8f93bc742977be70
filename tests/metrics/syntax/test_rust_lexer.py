from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.syntax.rust_lexer import lex, open_brackets

RUSTLIKE = st.text(alphabet="ab'\"#r{}()[];/*\\\n .?", max_size=60)


@settings(deadline=None)
@given(st.text() | RUSTLIKE)
def test_the_tokens_of_any_text_are_all_of_it(text):
    assert "".join(token.text for token in lex(text)) == text


def test_open_brackets_in_strings_are_no_brackets():
    assert open_brackets('f("((("') == 1
