"""The model under evaluation: the nll of given tokens and generated text, as the untouched base or as tuned."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import accumulate, chain, pairwise, repeat, takewhile
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from codelm.batch import WeightedTokens, collate
from codelm.evaluation.time_budget import OutOfTimeError, TimeBudget
from codelm.history.epochs.packing import pack
from codelm.modules.decoding_rules import IsComplete
from codelm.modules.generation import Generated, Sampling, end_token_ids, generate, generate_texts, vocabulary
from codelm.token_healing import HealedPrompt

__all__ = ["MAX_PROMPT_TOKENS", "EvaluatedModel", "continuation_nll"]

log = logging.getLogger(__name__)

_Ids = Sequence[int] | NDArray[np.integer]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
MAX_PROMPT_TOKENS = 1024
"""The most tokens of a prompt and its answer together; those of a row where that is shorter."""
_EVERY_SECONDS = 15.0
"""Time between two lines that say how far a task is."""


class EvaluatedModel:
    """A `LoRACausalLM` in evaluation mode, evaluated as tuned, and without its adapter as the base.

    A batch has ``batch_size`` rows of ``max_tokens`` tokens, or ``prompts_at_a_time`` prompts, which with their answers
    have no more tokens than these.
    """

    def __init__(self, module: Any, *, max_tokens: int, batch_size: int) -> None:
        self.module = module
        self.max_tokens = max_tokens
        self.batch_size = batch_size
        self.prompts_at_a_time = batch_size * max(1, max_tokens // MAX_PROMPT_TOKENS)

    def as_base(self, base: bool = True) -> AbstractContextManager[None]:
        """Return a context in which the adapter is disabled; if not ``base``, one that changes nothing."""
        return self.module.base_disabled() if base else nullcontext()

    def batches(self, items: Sequence[_Item]) -> list[Sequence[_Item]]:
        """Return the items in batches, the first of them small, so that something is measured also in a short time."""
        sizes = chain((1, 1, 2, 4), repeat(self.prompts_at_a_time))
        ends = takewhile(lambda end: end < len(items), accumulate(min(size, self.prompts_at_a_time) for size in sizes))
        return [items[start:end] for start, end in pairwise([0, *ends, len(items)])] if items else []

    def in_time(self, items: Sequence[_Item], measure: Callable[[_Item], _Result], budget: TimeBudget) -> list[_Result]:
        """Return what is measured of the first items in time, and log now and then how far it is.

        The time is looked at before each layer of each pass; the item that it ends in the middle of is dropped. One is
        begun only where the time that is left is more than the slowest one took.
        """
        found: list[_Result] = []
        longest, last_line = 0.0, time.perf_counter()

        def look_at_time() -> None:
            nonlocal last_line
            budget.check()
            if time.perf_counter() - last_line > _EVERY_SECONDS:
                last_line = time.perf_counter()
                left = budget.seconds_left
                log.info("%d of %d batches done, at most %.0f s left for the others", len(found), len(items), left)

        with _before_each_layer(self.module, look_at_time), suppress(OutOfTimeError):
            for item in items:
                before = budget.seconds_left
                if before <= longest:
                    break
                found.append(measure(item))
                longest = max(longest, before - budget.seconds_left)
        return found

    def token_nll(
        self, texts: Sequence[_Ids], choices: Sequence[Mapping[int, Sequence[int]]] = ()
    ) -> list[NDArray[np.float64]]:
        """Return the nll of each token of each text given those before it, in nats, ``[T]`` each; 0 for the first.

        Args:
            texts: Token ids.
            choices: For each text, or for none, the tokens among which those at some places were chosen.

        Raises:
            ValueError: A text is longer than a row.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0)] * len(texts)
        tokens = [WeightedTokens(torch.tensor(ids, dtype=torch.int64), torch.ones(len(ids))) for ids in texts]
        rows = pack([len(ids) for ids in texts], self.max_tokens)
        for start in range(0, len(rows), self.batch_size):
            packed = rows[start : start + self.batch_size]
            batch: dict[str, Any] = {**collate([[tokens[index] for index in row] for row in packed])}
            starts = [[0, *accumulate(len(texts[index]) for index in row)] for row in packed]
            among = {
                (number, first + place): allowed
                for number, row in enumerate(packed if choices else [])
                for index, first in zip(row, starts[number], strict=False)
                for place, allowed in choices[index].items()
            }
            nll = self.module.token_nll({name: each.to(self.module.device) for name, each in batch.items()}, among)
            for row, borders, row_nll in zip(packed, starts, nll.double().cpu().numpy(), strict=True):
                for index, (first, end) in zip(row, pairwise(borders), strict=True):
                    found[index] = row_nll[first:end]
        return found

    def generate_texts(
        self, prompts: Sequence[HealedPrompt], sampling: Sampling, is_complete: Sequence[IsComplete] = ()
    ) -> Iterator[Generated]:
        """Yield the text generated after each prompt and what was typed behind it, no longer than it is incomplete."""
        yield from generate_texts(self.module.model, self.module.tokenizer, prompts, sampling, is_complete)

    def generate_ids(self, prompts: Sequence[_Ids], sampling: Sampling) -> Iterator[list[int]]:
        """Yield the token ids generated after each prompt; an empty prompt stands for the start of a text."""
        given = [HealedPrompt([int(token) for token in prompt]) for prompt in prompts]
        yield from generate(self.module.model, self.module.tokenizer, given, sampling)

    def greedy(self, new_tokens: int) -> Sampling:
        """Return the settings for greedy decoding of at most ``new_tokens`` tokens."""
        return Sampling(new_tokens, temperature=0.0, top_p=1.0, batch_size=self.prompts_at_a_time)


def continuation_nll(
    evaluated: EvaluatedModel, prompts: Sequence[HealedPrompt], texts: Sequence[_Ids]
) -> list[NDArray[np.float64]]:
    """Return the nll of each token of each text behind its prompt, in nats, ``[T]`` each.

    Args:
        evaluated: The model.
        prompts: The prompts; one without token ids stands for the start of a text. Where something was typed, the model
            chooses only among the tokens that agree with it.
        texts: The token ids of what was typed and the text behind it; none is empty.
    """
    tokenizer = evaluated.module.tokenizer
    tokens = vocabulary(tokenizer, len(evaluated.module.language_model.get_input_embeddings().weight))
    given = [prompt.ids or end_token_ids(tokenizer)[:1] for prompt in prompts]  # a text follows an end
    rows = [[*map(int, ids), *map(int, text)] for ids, text in zip(given, texts, strict=True)]
    choices = [
        {len(ids) + place: allowed for place, allowed in tokens.choices(prompt.typed, text)}
        for ids, prompt, text in zip(given, prompts, texts, strict=True)
    ]
    return [nll[-len(text) :] for nll, text in zip(evaluated.token_nll(rows, choices), texts, strict=True)]


@contextmanager
def _before_each_layer(module: torch.nn.Module, call: Callable[[], None]) -> Iterator[None]:
    """Call a function before each pass through the module or one of its layers, for the length of a block."""
    lists = (each for each in module.modules() if isinstance(each, torch.nn.ModuleList))
    layers = [getattr(module, "model", module), *(layer for each in lists for layer in each)]
    handles = [layer.register_forward_pre_hook(lambda *_: call()) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
