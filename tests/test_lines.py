from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.lines import lines_of


@settings(deadline=None)
@given(st.text(alphabet="ab\n\r\f\u2028"))
def test_lines_put_together_are_the_text(text):
    lines = lines_of(text)
    assert "".join(lines) == text
    assert all(line.index("\n") == len(line) - 1 for line in lines[:-1])
