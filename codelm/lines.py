"""Text as lines, split at LF alone, and the two ends that lines have."""

import re

__all__ = ["CRLF", "line_end", "lines_of", "with_line_end", "with_line_feeds"]

CRLF = "\r\n"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their line ends, split as git does; `str.splitlines` splits at form feeds too.

    >>> lines_of("a\x0cb\r\n\nc")
    ['a\x0cb\r\n', '\n', 'c']
    """
    return _LINE.findall(text)


def line_end(text: str) -> str:
    r"""Return the end that most lines of a text have, LF or CRLF.

    >>> line_end("a\r\nb\r\nc\n"), line_end("")
    ('\r\n', '\n')
    """
    return CRLF if 2 * text.count(CRLF) > text.count("\n") else "\n"


def with_line_feeds(text: str) -> str:
    r"""Return a text whose lines end with LF alone, in place of CRLF.

    >>> with_line_feeds("a\r\nb\rc\n")
    'a\nb\rc\n'
    """
    return text.replace(CRLF, "\n") if CRLF in text else text


def with_line_end(text: str, end: str) -> str:
    r"""Return a text whose lines have one end, LF or CRLF.

    >>> with_line_end("a\nb\r\nc", "\r\n")
    'a\r\nb\r\nc'
    """
    return with_line_feeds(text).replace("\n", end)
