"""Tables of the page: the first column names, the others count."""

from collections.abc import Iterable, Sequence

from codelm.report.markup import Markup, element


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table that scrolls in itself where it is wider than the page."""
    head = element("tr", *(element("th", name, scope="col", class_=kind(name)) for name in heads))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    inner = element(
        "table", element("caption", caption), element("thead", head), element("tbody", *body), class_="numbers"
    )
    # A region that scrolls must be reached by the keyboard.
    return element("div", inner, class_="scroll", role="region", tabindex="0", aria_label=caption)


def kind(head: str) -> str | None:
    """Return the class that colours the columns of base and tuned alike everywhere."""
    return head if head in {"base", "tuned"} else None


def folded(summary: str, *children: str) -> Markup:
    """Return what is there for those who ask, closed at first."""
    return element("details", element("summary", summary), *children)
