"""How both models write functions, beside how the repository does.

A model has `NEW_TOKENS` for a function. What people wrote is cut there too, by the rule that cuts the models' texts:
else the length of functions would pass for their style.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from codelm.evaluation.completion import completion
from codelm.evaluation.idioms import compare, functions
from codelm.examination.deadline import Deadline
from codelm.examination.examinee import Examinee
from codelm.examination.material import Material, Place, evenly, language_of
from codelm.history.encoding import Encoder
from codelm.history.prompts import prompt
from codelm.modules.generation import Sampling

HEADS = ("fn", "pub fn", "    fn", "    pub fn", "#[test]\nfn")
NEW_TOKENS = 160
TEMPERATURE, TOP_P = 0.8, 0.95
MOST_FUNCTIONS = 2000
"""Functions of the repository that make its profile, and of held-out commits that are held against it."""


def idioms(examinee: Examinee, material: Material, limit: int, deadline: Deadline, seed: int) -> dict[str, Any] | None:
    """Return the figures of idioms; None where the repository holds no Rust to compare with, or no time was left."""
    files = {place: text for place, text in material.snapshot.items() if language_of(place.path) == "rust"}
    repository = [function for text in sorted(files.values(), key=len) for function in functions(text)]
    if not repository:
        return None
    asked = evenly(sorted(files), limit)
    order = enumerate(Random(seed).sample(asked, len(asked)))
    prompts = [(place, HEADS[index % len(HEADS)]) for index, place in order]
    prompts = (prompts * (1 + limit // max(1, len(prompts))))[:limit]
    base, tuned = written(examinee, material, prompts, deadline)
    if not base:
        return None
    held_out = held_out_functions(material, frozenset(repository))
    old, new = ([begun(each, material.encoder) for each in drawn(some, seed)] for some in (repository, held_out))
    return compare(old, new, base, tuned)


def drawn(functions: Sequence[str], seed: int) -> list[str]:
    """Return functions in random order, `MOST_FUNCTIONS` where they are more."""
    return Random(seed).sample(functions, min(MOST_FUNCTIONS, len(functions)))


def begun(function: str, encoder: Encoder) -> str:
    """Return what of a function stands in the tokens that a model has behind its ``fn``, cut as a model's text is."""
    head = function[: function.find("fn") + 2]
    rest = function[len(head) :]
    spans = encoder.locate(rest)[1][:NEW_TOKENS]
    end = spans[-1][1] if spans else 0
    return head + completion("rust", head, rest[:end], stopped=end == len(rest)).text


def held_out_functions(material: Material, known: frozenset[str]) -> list[str]:
    """Return the functions of files as held-out commits left them that the repository did not have before."""
    files = {
        (material.commit(change.commit)["repository"], change.path): change.text
        for change in material.test_changes()
        if language_of(change.path) == "rust"
    }
    return [function for text in files.values() for function in functions(text) if function not in known]


def written(
    examinee: Examinee, material: Material, prompts: Sequence[tuple[Place, str]], deadline: Deadline
) -> tuple[list[str], list[str]]:
    """Return the functions that the base and the tuned model write behind the same heads, as many as there is time."""
    sampling = Sampling(NEW_TOKENS, TEMPERATURE, TOP_P, examinee.batch_size)
    found: tuple[list[str], list[str]] = ([], [])
    for start in range(0, len(prompts), examinee.batch_size):
        if deadline.passed:
            break
        some = prompts[start : start + examinee.batch_size]
        samples = [
            prompt(material.commit(place.commit)["repository"], place.path, head, None, material.encoder.special)
            for place, head in some
        ]
        ids = [each.ids for each in material.encoder.encode(samples)]
        for column, base in zip(found, (True, False), strict=True):
            with examinee.as_base(base):
                texts = list(examinee.write(ids, sampling))
            column += [
                head + completion("rust", head, text, stopped=stopped).text
                for (_, head), (text, stopped) in zip(some, texts, strict=True)
            ]
    return found
