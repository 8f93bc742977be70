"""Stop sequences, and the part of an unfinished text that they leave to be shown."""

from collections.abc import Sequence

__all__ = ["before_stop", "stable_part"]


def before_stop(text: str, stop_sequences: Sequence[str]) -> tuple[str, str]:
    r"""Return a text up to the first stop sequence in it, and that sequence; all of it, and "", where there is none.

    >>> before_stop("a = 1;\n\nb", ["\n\n", ";"])
    ('a = 1', ';')
    """
    found = [(text.find(stop), stop) for stop in stop_sequences if stop in text]
    place, stop = min(found, default=(len(text), ""))
    return text[:place], stop


def stable_part(text: str, stop_sequences: Sequence[str]) -> str:
    r"""Return an unfinished text without an end that may turn out as part of a stop sequence, character or line end.

    >>> stable_part("a = 1\n", ["\n\n"])
    'a = 1'
    """
    text = text.rstrip("\ufffd\r")
    longest = max((len(stop) for stop in stop_sequences), default=1)
    for length in range(min(longest - 1, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stop_sequences):
            return text[:-length]
    return text
