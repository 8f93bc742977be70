from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from codelm.report.markup import element, join
from codelm.report.page import TEMPLATES
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


def test_templates_escape_text_and_attributes_once_and_keep_only_what_can_be_seen():
    template = TEMPLATES.from_string('<p title="{{ text }}">{{ text }}{{ markup }}</p>')
    shown = template.render(text="\u202e\x1b<\"&'>", markup=Markup("<b>"))
    assert shown == '<p title="&lt;&#34;&amp;&#39;&gt;">&lt;&#34;&amp;&#39;&gt;<b></p>'
