"""Text from the command line and from standard input, of which Python holds bytes that are not UTF-8 as no text."""

import sys
from collections.abc import Iterator

from codelm.errors import InputError

__all__ = ["refuse_broken_text", "typed_lines"]


def refuse_broken_text(name: str, text: str) -> None:
    """Raise `InputError` for a text with lone surrogates, which stand for such bytes and which no tokenizer takes.

    Args:
        name: What the text is called in the message.
        text: The text.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _broken(name) from error


def typed_lines() -> Iterator[str]:
    """Yield the lines of standard input.

    Raises:
        InputError: A line is not text.
    """
    try:
        for line in sys.stdin:
            refuse_broken_text("standard input", line)
            yield line
    except UnicodeDecodeError as error:  # where the locale lets Python be strict
        raise _broken("standard input") from error


def _broken(name: str) -> InputError:
    return InputError(f"{name} is not text in UTF-8; give it in UTF-8")
