"""Unlikelihood of loops: greedy text of a small model repeats itself for ever unless that is unlearned.

Source: Welleck et al., "Neural Text Generation with Unlikelihood Training", 2019 (arXiv 1908.04319), the form over
sequences: the model writes on, and what went round in its text is made less likely. Theirs are repeated 4-grams; code
rightly repeats those, so here it is what a cycle that has come round once adds.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from codelm.batch import IGNORE, Batch
from codelm.modules.generation import Sampling, generate, stop_ids, until_stop
from experiments.pretrain.train import Course, Pretraining, Shape

LONGEST_CYCLE = 32
LEAST_REPEATED = 4
"""Tokens that must have come again before more of them are a loop: indentation and digits repeat rightly."""

CONTINUATIONS = 8
CONTEXT = 384
SHORTEST_CONTEXT = 16
GREEDY = Sampling(max_new_tokens=128, temperature=0.0, top_p=1.0, batch_size=CONTINUATIONS)
WEIGHT = 2.0
"""Of the unlikelihood, beside the loss of the rows: with 1 a fifth of what is written behind item heads still loops."""
CERTAIN = 1 - 1e-4
"""The highest probability that is told apart from 1, whose unlikelihood is infinite."""


class Unlooping(Pretraining):
    """Pretraining in which text that the model wrote in circles is unlearned; a step takes three times as long."""

    def __init__(self, shape: Shape, course: Course, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(shape, course)
        self.tokenizer = tokenizer

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of the rows and that of loops."""
        loss = super().training_step(batch, batch_idx)
        prompts = beginnings(batch, Random(f"loops {self.global_step}"))
        written = [
            until_stop(ids, stop_ids(self.tokenizer)) for ids in generate(self.model, self.tokenizer, prompts, GREEDY)
        ]
        unlikely = unlikelihood(self.model, prompts, written)
        self.log("train/loops", unlikely)
        return loss + WEIGHT * unlikely


def beginnings(batch: Batch, random: Random) -> list[list[int]]:
    """Return beginnings of the batch's samples to be continued.

    From their first token on, as prompts are: a model asked in the middle of samples unlearned its loops there alone.
    Each ends before a token to be learned: padding, which looks like one more sample, holds none.
    """
    ids, positions = batch["input_ids"], batch["position_ids"]
    learned = batch["labels"] != IGNORE
    ends = (learned & (positions >= SHORTEST_CONTEXT) & (positions <= CONTEXT)).nonzero().tolist()
    chosen = random.sample(ends, min(CONTINUATIONS, len(ends)))
    return [ids[row, end - int(positions[row, end]) : end].tolist() for row, end in chosen]


def loops(ids: Sequence[int]) -> list[bool]:
    """Tell of each token whether it only goes on with a cycle that has come round once.

    >>> [*map(int, loops([7, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 8]))]
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    """
    found = [False] * len(ids)
    for length in range(1, LONGEST_CYCLE + 1):
        same = 0
        for place in range(length, len(ids)):
            same = same + 1 if ids[place] == ids[place - length] else 0
            found[place] |= same > max(length, LEAST_REPEATED)
    return found


def unlikelihood(model: Any, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]]) -> Tensor:
    """Return the mean unlikelihood of what loops in texts behind prompts, in nats a token written; a scalar."""
    whole = [[*prompt, *text] for prompt, text in zip(prompts, written, strict=True)]
    # A loop may have begun in the prompt; what stands there is somebody's text, and stays likely.
    marked = [[False] * len(prompt) + loops(text)[len(prompt) :] for prompt, text in zip(prompts, whole, strict=True)]
    ids = padded(whole).to(model.device)
    looping = padded(marked).bool()[:, 1:].to(model.device)
    states = model.get_decoder()(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(states[looping]).float()
    chosen = logits.log_softmax(dim=-1).gather(-1, ids[:, 1:][looping].unsqueeze(-1))
    found: Tensor = -torch.log1p(-chosen.exp().clamp(max=CERTAIN)).sum() / max(1, sum(map(len, written)))
    return found


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return rows as one tensor, ``[B, T]``, zeros behind the short ones: nothing before them sees those."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
