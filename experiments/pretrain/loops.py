"""Unlikelihood training against loops: without it, a small model's greedy text repeats itself without end.

Source: Welleck et al., "Neural Text Generation with Unlikelihood Training", 2019 (arXiv 1908.04319), the form over
sequences: the model continues prompts, and the repetitions in its text are made less likely. The paper penalizes
repeated 4-grams; code rightly repeats those, so here it is all that follows the second round of a cycle.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from codelm.batch import IGNORE, Batch
from codelm.modules.generation import Sampling, before_end_token, end_token_ids, generate
from codelm.token_healing import HealedPrompt
from experiments.pretrain.train import Pretraining, Schedule, Shape

__all__ = ["CONTEXT", "SHORTEST_CONTEXT", "LoopUnlikelihood", "loop_mask", "sample_prompts", "unlikelihood"]

_LONGEST_CYCLE = 32
_LEAST_REPEATED = 4
"""Tokens that must have been repeated before further ones count as a loop: indentation and digits repeat rightly."""

_CONTINUATIONS = 8
CONTEXT = 384
SHORTEST_CONTEXT = 16
_GREEDY = Sampling(max_new_tokens=128, temperature=0.0, top_p=1.0, batch_size=_CONTINUATIONS)
_WEIGHT = 2.0
"""Of the unlikelihood, beside the loss of the rows: with 1, a fifth of the continuations of item heads still loops."""
_CERTAIN = 1 - 1e-4
"""The highest probability used; the unlikelihood of probability 1 is infinite."""


class LoopUnlikelihood(Pretraining):
    """Pretraining that also makes loops in the model's own text less likely; a step takes three times as long."""

    def __init__(self, shape: Shape, schedule: Schedule, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(shape, schedule)
        self.tokenizer = tokenizer

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of the rows plus the weighted unlikelihood of loops, a scalar."""
        loss = super().training_step(batch, batch_idx)
        prompts = sample_prompts(batch, Random(f"loops {self.global_step}"))
        end_ids = end_token_ids(self.tokenizer)
        given = [HealedPrompt(ids) for ids in prompts]
        texts = [before_end_token(ids, end_ids) for ids in generate(self.model, self.tokenizer, given, _GREEDY)]
        of_loops = unlikelihood(self.model, prompts, texts)
        self.log("train/loops", of_loops)
        return loss + _WEIGHT * of_loops


def sample_prompts(batch: Batch, random: Random) -> list[list[int]]:
    """Return beginnings of the batch's samples, as prompts to be continued.

    They start at a sample's first token, as prompts do: with prompts from the middle of samples, loops were unlearned
    there alone. Each ends before a token to be learned: padding, which looks like one more sample, holds none.
    """
    ids, positions = batch["input_ids"], batch["position_ids"]
    learned = batch["labels"] != IGNORE
    ends = (learned & (positions >= SHORTEST_CONTEXT) & (positions <= CONTEXT)).nonzero().tolist()
    chosen = random.sample(ends, min(_CONTINUATIONS, len(ends)))
    return [ids[row, end - int(positions[row, end]) : end].tolist() for row, end in chosen]


def loop_mask(ids: Sequence[int]) -> list[bool]:
    """Return for each token whether it only continues a cycle that has been repeated once."""
    found = [False] * len(ids)
    for length in range(1, _LONGEST_CYCLE + 1):
        same = 0
        for place in range(length, len(ids)):
            same = same + 1 if ids[place] == ids[place - length] else 0
            found[place] |= same > max(length, _LEAST_REPEATED)
    return found


def unlikelihood(model: Any, prompts: Sequence[Sequence[int]], texts: Sequence[Sequence[int]]) -> Tensor:
    """Return the mean unlikelihood of loops in generated texts, in nats a token of them; a scalar.

    Args:
        model: A causal language model of transformers.
        prompts: Token ids.
        texts: The token ids generated after each prompt.
    """
    whole = [[*prompt, *text] for prompt, text in zip(prompts, texts, strict=True)]
    # A loop may have begun in the prompt; the prompt itself is an author's text, and stays likely.
    masks = [[False] * len(prompt) + loop_mask(ids)[len(prompt) :] for prompt, ids in zip(prompts, whole, strict=True)]
    ids = _pad(whole).to(model.device)
    looping = _pad(masks)[:, 1:].to(model.device)
    states = model.get_decoder()(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(states[looping]).float()
    chosen = logits.log_softmax(dim=-1).gather(-1, ids[:, 1:][looping].unsqueeze(-1))
    found: Tensor = -torch.log1p(-chosen.exp().clamp(max=_CERTAIN)).sum() / max(1, sum(map(len, texts)))
    return found


def _pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return rows as one tensor, ``[B, T]``, with zeros after the short ones: no token before them attends to those."""
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
