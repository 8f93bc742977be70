"""Rules by which a text is generated: what it must begin with, and when it needs no more."""

from collections.abc import Callable, Sequence
from itertools import compress

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from codelm.token_healing import Vocabulary, without_typed

__all__ = ["HeldToTyped", "IsComplete", "UntilComplete"]

IsComplete = Callable[[str], bool]
"""Whether a generated text needs no more."""


class HeldToTyped(LogitsProcessor):
    """Rules out tokens that disagree with what was typed, in each row until all of it is written."""

    def __init__(self, vocabulary: Vocabulary, typed: Sequence[str]) -> None:
        self.vocabulary = vocabulary
        self.left = list(typed)
        self.is_first = True

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores, ``[B, V]``, of the next token after the ids, ``[B, T]``."""
        if not self.is_first:
            written = zip(self.left, input_ids[:, -1].tolist(), strict=True)
            self.left = [self.vocabulary.rest(text, token) if text else "" for text, token in written]
        self.is_first = False
        for row, text in enumerate(self.left):
            if allowed := list(self.vocabulary.agreeing(text)) if text else []:
                kept = torch.full_like(scores[row], -torch.inf)
                kept[allowed] = scores[row, allowed]
                scores[row] = kept
        return scores

    def keep(self, rows: Sequence[bool]) -> None:
        """Forget the rows that are not to be kept."""
        self.left = list(compress(self.left, rows))


class UntilComplete(StoppingCriteria):
    """Ends a row once its text is complete, which is asked after each line.

    Args:
        vocabulary: The tokens by their texts.
        read: Returns the text of each row of token ids.
        typed: What each row's text must begin with, which is left out.
        is_complete: For each row, whether a text is complete.
        each_token: Ask after each token, not only after those that end a line.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        read: Callable[[Sequence[Sequence[int]]], list[str]],
        typed: Sequence[str],
        is_complete: Sequence[IsComplete],
        *,
        each_token: bool = False,
    ) -> None:
        self.vocabulary = vocabulary
        self.read = read
        self.typed = typed
        self.is_complete = is_complete
        self.each_token = each_token
        self.written: list[list[int]] = [[] for _ in is_complete]
        self.is_done = [False] * len(is_complete)

    def __call__(self, input_ids: Tensor, scores: Tensor | None, **_: object) -> Tensor:
        """Return which rows end with the last of the ids, ``[B, T]``."""
        for row, token in enumerate(input_ids[:, -1].tolist()):
            self.written[row].append(token)
            if not self.is_done[row] and (self.each_token or "\n" in self.vocabulary.text(token)):
                [text] = self.read([self.written[row]])
                self.is_done[row] = self.is_complete[row](without_typed(text, self.typed[row]))
        return torch.tensor(self.is_done, device=input_ids.device)

    def keep(self, rows: Sequence[bool]) -> None:
        """Forget the rows that are not to be kept."""
        self.typed = list(compress(self.typed, rows))
        self.is_complete = list(compress(self.is_complete, rows))
        self.written = list(compress(self.written, rows))
        self.is_done = list(compress(self.is_done, rows))
