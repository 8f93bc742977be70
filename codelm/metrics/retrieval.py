"""Retrieval of the piece of a training change most like the lines around a task, as an example in the base's prompt.

What the base gains by it is gained by context and not by training. Similarity is Jaccard's index of the sets of words,
as in RepoCoder (Zhang et al. 2023): an index that ignores what only one side has would prefer the shortest piece.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from codelm.lines import lines_of
from codelm.metrics.infill_tasks import line_tokens

__all__ = ["Files", "longest_runs", "most_similar", "nearest", "nearest_lines"]

Files = Sequence[tuple[str, str]]
"""Path and text of each file, or of a part of one."""
_NEAR = 8
"""Lines before and after a span that are compared with other code."""
_MOST_CHARACTERS = 2**18
"""Of a file, in which the lines most like others are looked for: counting the tokens of megabytes takes seconds."""
_NEAR_CHARACTERS = 1024
"""As far apart words are near one another: some thirty lines."""

_WORD = re.compile(r"[^\W\d]\w+")


def most_similar(
    before: str, after: str, files: Files, count: Callable[[Sequence[str]], list[int]], max_tokens: int
) -> tuple[str, str] | None:
    """Return path and text of the lines most like those around a span, or None where none shares a word with them.

    Args:
        before: The text before the span.
        after: The text behind it.
        files: Other code.
        count: Returns the number of tokens of each text.
        max_tokens: Tokens of the returned text at most.
    """
    around = "".join([*lines_of(before)[-_NEAR:], *lines_of(after)[:_NEAR]])
    found = nearest(around, [text for _, text in files])
    if found is None:
        return None
    path, text = files[found]
    lines = lines_of(text if len(text) <= _MOST_CHARACTERS else _promising_part(around, text))
    part = nearest_lines(around, lines, line_tokens(lines, count, max_tokens), max_tokens)
    return (path, part) if part else None


def nearest(query: str, pieces: Sequence[str]) -> int | None:
    """Return the index of the piece most like ``query``, the first of equals; None if none shares a word with it."""
    query_words = _words(query)
    similarities = [_jaccard(query_words, found) for found in _word_sets(tuple(pieces))]
    best = max(range(len(similarities)), key=similarities.__getitem__, default=None)
    return best if best is not None and similarities[best] > 0 else None


def nearest_lines(query: str, lines: Sequence[str], token_counts: Sequence[int], max_tokens: int) -> str:
    """Return the run of lines most like ``query``, as long as fits into ``max_tokens``.

    Args:
        query: the lines before and after a span.
        lines: the lines of the piece.
        token_counts: the number of tokens of each.
        max_tokens: tokens of all returned lines together; a line that has more is never returned.
    """
    found = _similarities(_words(query), lines, longest_runs(token_counts, max_tokens))
    _, run = max(found, key=itemgetter(0), default=(0.0, (0, 0)))
    return "".join(lines[slice(*run)])


def _promising_part(query: str, text: str) -> str:
    """Return whole lines of a large text, where the most different words of a query are near one another."""
    query_words = _words(query)
    inside: Counter[str] = Counter()
    near: deque[tuple[int, str]] = deque()
    most = best = 0
    for found in _WORD.finditer(text):
        if (word := found[0]) not in query_words:
            continue
        inside[word] += 1
        near.append((found.start(), word))
        while near[0][0] < found.start() - _NEAR_CHARACTERS:
            _, left = near.popleft()
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
        if len(inside) > most:
            most, best = len(inside), near[0][0]
    begin = text.rfind("\n", 0, max(0, best - _MOST_CHARACTERS // 2)) + 1
    end = text.find("\n", best + _MOST_CHARACTERS // 2) + 1
    return text[begin : end or len(text)]


def _similarities(
    query_words: frozenset[str], lines: Sequence[str], runs: Iterable[tuple[int, int]]
) -> Iterator[tuple[float, tuple[int, int]]]:
    """Yield Jaccard's index of a query and each run of lines, with the run; runs begin and end later and later.

    Each line's words come in and go out once, and are not kept: editors send files of hundreds of thousands of lines.
    """
    inside: Counter[str] = Counter()
    begin = end = shared = 0
    for start, stop in runs:
        for word in chain.from_iterable(map(_words, lines[end:stop])):
            shared += word in query_words and word not in inside
            inside[word] += 1
        for word in chain.from_iterable(map(_words, lines[begin:start])):
            inside[word] -= 1
            if not inside[word]:
                del inside[word]
                shared -= word in query_words
        begin, end = start, stop
        yield shared / (len(inside) + len(query_words) - shared or 1), (start, stop)


def longest_runs(token_counts: Sequence[int], max_tokens: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of items that fit into ``max_tokens``, ``[start, stop)``, none within another."""
    stop = total = 0
    for start in range(len(token_counts)):
        reached, stop = stop, max(start, stop)
        while stop < len(token_counts) and total + token_counts[stop] <= max_tokens:
            total += token_counts[stop]
            stop += 1
        if stop > max(start, reached):
            yield start, stop
        if stop > start:
            total -= token_counts[start]


def _jaccard(one: frozenset[str], two: frozenset[str]) -> float:
    """Return Jaccard's index of two sets: the size of the intersection over that of the union."""
    return len(one & two) / (len(one | two) or 1)


# Every task of an evaluation searches the same pieces: their words are found once, and one collection at most is kept.
@lru_cache(maxsize=1)
def _word_sets(pieces: tuple[str, ...]) -> list[frozenset[str]]:
    """Return the words of each piece."""
    return [_words(piece) for piece in pieces]


def _words(text: str) -> frozenset[str]:
    """Return the words of at least two characters, whatever the language."""
    return frozenset(_WORD.findall(text))
