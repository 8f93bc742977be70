"""Text as lines, split at LF alone."""

import re

__all__ = ["lines_of"]

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their line ends, split as git does; `str.splitlines` splits at form feeds too.

    >>> lines_of("a\x0cb\r\n\nc")
    ['a\x0cb\r\n', '\n', 'c']
    """
    return _LINE.findall(text)
