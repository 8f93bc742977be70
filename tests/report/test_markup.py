from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from codelm.report.markup import element, join
from codelm.report.page import page
from codelm.report.printable_text import printable


@given(st.text(), st.text())
def test_text_and_attributes_come_back_as_they_were_and_nothing_else(text, title):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.handle_data = lambda data: found.append(data)
    parser.feed(element("p", text, title=title))
    parser.close()
    assert found[0] == ("p", {"title": printable(title)})
    assert "".join(found[1:]) == printable(text)


def test_markup_is_escaped_once():
    assert join(element("b", "<"), "<", Markup("<hr>")) == "<b>&lt;</b>&lt;<hr>"


def test_text_that_was_added_to_markup_is_escaped():
    assert join(Markup("<b>") + "<i>") == "<b>&lt;i&gt;"
    assert join("<i>" + Markup("<b>")) == "&lt;i&gt;<b>"
    assert join(f"{Markup('<b>')}<i>") == "&lt;b&gt;&lt;i&gt;"


def test_the_page_escapes_text_once_and_keeps_only_what_can_be_seen(some_figures):
    shown = page(some_figures() | {"notes": ["\u202e\x1b<\"&'>"]})
    assert "<li>&lt;&#34;&amp;&#39;&gt;</li>" in shown
