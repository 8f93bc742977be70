"""Prompts for inference, in the formats that `codelm.history.samples.formats` teaches."""

from codelm.history.samples.pieces import (
    Kind,
    Piece,
    Role,
    Sample,
    heading_pieces,
    infill_pieces,
    path_pieces,
    special_tokens,
    text_pieces,
    valid_utf8,
)
from codelm.special_tokens import PromptFormat

__all__ = ["prompt"]


def prompt(
    repository_name: str,
    path: str,
    before: str,
    after: str | None,
    prompt_format: PromptFormat,
    *,
    example: tuple[str, str] | None = None,
) -> Sample:
    """Return a prompt for the text that follows ``before`` or, with ``after``, for the text between the two.

    Args:
        repository_name: The first name in the heading.
        path: The file that is to be completed, the second name in the heading.
        before: The text before the completion. Without ``after``, the white space at its end is left to the model.
        after: The text after the completion; None asks for a continuation.
        prompt_format: What the tokenizer has of the model's format; one with ``infill``, where there is ``after``.
        example: Path and text of an example, which is shown as another file of the repository.
    """
    heading, line = heading_pieces(repository_name, prompt_format), path_pieces(path)
    shown = (*special_tokens(prompt_format.begin), *heading)
    shown += _example_pieces(example, prompt_format) if example else ()
    code = text_pieces(before, Role.CONTEXT)
    if after is not None:
        behind = text_pieces(after, Role.CONTEXT)
        return Sample((*shown, *infill_pieces(line, code, behind, prompt_format)), Kind.FIM)
    return Sample(_without_trailing_space((*shown, *(line if heading else ()), *code)), Kind.CHANGE)


def _without_trailing_space(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return pieces without the white space at their end.

    Tokens join it to what follows, a line end to the indentation: no text that was learned ends behind it.
    """
    if not pieces or pieces[-1].special:
        return pieces
    *others, last = pieces
    kept = text_pieces(last.text.rstrip(), last.role)
    return (*others, *kept) if kept else _without_trailing_space(tuple(others))


def _example_pieces(example: tuple[str, str], prompt_format: PromptFormat) -> tuple[Piece, ...]:
    """Return the pieces of an example, ended by the special token between files if the format has one."""
    path, text = example
    if prompt_format.separator is None:
        return text_pieces(text + "\n", Role.CONTEXT)
    named = text_pieces(f"{valid_utf8(path)}\n{text}", Role.CONTEXT)
    return (*named, *special_tokens(prompt_format.separator))
