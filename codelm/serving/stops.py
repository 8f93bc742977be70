"""The part of a text that may be shown while it is written."""

from collections.abc import Sequence

__all__ = ["before_stop", "settled"]


def before_stop(text: str, stops: Sequence[str]) -> tuple[str, str]:
    r"""Return a text up to the first stop in it, and that stop; all of it, and nothing, where there is none.

    >>> before_stop("a = 1;\n\nb", ["\n\n", ";"])
    ('a = 1', ';')
    """
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    place, stop = min(found, default=(len(text), ""))
    return text[:place], stop


def settled(text: str, stops: Sequence[str]) -> str:
    r"""Return the part of an unfinished text that what follows cannot change: no beginning of a stop or a character.

    >>> settled("a = 1\n", ["\n\n"])
    'a = 1'
    """
    text = text.rstrip("\ufffd")
    longest = max((len(stop) for stop in stops), default=1)
    for length in range(min(longest - 1, len(text)), 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return text[:-length]
    return text
