"""Names and other strings of strangers, made harmless for a card, which is Markdown with YAML and code in it."""

import re
from typing import Any

__all__ = ["plain"]

_DOUBTFUL = re.compile(r"[^\w .,:;@+=/~()%!-]")
"""What could end a string of code, a line, a cell of a table, or begin HTML or a link; and what has no glyph."""


def plain(value: Any) -> Any:
    r"""Return a value of JSON with a question mark for each doubtful character of its strings.

    >>> plain({"name": 'some/base-1.5"); import os\n', "tips": ["<b>", 3]})
    {'name': 'some/base-1.5?); import os?', 'tips': ['?b?', 3]}
    """
    if isinstance(value, str):
        return _DOUBTFUL.sub("?", value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value
