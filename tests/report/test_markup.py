from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from codelm.report.display import printable
from codelm.report.markup import Markup, element, join


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


def test_markup_that_was_added_to_text_is_text_again():
    assert join(Markup("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;"
