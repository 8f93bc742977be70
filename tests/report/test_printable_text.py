import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.report.printable_text import cell, printable, side_by_side, table

NASTY = [
    "```\n| a | b |",
    "</code></td></table><script>alert(1)</script>",
    "# head\n* list\n[a](b) ![c](d) <b>",
    "\\| \\`",
]


@pytest.mark.parametrize("text", NASTY)
def test_generated_text_cannot_break_out_of_its_cell(text):
    plugin = pytest.importorskip("tensorboard.plugin_util")
    html = plugin.markdown_to_safe_html(table(["prompt", "base"], [[text, "fn"]]))
    assert html.count("<td>") == 2
    assert set(re.findall(r"</?(\w+)", html)) <= {"table", "thead", "tbody", "tr", "th", "td", "code", "br"}


@settings(deadline=None)
@given(st.text())
def test_a_cell_is_one_line_without_marks(text):
    inner = cell(text).removeprefix("<code>").removesuffix("</code>").replace("<br>", "")
    assert not set("\n\r|`<>*_[]\\") & set(inner)


@settings(deadline=None)
@given(st.text())
def test_printable_text_holds_no_control(text):
    assert all(char == "\n" or char.isprintable() or char.isspace() for char in printable(text))


def test_escape_sequences_are_disarmed():
    assert printable("\x1b]0;title\x07\x9b31m") == "]0;title31m"


def test_two_texts_stand_beside_each_other():
    lines = side_by_side(("base", "tuned"), ("a\nb\nlonger", "d"), 5)
    assert lines == ["base  | tuned", "----- | -----", "a     | d    ", "b     |      ", "long… |      "]
