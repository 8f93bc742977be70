"""The questions that a model is asked, in the formats that `codelm.history.samples.formats` teaches."""

from collections.abc import Container

from codelm.history.samples.formats import (
    FILE,
    FIM_TOKENS,
    HEADING_TOKENS,
    MIDDLE,
    PREFIX,
    REPOSITORY,
    SUFFIX,
    Kind,
    Piece,
    Role,
    Sample,
    sentinel,
    speakable,
    text,
)


def can_infill(special: frozenset[str]) -> bool:
    """Return whether a tokenizer has what a hole is asked with."""
    return special >= FIM_TOKENS


def prompt(
    repository_name: str,
    path: str,
    before: str,
    after: str | None,
    special: frozenset[str],
    *,
    example: tuple[str, str] | None = None,
) -> Sample:
    """Return what asks for the text behind ``before``, or, unless it is None, for that between it and ``after``.

    ``example``, a path and a piece of that file, is shown as another file of the repository. What is to be read on from
    ends in no white space: that is left to the model.
    """
    name, line = heading(repository_name, path, special)
    shown = shown_file(example, special) if example else ()
    if after is None:
        return Sample(open_ended((*name, *shown, *line, *text(before, Role.CONTEXT))), Kind.CHANGE)
    behind = (sentinel(SUFFIX), *text(after, Role.CONTEXT), sentinel(MIDDLE))
    return Sample((*name, *shown, sentinel(PREFIX), *line, *text(before, Role.CONTEXT), *behind), Kind.FIM)


def open_ended(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return pieces without the white space at their end.

    Tokens join it to what follows, a line end to the indentation: no text that was learned breaks off behind it.
    """
    if not pieces or pieces[-1].special:
        return pieces
    *others, last = pieces
    kept = text(last.text.rstrip(), last.role)
    return (*others, *kept) if kept else open_ended(tuple(others))


def heading(repository_name: str, path: str, special: Container[str]) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return the repository's part of a heading and the path's; nothing where the tokenizer lacks the tokens."""
    if not all(name in special for name in HEADING_TOKENS):
        return (), ()
    name = (sentinel(REPOSITORY), *text(speakable(repository_name), Role.SILENT), sentinel(FILE))
    return name, text(speakable(path) + "\n", Role.SILENT)


def shown_file(example: tuple[str, str], special: Container[str]) -> tuple[Piece, ...]:
    """Return another file's piece, ended by the sentinel between files where there is one."""
    path, piece = example
    if FILE not in special:
        return text(piece + "\n", Role.CONTEXT)
    return (*text(f"{speakable(path)}\n{piece}", Role.CONTEXT), sentinel(FILE))
