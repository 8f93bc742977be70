from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.report.text_difference import difference

code = st.text(alphabet="ab_1 \n(){};.", max_size=60)


@settings(deadline=None)
@given(code, code)
def test_what_is_not_missing_is_what_was_written(real, written):
    pieces = difference(real, written)
    assert "".join(piece.text for piece in pieces if piece.kind != "missing") == written.rstrip() + trailing(written)


def trailing(text):
    return text[len(text.rstrip()) :]


@settings(deadline=None)
@given(code)
def test_a_text_differs_in_nothing_from_itself(text):
    assert {piece.kind for piece in difference(text, text)} <= {"same"}


@settings(deadline=None)
@given(code)
def test_of_nothing_all_is_extra(text):
    assert {piece.kind for piece in difference("", text)} <= {"extra"}


def test_blanks_are_no_difference():
    assert {piece.kind for piece in difference("a(b)", "a (\n  b )")} == {"same"}


def test_a_mark_that_stands_everywhere_is_no_place_to_compare_from():
    real, written = "," * 9000, ";" + "," * 8000
    assert [tuple(piece) for piece in difference(real, written)] == [(written, "extra", real)]
