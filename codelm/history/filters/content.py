"""Measures of a single text that tell overlong lines and encoded data from ordinary source.

Limits of the same kind are used to build public code datasets (The Stack v2, arXiv 2402.19173, section 3.1).
"""

import re
import string

import numpy as np

__all__ = ["data_runs", "has_longer_line", "letter_share", "mean_line"]

_LETTERS = string.ascii_letters.encode() + bytes(range(128, 256))
_IS_LETTER = bytes(byte in _LETTERS for byte in range(256))
_IS_VISIBLE = bytes(byte not in string.whitespace.encode() for byte in range(256))
_DATA_DIGITS = (string.ascii_letters + string.digits + "+/").encode()
_DATA_MASK = bytes(ord("x") if byte in _DATA_DIGITS else ord(" ") for byte in range(256))
_RUN = 64
_ENCODED = re.compile(rf"[A-Za-z0-9+/]{{{_RUN},}}={{0,2}}")
# Begins with a set of two characters, which the engine searches for several times faster than for alternatives.
_ESCAPE = r"[0\\][xu]\{?[0-9A-Fa-f]{2,6}\}?[,;\s]*"
_ESCAPED = re.compile(rf"{_ESCAPE}(?:{_ESCAPE}){{7,}}")


def has_longer_line(text: str, limit: int) -> bool:
    r"""Return whether a line is longer than a limit, in characters.

    >>> has_longer_line("a\nbcd\n", 3), has_longer_line("a\nbcd\n", 2)
    (False, True)
    """
    start = 0
    while start + limit < len(text):  # a step for each so many characters, and not for each line
        line_end = text.rfind("\n", start, start + limit + 1)
        if line_end < 0:
            return True
        start = line_end + 1
    return False


def mean_line(text: str) -> float:
    """Return the mean length of a line, in characters with the line end."""
    return len(text) / max(1, text.count("\n"))


def letter_share(text: str) -> float:
    """Return the share of letters in what is not white space, by UTF-8 bytes; 1 for no text.

    All bytes beyond ASCII count as letters.

    >>> letter_share("ab 12")
    0.5
    """
    content = text.encode(errors="replace")
    visible = _count_nonzero(content.translate(_IS_VISIBLE))
    return _count_nonzero(content.translate(_IS_LETTER)) / visible if visible else 1.0


def _count_nonzero(signs: bytes) -> int:
    """Return the number of bytes that are not 0, by a view as truth values, which is fast."""
    return int(np.count_nonzero(np.frombuffer(signs, np.bool_)))


def data_runs(text: str) -> list[int]:
    """Return the lengths of all runs of encoded data: base64 or hexadecimal digits, and lists of escaped bytes."""
    patterns = [_ENCODED] * _may_hold_encoded(text) + [_ESCAPED] * _may_hold_escapes(text)
    return [len(run.group()) for pattern in patterns for run in pattern.finditer(text)]


def _may_hold_encoded(text: str) -> bool:
    # Searching 64 equal bytes skips 64 at a time: on ordinary source far cheaper than the expression.
    return b"x" * _RUN in text.encode(errors="replace").translate(_DATA_MASK)


def _may_hold_escapes(text: str) -> bool:
    # A single character is counted several times as fast as two.
    return text.count("0x") + text.count("\\") >= 8
