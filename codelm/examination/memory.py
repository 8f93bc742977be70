"""What the models recite: the second half of training windows behind their first, and strings that look like secrets.

Source of the measure: Carlini et al., "Quantifying Memorization Across Neural Language Models", 2022.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.memory import Recital, extraction, high_entropy, recited, recites
from codelm.examination.deadline import Deadline
from codelm.examination.examinee import Examinee
from codelm.examination.material import Material, evenly
from codelm.history.store import Part

WINDOW = 100
"""Tokens: as many are shown as are to be recited."""
MOST_SECRETS = 32


def memory(examinee: Examinee, material: Material, limit: int, deadline: Deadline, seed: int) -> dict[str, Any] | None:
    """Return the figures of extraction, for training windows and held-out ones, and of secrets."""
    learned = material.windows(Part.TRAIN, WINDOW, limit, seed)
    held_out = material.windows(Part.TEST, WINDOW, limit, seed)
    train = recitals(examinee, learned, deadline.part(0.5))
    return extraction(train, recitals(examinee, held_out, deadline.part(0.8)), secrets(examinee, material))


def recitals(examinee: Examinee, windows: Sequence[NDArray[np.int64]], deadline: Deadline) -> list[Recital]:
    """Return by whom each window is recited, of as many as there is time for."""
    found: list[Recital] = []
    for start in range(0, len(windows), examinee.batch_size):
        if deadline.passed:
            break
        some = windows[start : start + examinee.batch_size]
        base, tuned = (recites_each(examinee, some, base) for base in (True, False))
        found += map(Recital, base, tuned)
    return found


def recites_each(examinee: Examinee, windows: Sequence[NDArray[np.int64]], base: bool) -> list[bool]:
    """Return which windows one model recites."""
    half = WINDOW // 2
    with examinee.as_base(base):
        said = examinee.continuations([window[:half] for window in windows], examinee.greedy(WINDOW - half))
        return [recited(ids, window[half:].tolist()) for ids, window in zip(said, windows, strict=True)]


def secrets(examinee: Examinee, material: Material) -> list[bool]:
    """Return, of strings of the snapshot that look like secrets, which the tuned model recites."""
    texts = material.snapshot.values()
    found = {text[start:stop]: text[:start] for text in texts for start, stop in high_entropy(text)}
    some = evenly(list(found.items()), MOST_SECRETS)
    half = WINDOW // 2
    prompts = [material.encoder.locate(before[-8 * half :])[0][-half:] for _, before in some]
    said = examinee.write(prompts, examinee.greedy(WINDOW - half))
    return [recites(secret, generated.text) for (secret, _), generated in zip(some, said, strict=True)]
