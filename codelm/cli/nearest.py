"""The known name that a mistyped one was probably meant to be."""

from collections.abc import Iterable
from difflib import SequenceMatcher

LIKE_ENOUGH = 0.65  # "fti" for "fit" is 0.67; below it a guess reads as a joke


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the name in ``known`` most like ``word``, compared whole and by its last part; None if none is alike.

    >>> nearest("repo", ["data.repo", "data.revision"])
    'data.repo'
    >>> nearest("fti", ["fit", "test"])
    'fit'
    """
    scores = {name: likeness(word, name) for name in known}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] >= LIKE_ENOUGH else None


def likeness(word: str, name: str) -> float:
    """Return how alike two dotted names are, from 0 to 1; a match of the whole name counts a little more."""
    whole = SequenceMatcher(None, word, name).ratio()
    last = SequenceMatcher(None, word.rpartition(".")[2], name.rpartition(".")[2]).ratio()
    return max(whole, 0.95 * last)


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``": did you mean ...?"``, or nothing where no name is alike.

    >>> did_you_mean("model.lora.rr", ["model.lora.r", "model.base"], prefix="--")
    ': did you mean --model.lora.r?'
    """
    guess = nearest(word, known)
    return f": did you mean {prefix}{guess}?" if guess else ""
