"""Batched text generation with a causal language model of Hugging Face."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from typing import Any, NamedTuple

from transformers import GenerationConfig, PreTrainedTokenizerBase

from codelm.modules.base_model import max_positions
from codelm.modules.batch_generation import generate_batch
from codelm.modules.decoding_rules import HeldToTyped, IsComplete, UntilComplete
from codelm.modules.fused_lora import whole_weights
from codelm.modules.padding import completes_in_batches
from codelm.special_tokens import TEXT_ENDS
from codelm.token_healing import HealedPrompt, Vocabulary, cut_back, without_typed

__all__ = [
    "Generated",
    "Sampling",
    "before_end_token",
    "complete",
    "decode_generated",
    "end_token_ids",
    "generate",
    "generate_texts",
    "vocabulary",
]

_LEAST_TEMPERATURE = 1e-6
"""Below it a score divided by the temperature may be no number any more, and the likeliest token is as good as sure."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and how many prompts are completed at a time.

    Temperature 0 takes the likeliest token, 1 samples from the model's own probabilities; ``top_p`` keeps the likeliest
    tokens that together have this probability.
    """

    max_new_tokens: int
    temperature: float
    top_p: float
    batch_size: int


class Generated(NamedTuple):
    """A generated text, and whether an end token stands behind it; see `generate` for texts that are complete."""

    text: str
    stopped: bool


def complete(
    model: Any, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], sampling: Sampling
) -> Iterator[Generated]:
    """Yield the text that a model generates after each prompt; neither model nor tokenizer is changed.

    Args:
        model: A causal language model of Hugging Face.
        tokenizer: Its tokenizer.
        prompts: The texts to complete, each after what the tokenizer puts before a text; where that is nothing, an
            empty one stands for the start of a text.
        sampling: How tokens are chosen.
    """
    begin = _beginning(tokenizer)
    cut = (_cut_back(tokenizer, prompt) for prompt in prompts)
    healed = [HealedPrompt([*begin, *tokenizer.encode(kept, add_special_tokens=False)], typed) for kept, typed in cut]
    yield from generate_texts(model, tokenizer, healed, sampling)


def _cut_back(tokenizer: PreTrainedTokenizerBase, prompt: str) -> tuple[str, str]:
    """Return `cut_back` of what stands behind the last added token of a prompt, with the rest before it.

    Not all of them are special, such as Qwen3's ``<think>``; text may become those of white space.
    """
    encoding = tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)
    added = {token for token, its in tokenizer.added_tokens_decoder.items() if its.content.strip()}
    spans = zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
    place = max((end for token, (_, end) in spans if token in added), default=0)
    kept, typed = cut_back(prompt[place:])
    # SentencePiece's tokenizers write a text's first word with a space that the text does not have.
    return (prompt[:place] + kept, typed) if place or kept else (prompt, "")


def generate_texts(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[HealedPrompt],
    sampling: Sampling,
    is_complete: Sequence[IsComplete] = (),
    *,
    each_token: bool = False,
) -> Iterator[Generated]:
    """Yield the text that a model generates after each prompt and what was typed behind it; see `generate`."""
    end_ids = end_token_ids(tokenizer)
    rows = generate(model, tokenizer, prompts, sampling, is_complete, each_token=each_token)
    for prompt, ids in zip(prompts, rows, strict=True):
        text, stopped = decode_generated(tokenizer, ids, end_ids)
        yield Generated(without_typed(text, prompt.typed), stopped)


def generate(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[HealedPrompt],
    sampling: Sampling,
    is_complete: Sequence[IsComplete] = (),
    *,
    each_token: bool = False,
) -> Iterator[list[int]]:
    """Yield the token ids that a model generates after those of each prompt, with an end token behind what has ended.

    They begin with the tokens of what was typed, which do not count among the new tokens of ``sampling``.

    Args:
        model: A causal language model of Hugging Face.
        tokenizer: Its tokenizer.
        prompts: Token ids with what was typed; one without either stands for the start of a text.
        sampling: How tokens are chosen.
        is_complete: For each prompt, or for none, whether the text behind what was typed needs no more, asked after
            each line.
        each_token: Ask after each token.
    """
    end_ids = end_token_ids(tokenizer)
    rows = model.get_input_embeddings().weight
    read = partial(_decode_inside, tokenizer)
    alone = min(len(prompts), sampling.batch_size) == 1 or not completes_in_batches(model)
    size = 1 if alone else sampling.batch_size
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        typed = [prompt.typed for prompt in batch]
        given = [prompt.ids or end_ids[:1] for prompt in batch]  # a text follows an end
        most = (max_positions(model.config) or sys.maxsize) - max(map(len, given))
        to_write = max(len(tokenizer.encode(each, add_special_tokens=False)) for each in typed)
        settings = _generation_config(sampling, end_ids, sampling.max_new_tokens + to_write, most)
        tokens = vocabulary(tokenizer, len(rows)) if is_complete or any(typed) else Vocabulary([])
        asked = is_complete[start : start + size]
        held = HeldToTyped(tokens, typed) if any(typed) else None
        until = UntilComplete(tokens, read, typed, asked, each_token=each_token) if asked else None
        with whole_weights(model):
            written = generate_batch(model, given, settings, held, until)
        for text, ids in zip(typed, written, strict=True):
            most = _tokens_of_typed(ids, text, tokens) + sampling.max_new_tokens
            yield ids[: most + (ids[most : most + 1] == end_ids[:1])]


def _tokens_of_typed(ids: Sequence[int], typed: str, vocabulary: Vocabulary) -> int:
    """Return how many of the first tokens write what was typed."""
    count = 0
    while typed and count < len(ids):
        typed = vocabulary.rest(typed, ids[count])
        count += 1
    return count


@lru_cache(maxsize=1)
def vocabulary(tokenizer: PreTrainedTokenizerBase, size: int) -> Vocabulary:
    """Return the first ``size`` tokens of a tokenizer by what they are inside a text; special tokens have no text.

    A tokenizer may have more tokens than its model, and a model more than its tokenizer.
    """
    special = {*end_token_ids(tokenizer), *tokenizer.all_special_ids}
    texts = _decode_inside(tokenizer, [[token] for token in range(size)])
    return Vocabulary(["" if token in special else text for token, text in enumerate(texts)])


def _decode_inside(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> list[str]:
    """Return the text of each row of token ids behind others: SentencePiece's leave out the space of a text's first."""
    backend: Any = tokenizer.backend_tokenizer
    before = backend.encode("a", add_special_tokens=False).ids
    skipped = len(backend.decode(before))
    texts = backend.decode_batch([[*before, *ids] for ids in rows], skip_special_tokens=True)
    return [text[skipped:] for text in texts]


def end_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end a text: the tokenizer's own end of sequence, and those of `TEXT_ENDS` that it has."""
    vocabulary = tokenizer.get_vocab()
    own = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    found = [*own, *(vocabulary[name] for name in TEXT_ENDS if name in vocabulary)]
    return list(dict.fromkeys(found)) or [0]


