"""HTML that cannot be broken into: whatever is not made here is somebody's words, and is escaped."""

from html import escape

from codelm.report.display import printable

WITHOUT_END = frozenset({"meta", "link", "br"})


class Markup(str):
    """HTML already; any other string is text."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element; children that are not `Markup`, and all values of attributes, are escaped.

    An attribute of None is left out; ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``.

    >>> element("p", "1 < 2", element("br"), class_="note", id=None)
    '<p class="note">1 &lt; 2<br></p>'
    """
    start = f"<{name}{''.join(attribute(key, value) for key, value in attributes.items() if value is not None)}>"
    return Markup(start if name in WITHOUT_END else f"{start}{join(*children)}</{name}>")


def attribute(name: str, value: str | float) -> str:
    """Return one attribute with the blank before it; lengths get two decimals at most."""
    shown = value if isinstance(value, str) else f"{round(value, 2):g}"
    return f' {name.rstrip("_").replace("_", "-")}="{escape(printable(shown))}"'


def join(*children: str) -> Markup:
    """Return the children one after the other, escaped unless they are `Markup`."""
    return Markup("".join(child if isinstance(child, Markup) else escape(printable(child)) for child in children))


def brief(text: str, most: int) -> str:
    """Return the text in at most so many characters.

    >>> brief("abcdef", 4), brief("abc", 4)
    ('abc…', 'abc')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
