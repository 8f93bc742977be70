"""The model under examination: what a text costs it, and what it writes, as the untouched base or as tuned."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codelm.batch import IGNORE, Batch
from codelm.history.epochs.packing import pack
from codelm.modules.generation import Generated, Sampling, generate, read, stop_ids

Ids = Sequence[int] | NDArray[np.integer]


class Examinee:
    """One model in two states.

    Args:
        module: A `LoRACausalLM` in evaluation mode, without gradients.
        room: Tokens in a row.
        batch_size: Rows, or prompts, at a time.
    """

    def __init__(self, module: Any, *, room: int, batch_size: int) -> None:
        self.module = module
        self.room = room
        self.batch_size = batch_size

    def as_base(self, base: bool = True) -> AbstractContextManager[None]:
        """Answer as the untouched base for a while; or, if not ``base``, go on as tuned."""
        return self.module.base_disabled() if base else nullcontext()

    def surprise(self, texts: Sequence[Ids]) -> list[NDArray[np.float64]]:
        """Return the nats that each token of each text costs after those before it, ``[T]`` each; the first costs 0.

        Raises:
            ValueError: A text is longer than a row.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0)] * len(texts)
        rows = pack([len(ids) for ids in texts], self.room)
        for start in range(0, len(rows), self.batch_size):
            some = rows[start : start + self.batch_size]
            batch: dict[str, Any] = {**batch_of([[texts[index] for index in row] for row in some])}
            costs = self.module.token_surprise({name: each.to(self.module.device) for name, each in batch.items()})
            for row, cost in zip(some, costs.double().cpu().numpy(), strict=True):
                ends = np.cumsum([len(texts[index]) for index in row])
                for index, part in zip(row, np.split(cost, ends)[:-1], strict=True):
                    found[index] = part
        return found

    def write(self, prompts: Sequence[Ids], sampling: Sampling) -> Iterator[Generated]:
        """Yield what is written behind each prompt."""
        tokenizer = self.module.tokenizer
        for ids in self.continuations(prompts, sampling):
            yield read(tokenizer, ids, stop_ids(tokenizer))

    def continuations(self, prompts: Sequence[Ids], sampling: Sampling) -> Iterator[list[int]]:
        """Yield the tokens written behind each prompt; an empty one is taken for the begin of a text."""
        tokenizer = self.module.tokenizer
        given = [[int(token) for token in prompt] or stop_ids(tokenizer)[:1] for prompt in prompts]
        yield from generate(self.module.model, tokenizer, given, sampling)

    def greedy(self, new_tokens: int) -> Sampling:
        """Return the settings under which the likeliest token is taken."""
        return Sampling(new_tokens, temperature=0.0, top_p=1.0, batch_size=self.batch_size)


def batch_of(rows: Sequence[Sequence[Ids]]) -> Batch:
    """Return rows of texts as a batch in which every token is a label; padding is a text of its own."""
    ids = [np.concatenate([np.asarray(text, dtype=np.int64) for text in row]) for row in rows]
    positions = [np.concatenate([np.arange(len(text)) for text in row]) for row in rows]
    width = max(map(len, ids))
    input_ids = torch.stack([padded(row, width) for row in ids])
    labels = torch.stack([padded(row, width, filler=IGNORE) for row in ids])
    restarting = [np.concatenate([row, np.arange(width - len(row))]) for row in positions]
    return Batch(
        input_ids=input_ids,
        position_ids=torch.from_numpy(np.stack(restarting)),
        labels=labels,
        weights=torch.ones(input_ids.shape),
        step_weight=torch.ones(()),
    )


def padded(row: NDArray[np.int64], width: int, filler: int = 0) -> Tensor:
    """Return ``[width]``, filled up on the right."""
    return torch.from_numpy(np.pad(row, (0, width - len(row)), constant_values=filler))
