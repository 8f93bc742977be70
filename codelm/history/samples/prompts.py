"""Prompts for inference, in the formats that `codelm.history.samples.formats` teaches."""

from typing import NamedTuple

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
from codelm.token_healing import cut_back

__all__ = ["Prompt", "prompt"]


class Prompt(NamedTuple):
    """A prompt as the model reads it, and the text that its answer must begin with; see `codelm.token_healing`."""

    sample: Sample
    typed: str

    @property
    def text(self) -> str:
        """All text of the prompt, with the names of repository and files, and the example."""
        shown = [piece.text for piece in self.sample.pieces if not piece.special]
        return "\n".join(shown) + self.typed


def prompt(
    repository_name: str,
    path: str,
    before: str,
    after: str | None,
    prompt_format: PromptFormat,
    *,
    example: tuple[str, str] | None = None,
) -> Prompt:
    """Return a prompt for the text that follows ``before`` or, with ``after``, for the text between the two.

    Where a special token stands between ``before`` and the answer, a line end is a border that tokens never cross.

    Args:
        repository_name: The first name in the heading.
        path: The file that is to be completed, the second name in the heading.
        before: The text before the completion.
        after: The text after the completion; None asks for a continuation.
        prompt_format: What the tokenizer has of the model's format; one with ``infill``, where there is ``after``.
        example: Path and text of an example, which is shown as another file of the repository.
    """
    heading, line = heading_pieces(repository_name, prompt_format), path_pieces(path)
    shown = (*special_tokens(prompt_format.begin), *heading)
    shown += _example_pieces(example, prompt_format) if example else ()
    code = text_pieces(before, Role.CONTEXT)
    if after is None:
        return _cut_back((*shown, *(line if heading else ()), *code), Kind.CHANGE)
    behind = text_pieces(after, Role.CONTEXT)
    if prompt_format.continues:
        return _cut_back((*shown, *infill_pieces(line, code, behind, prompt_format)), Kind.FIM)
    _, typed = cut_back(before.rpartition("\n")[2])
    code = text_pieces(before.removesuffix(typed), Role.CONTEXT)
    return Prompt(Sample((*shown, *infill_pieces(line, code, behind, prompt_format)), Kind.FIM), typed)


def _cut_back(pieces: tuple[Piece, ...], kind: Kind) -> Prompt:
    """Return the prompt of pieces whose last text is cut back, if something is left of it.

    SentencePiece's tokenizers write a text's first word with a space that the text does not have.
    """
    last_special = max((place for place, piece in enumerate(pieces) if piece.special), default=-1)
    kept, typed = cut_back("".join(piece.text for piece in pieces[last_special + 1 :]))
    if not kept:
        return Prompt(Sample(pieces, kind), "")
    return Prompt(Sample((*pieces[: last_special + 1], *text_pieces(kept, Role.CONTEXT)), kind), typed)


def _example_pieces(example: tuple[str, str], prompt_format: PromptFormat) -> tuple[Piece, ...]:
    """Return the pieces of an example, ended by the special token between files if the format has one."""
    path, text = example
    if prompt_format.separator is None:
        return text_pieces(text + "\n", Role.CONTEXT)
    named = text_pieces(f"{valid_utf8(path)}\n{text}", Role.CONTEXT)
    return (*named, *special_tokens(prompt_format.separator))
