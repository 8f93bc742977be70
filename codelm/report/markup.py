"""Escaping for the page: whatever is not `Markup` is text of somebody else's, made printable and escaped."""

from markupsafe import Markup, escape

from codelm.report.printable_text import printable

__all__ = ["element", "escaped", "join"]


def escaped(value: object) -> Markup:
    """Return a value as HTML: `Markup` as it is, anything else printable and escaped.

    >>> escaped("1 < 2"), escaped(Markup("<br>"))
    (Markup('1 &lt; 2'), Markup('<br>'))
    """
    return value if isinstance(value, Markup) else escape(printable(str(value)))


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element of a drawing or of running text, its children and the values of its attributes as `escaped`.

    An attribute of None is left out; ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``. Lengths get two
    decimals at most.

    >>> element("text", "1 < 2", x=1.234, text_anchor="end", class_=None)
    Markup('<text x="1.23" text-anchor="end">1 &lt; 2</text>')
    """
    shown = {key: value if isinstance(value, str) else f"{round(value, 2):g}"
             for key, value in attributes.items() if value is not None}  # fmt: skip
    start = "".join(f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"' for key, value in shown.items())
    return Markup(f"<{name}{start}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Return the children one after the other, each as `escaped`."""
    return Markup("").join(map(escaped, children))
