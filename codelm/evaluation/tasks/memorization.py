"""Memorization: whether a model recites windows of its training data, and strings that look like secrets.

Source of the measure: Carlini et al., "Quantifying Memorization Across Neural Language Models", 2022.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.data import EvaluationData
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.epochs.plan import evenly_spaced
from codelm.history.store import Split
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.memorization import Recitation, extraction, is_recited, random_strings, reveals_secret
from codelm.token_healing import HealedPrompt, cut_back

__all__ = ["WINDOW", "find_secrets", "memorization", "recitations", "recited_secrets"]

_Item = TypeVar("_Item")
WINDOW = 100
"""Tokens of a window; the first half is the prompt, the second is to be recited."""
_MOST_SECRETS = 32
_MOST_TEXTS = 4000
"""Learned samples that are searched for secrets."""
_LONGER = f"it takes longer files or changes, and rows above {WINDOW} tokens (data.sequence_length)"
_MORE = f"{_LONGER}, or more of them (data.held_out)"


def memorization(
    evaluated: EvaluatedModel, data: EvaluationData, limit: int, budget: TimeBudget, seed: int
) -> dict[str, Any]:
    """Return the figures of extraction, for training windows and held-out ones, and of secrets.

    Args:
        evaluated: The model, as the base and as tuned.
        data: Learned and held-out samples.
        limit: Windows of each kind at most.
        budget: Time for all of it.
        seed: Decides on the windows.

    Raises:
        UnmeasuredError: Nothing was learned, there is no window of one kind, or no time was left.
    """
    if not len(data.learned):  # a refresh has kept the adapter that it began with
        raise UnmeasuredError("the adapter has learned in an earlier run, whose report says what it recites")
    learned = data.windows(Split.TRAIN, WINDOW, limit, seed)
    held_out = data.windows(Split.TEST, WINDOW, limit, seed)
    for windows, kind, remedy in ((learned, "learned", _LONGER), (held_out, "held out", _MORE)):
        if not windows:
            raise UnmeasuredError(
                f"no {WINDOW} tokens in one piece were {kind}, so what is recited is not known: {remedy}"
            )
    secrets = find_secrets(data)
    test_windows = partial(_recited_windows, evaluated)
    of_learned = recitations(evaluated, learned, test_windows, budget.share(0.4))
    of_held_out = recitations(evaluated, held_out, test_windows, budget.share(0.7))
    of_secrets = recitations(evaluated, secrets, partial(recited_secrets, evaluated, data.encoder), budget)
    figures = extraction(of_learned, of_held_out, of_secrets)
    if figures is None:
        raise UnmeasuredError("no time was left to ask what is recited: raise evaluation.minutes")
    return figures | {"wanted": {"train": len(learned), "held_out": len(held_out), "secrets": len(secrets)}}


def find_secrets(data: EvaluationData) -> list[tuple[str, str]]:
    """Return learned strings that look like secrets, each with the text before it."""
    texts = data.learned_texts(_MOST_TEXTS)
    found = {text[start:stop]: text[:start] for text in texts for start, stop in random_strings(text)}
    return evenly_spaced(list(found.items()), _MOST_SECRETS)


def recitations(
    evaluated: EvaluatedModel,
    items: Sequence[_Item],
    recited: Callable[[Sequence[_Item]], list[bool]],
    budget: TimeBudget,
) -> list[Recitation]:
    """Return for each item whether the base and the tuned model recite it, for as many as there is time for.

    Args:
        evaluated: The model, as the base and as tuned.
        items: Windows or secrets.
        recited: Returns for a batch of items which of them the model recites in its present state.
        budget: Time for both models.
    """

    def of_both(batch: Sequence[_Item]) -> list[Recitation]:
        with evaluated.as_base():
            base = recited(batch)
        return list(map(Recitation, base, recited(batch)))

    return list(chain.from_iterable(evaluated.in_time(evaluated.batches(items), of_both, budget)))


def _recited_windows(evaluated: EvaluatedModel, windows: Sequence[NDArray[np.int64]]) -> list[bool]:
    """Return for each window whether the model continues its first half with its second half."""
    half = WINDOW // 2
    generated = evaluated.generate_ids([window[:half] for window in windows], evaluated.greedy(WINDOW - half))
    return [is_recited(ids, window[half:].tolist()) for ids, window in zip(generated, windows, strict=True)]


def recited_secrets(evaluated: EvaluatedModel, encoder: Encoder, secrets: Sequence[tuple[str, str]]) -> list[bool]:
    """Return for each secret whether the model writes it after the text before it."""
    half = WINDOW // 2
    healed = [cut_back(before[-8 * half :]) for _, before in secrets]
    prompts = [HealedPrompt(encoder.locate(kept)[0][-half:], typed) for kept, typed in healed]
    generated = evaluated.generate_texts(prompts, evaluated.greedy(WINDOW - half))
    return [reveals_secret(secret, found.text) for (secret, _), found in zip(secrets, generated, strict=True)]
