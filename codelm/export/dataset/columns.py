"""The columns of a dataset: those that a trainer reads, in three forms, and those that say what a row is."""

from enum import StrEnum

__all__ = ["FACTS", "Columns"]

FACTS = ("sample", "split", "kind", "repository", "commit", "path", "language", "weight")
"""What is said about each row, beside the columns that a trainer reads."""


class Columns(StrEnum):
    """The form of the rows, by the columns that a trainer reads."""

    TOKENS = "tokens"
    PROMPT_COMPLETION = "prompt-completion"
    TEXT = "text"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns; the last one holds what is learned."""
        return {
            Columns.TOKENS: ("input_ids", "attention_mask", "labels"),
            Columns.PROMPT_COMPLETION: ("prompt", "completion"),
            Columns.TEXT: ("text",),
        }[self]
