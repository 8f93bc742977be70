"""Prompts for inference, in the formats that `codelm.history.samples.formats` teaches."""

from codelm.history.samples.pieces import (
    Kind,
    Piece,
    Role,
    Sample,
    heading_pieces,
    special_token,
    text_pieces,
    valid_utf8,
)
from codelm.special_tokens import FILE_SEPARATOR, FIM_TOKENS, MIDDLE, PREFIX, SUFFIX

__all__ = ["can_infill", "prompt"]


def can_infill(special: frozenset[str]) -> bool:
    """Return whether a tokenizer has the special tokens of an infill prompt."""
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
    """Return a prompt for the text that follows ``before`` or, with ``after``, for the text between the two.

    Args:
        repository_name: The first name in the heading.
        path: The file that is to be completed, the second name in the heading.
        before: The text before the completion. Without ``after``, the white space at its end is left to the model.
        after: The text after the completion; None asks for a continuation.
        special: The names of the special tokens that the tokenizer has.
        example: Path and text of an example, which is shown as another file of the repository.
    """
    repository, line = heading_pieces(repository_name, path, special)
    shown = (*repository, *(_example_pieces(example, special) if example else ()))
    code = text_pieces(before, Role.CONTEXT)
    if after is None:
        return Sample(_without_trailing_space((*shown, *line, *code)), Kind.CHANGE)
    suffix = (special_token(SUFFIX), *text_pieces(after, Role.CONTEXT), special_token(MIDDLE))
    return Sample((*shown, special_token(PREFIX), *line, *code, *suffix), Kind.FIM)


def _without_trailing_space(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return pieces without the white space at their end.

    Tokens join it to what follows, a line end to the indentation: no text that was learned ends behind it.
    """
    if not pieces or pieces[-1].special:
        return pieces
    *others, last = pieces
    kept = text_pieces(last.text.rstrip(), last.role)
    return (*others, *kept) if kept else _without_trailing_space(tuple(others))


def _example_pieces(example: tuple[str, str], special: frozenset[str]) -> tuple[Piece, ...]:
    """Return the pieces of an example, ended by the special token between files if the tokenizer has it."""
    path, text = example
    if FILE_SEPARATOR not in special:
        return text_pieces(text + "\n", Role.CONTEXT)
    return (*text_pieces(f"{valid_utf8(path)}\n{text}", Role.CONTEXT), special_token(FILE_SEPARATOR))
