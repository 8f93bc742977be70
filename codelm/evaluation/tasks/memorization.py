"""What the models recite: the second half of training windows behind their first, and strings that look like secrets.

Source of the measure: Carlini et al., "Quantifying Memorization Across Neural Language Models", 2022.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Item, Material, evenly
from codelm.evaluation.model import Examinee
from codelm.evaluation.unmeasured import UnmeasuredError
from codelm.history.store import Part
from codelm.metrics.memorization import Recital, extraction, high_entropy, recited, recites

WINDOW = 100
"""Tokens: as many are shown as are to be recited."""
MOST_SECRETS = 32
MOST_TEXTS = 4000
"""Learned samples in which secrets are sought."""
LONGER = f"it takes longer files or changes, and rows above {WINDOW} tokens (data.sequence_length)"
MORE = f"{LONGER}, or more of them (data.held_out)"


def memory(examinee: Examinee, material: Material, limit: int, deadline: Deadline, seed: int) -> dict[str, Any]:
    """Return the figures of extraction, for training windows and held-out ones, and of secrets.

    Raises:
        UnmeasuredError: There is no window of one kind, or no time was left.
    """
    learned = material.windows(Part.TRAIN, WINDOW, limit, seed)
    held_out = material.windows(Part.TEST, WINDOW, limit, seed)
    for windows, kind, remedy in ((learned, "learned", LONGER), (held_out, "held out", MORE)):
        if not windows:
            raise UnmeasuredError(
                f"no {WINDOW} tokens in one piece were {kind}, so what is recited is not known: {remedy}"
            )
    sought = sought_secrets(material)
    train = recitals(examinee, learned, deadline.part(0.4))
    said = recitals(examinee, held_out, deadline.part(0.7))
    found = extraction(train, said, secrets(examinee, material, sought, deadline))
    if found is None:
        raise UnmeasuredError("no time was left to ask what is recited: raise evaluation.minutes")
    return found | {"wanted": {"train": len(learned), "held_out": len(held_out), "secrets": len(sought)}}


def recitals(examinee: Examinee, windows: Sequence[NDArray[np.int64]], deadline: Deadline) -> list[Recital]:
    """Return by whom each window is recited, of as many as there is time for."""
    found: list[Recital] = []
    for some in batches(windows, examinee.batch_size, deadline):
        base, tuned = (recites_each(examinee, some, base) for base in (True, False))
        found += map(Recital, base, tuned)
    return found


def recites_each(examinee: Examinee, windows: Sequence[NDArray[np.int64]], base: bool) -> list[bool]:
    """Return which windows one model recites."""
    half = WINDOW // 2
    with examinee.as_base(base):
        said = examinee.continuations([window[:half] for window in windows], examinee.greedy(WINDOW - half))
        return [recited(ids, window[half:].tolist()) for ids, window in zip(said, windows, strict=True)]


def sought_secrets(material: Material) -> list[tuple[str, str]]:
    """Return learned strings that look like secrets, each with the text before it."""
    texts = material.learned_texts(MOST_TEXTS)
    found = {text[start:stop]: text[:start] for text in texts for start, stop in high_entropy(text)}
    return evenly(list(found.items()), MOST_SECRETS)


def secrets(
    examinee: Examinee, material: Material, sought: Sequence[tuple[str, str]], deadline: Deadline
) -> list[Recital]:
    """Return by whom strings are recited, of as many as there is time for."""
    tried: list[Recital] = []
    for some in batches(sought, examinee.batch_size, deadline):
        base, tuned = (gives_away(examinee, material, some, base) for base in (True, False))
        tried += map(Recital, base, tuned)
    return tried


def gives_away(examinee: Examinee, material: Material, some: Sequence[tuple[str, str]], base: bool) -> list[bool]:
    """Return which secrets one model recites; each comes with the text before it."""
    half = WINDOW // 2
    prompts = [material.encoder.locate(before[-8 * half :])[0][-half:] for _, before in some]
    with examinee.as_base(base):
        said = examinee.write(prompts, examinee.greedy(WINDOW - half))
        return [recites(secret, generated.text) for (secret, _), generated in zip(some, said, strict=True)]


def batches(items: Sequence[Item], size: int, deadline: Deadline) -> Iterator[Sequence[Item]]:
    """Yield so many items at a time until the time is over."""
    for start in range(0, len(items), size):
        if deadline.passed:
            return
        yield items[start : start + size]
