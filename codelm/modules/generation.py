"""Many prompts completed at a time by a Hugging Face model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedTokenizerBase

STOPS = ("<|endoftext|>", "<file_sep>", "<repo_name>")
"""The names of the tokens after which nothing belongs to the text any more, where a tokenizer has them."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        max_new_tokens: tokens of a completion at most.
        temperature: 0 takes the likeliest token; 1 samples what the model says.
        top_p: sample from the likeliest tokens that together have this probability.
        batch_size: prompts that are completed at a time.
    """

    max_new_tokens: int
    temperature: float
    top_p: float
    batch_size: int


class Generated(NamedTuple):
    """A text, and whether the model stopped by itself or had no tokens left."""

    text: str
    stopped: bool


def complete(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], sampling: Sampling
) -> Iterator[Generated]:
    """Yield what a causal language model writes behind each prompt; neither model nor tokenizer is changed."""
    # Where nothing is given, a new text begins, as it does behind the end of another.
    nothing = stop_ids(tokenizer)[:1]
    encoded = [tokenizer.encode(prompt, add_special_tokens=False) or nothing for prompt in prompts]
    for ids in generate(model, tokenizer, encoded, sampling):
        yield read(tokenizer, ids, stop_ids(tokenizer))


def generate(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Sequence[int]], sampling: Sampling
) -> Iterator[list[int]]:
    """Yield the tokens that a model writes behind the tokens of each prompt, with what pads them behind a stop."""
    stops = stop_ids(tokenizer)
    for start in range(0, len(prompts), sampling.batch_size):
        ids, mask = pad_left(prompts[start : start + sampling.batch_size], stops[0])
        room = model.config.max_position_embeddings - ids.shape[1]
        settings = generation_config(sampling, stops, room)
        device = model.get_input_embeddings().weight.device
        output = model.generate(input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=settings)
        yield from output[:, ids.shape[1] :].tolist()


def stop_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end a text: those of `STOPS` that the tokenizer has, and its own."""
    vocabulary = tokenizer.get_vocab()
    own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    found = [*own, *(vocabulary[name] for name in STOPS if name in vocabulary)]
    return list(dict.fromkeys(found)) or [0]


def pad_left(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask, ``[B, T]``: a completion must follow its prompt, so what is missing is in front.

    >>> [tensor.tolist() for tensor in pad_left([[1, 2], [3]], filler=0)]
    [[[1, 2], [0, 3]], [[1, 1], [0, 1]]]
    """
    width = max(len(row) for row in rows)
    ids = torch.tensor([[filler] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def generation_config(sampling: Sampling, stops: list[int], room: int) -> GenerationConfig:
    """Return the settings in Hugging Face's words; ``room`` is what the model's positions leave."""
    chance = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0} if sampling.temperature else {}
    config: type[Any] = GenerationConfig  # untyped in transformers
    found: GenerationConfig = config(
        max_new_tokens=max(1, min(sampling.max_new_tokens, room)),
        do_sample=bool(chance),
        eos_token_id=stops,
        pad_token_id=stops[0],
        use_cache=True,
        **chance,
    )
    return found


def until_stop(ids: Sequence[int], stops: Sequence[int]) -> list[int]:
    """Return what stands before the first stop.

    >>> until_stop([5, 6, 0, 7], stops=[0])
    [5, 6]
    """
    return list(takewhile(lambda token: token not in stops, ids))


def read(tokenizer: PreTrainedTokenizerBase, row: list[int], stops: list[int]) -> Generated:
    """Return the text of generated ids up to the first stop."""
    kept = until_stop(row, stops)
    text = tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Generated(str(text), stopped=len(kept) < len(row))
