"""Other code of a repository that a client knows, of which a prompt shows what is most like the code around a place."""

from collections.abc import Callable, Sequence

from codelm.inference.place import Place
from codelm.lines import lines_of
from codelm.metrics.retrieval import nearest, nearest_lines

__all__ = ["Files", "most_similar"]

Files = Sequence[tuple[str, str]]
"""Path and text of each file, or of a part of one."""
_NEAR = 8
"""Lines on either side of a place that are compared, as many as `codelm.evaluation` compares."""


def most_similar(
    place: Place, files: Files, count: Callable[[Sequence[str]], list[int]], max_tokens: int
) -> tuple[str, str] | None:
    """Return path and text of the lines most like those around a place, or None where none shares a word with them.

    Args:
        place: The place.
        files: Other code.
        count: Returns the number of tokens of each text.
        max_tokens: Tokens of the text at most.
    """
    around = "".join([*lines_of(place.before)[-_NEAR:], *lines_of(place.after or "")[:_NEAR]])
    found = nearest(around, [text for _, text in files])
    if found is None:
        return None
    path, text = files[found]
    lines = lines_of(text)
    part = nearest_lines(around, lines, count(lines), max_tokens)
    return (path, part) if part else None
