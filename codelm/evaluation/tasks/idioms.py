"""How both models write functions, and which traits they derive together, beside how the repository does.

A model has `NEW_TOKENS` for a function. What people wrote is cut there too, by the rule that cuts the models' texts:
else the length of functions would pass for their style.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Material, Place, evenly, language_of
from codelm.evaluation.model import Examinee
from codelm.evaluation.unmeasured import UnmeasuredError
from codelm.history.samples.prompts import prompt
from codelm.history.tokenization.encoding import Encoder
from codelm.metrics.completion import completion
from codelm.metrics.derives import HEAD as DERIVE
from codelm.metrics.derives import compare_derives
from codelm.metrics.idioms import SHORTEST, compare, functions, of_substance
from codelm.modules.generation import Sampling

HEADS = ("fn", "pub fn", "    fn", "    pub fn", "#[test]\nfn")
NEW_TOKENS = 160
SPARE = 4
"""For every so many functions that are wanted one more is asked for: some are too short to count."""
TEMPERATURE, TOP_P = 0.8, 0.95
MOST_FUNCTIONS = 2000
"""Functions of the repository that make its profile, and of held-out commits that are held against it."""
DERIVE_TOKENS, MOST_DERIVES = 32, 32
"""What a list of traits takes, and how often each model is asked for one."""


def idioms(examinee: Examinee, material: Material, limit: int, deadline: Deadline, seed: int) -> dict[str, Any]:
    """Return the figures of idioms.

    Raises:
        UnmeasuredError: The repository holds no Rust to compare with, or no time was left.
    """
    files = {place: text for place, text in material.snapshot.items() if language_of(place.path) == "rust"}
    repository = [function for text in sorted(files.values(), key=len) for function in functions(text)]
    if not of_substance(repository):
        raise UnmeasuredError(
            f"idioms are told of Rust's functions of {SHORTEST} bytes or more: the snapshot holds none"
        )
    prompts = prompts_in(sorted(files), HEADS, limit + limit // SPARE, seed)
    base, tuned = written(examinee, material, prompts, NEW_TOKENS, deadline.part(0.8))
    if not base:
        raise UnmeasuredError(
            "no time was left to write functions, whose idioms are compared: raise evaluation.minutes"
        )
    held_out = held_out_functions(material, frozenset(repository))
    old, new = ([begun(each, material.encoder) for each in drawn(some, seed)] for some in (repository, held_out))
    found = compare(old, new, base, tuned)
    if found is None:
        raise UnmeasuredError(f"no function of {SHORTEST} bytes or more was written, whose idioms could be compared")
    asked = prompts_in(sorted(files), (DERIVE,), min(limit, MOST_DERIVES), seed)
    lists = written(examinee, material, asked, DERIVE_TOKENS, deadline)
    asked_for = {"functions": len(base), "of": len(prompts), "derives": len(lists[0]), "derives_of": len(asked)}
    return found | {"asked": asked_for, "derives": compare_derives(files.values(), *lists)}


def prompts_in(places: Sequence[Place], heads: Sequence[str], limit: int, seed: int) -> list[tuple[Place, str]]:
    """Return so many places in random order, spread over the repository, with the heads by turns."""
    asked = evenly(places, limit)
    order = enumerate(Random(seed).sample(asked, len(asked)))
    prompts = [(place, heads[index % len(heads)]) for index, place in order]
    return (prompts * (1 + limit // max(1, len(prompts))))[:limit]


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
    """Return the functions of files as held-out commits left them that no file of the snapshot has."""
    files = {
        (material.commit(change.commit)["repository"], change.path): change.text
        for change in material.test_changes()
        if language_of(change.path) == "rust"
    }
    return [function for text in files.values() for function in functions(text) if function not in known]


def written(
    examinee: Examinee, material: Material, prompts: Sequence[tuple[Place, str]], new_tokens: int, deadline: Deadline
) -> tuple[list[str], list[str]]:
    """Return the items that the base and the tuned model write behind the same heads, as many as there is time for."""
    sampling = Sampling(new_tokens, TEMPERATURE, TOP_P, examinee.batch_size)
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
