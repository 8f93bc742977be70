"""Text as lines, everywhere counted alike."""

import re

LINE = re.compile(r"[^\n]*\n|[^\n]+")


def lines_of(text: str) -> list[str]:
    r"""Split at LF alone, as git does, and keep the line ends; `str.splitlines` would also split at form feeds.

    >>> lines_of("a\x0cb\r\n\nc")
    ['a\x0cb\r\n', '\n', 'c']
    """
    return LINE.findall(text)