def _beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the token that a tokenizer puts before each text, by itself; [] where it does not."""
    with_it, without = (tokenizer.encode("a", add_special_tokens=each) for each in (True, False))
    return with_it[:1] if with_it[:1] != without[:1] else []


def _generation_config(sampling: Sampling, end_ids: list[int], new_tokens: int, most: int) -> GenerationConfig:
    """Return ``sampling`` as a `GenerationConfig` for so many tokens, and no more than ``most``."""
    temperature = max(sampling.temperature, _LEAST_TEMPERATURE)
    draw = {"temperature": temperature, "top_p": sampling.top_p, "top_k": 0} if sampling.temperature else {}
    make: type[Any] = GenerationConfig  # untyped in transformers
    config: GenerationConfig = make(
        max_new_tokens=max(1, min(new_tokens, most)),
        do_sample=bool(draw),
        eos_token_id=end_ids,
        pad_token_id=end_ids[0],
        use_cache=True,
        **draw,
    )
    return config


def before_end_token(ids: Sequence[int], end_ids: Sequence[int]) -> list[int]:
    """Return the ids before the first end token.

    >>> before_end_token([5, 6, 0, 7], end_ids=[0])
    [5, 6]
    """
    return list(takewhile(lambda token: token not in end_ids, ids))


def decode_generated(tokenizer: PreTrainedTokenizerBase, ids: list[int], end_ids: list[int]) -> Generated:
    """Return the text of ids generated behind others, up to the first end token."""
    kept = before_end_token(ids, end_ids)
    [text] = _decode_inside(tokenizer, [kept])
    return Generated(text, stopped=len(kept) < len(ids))
