from random import Random
from types import SimpleNamespace

import pytest

from codelm.history.samples.pieces import Role
from codelm.special_tokens import END_OF_TEXT, STARCODER2
from experiments.pretrain.corpus import Document
from experiments.pretrain.documents import cut_lines, in_random_forms

CODE = "".join(f"fn item_{number}() {{\n    work({number});\n}}\n\n" for number in range(60))


def count(texts):
    return [len(text.encode()) for text in texts]


def made(number):
    """Return the samples of a file of that number: its name decides on the forms."""
    encoder = SimpleNamespace(count=count, format=STARCODER2)
    return in_random_forms(Document("rust", "crate", "1.0.0", f"src/{number}.rs", CODE), encoder, 600)


def learned(sample):
    return "".join(piece.text for piece in sample.pieces if piece.role == Role.TARGET and not piece.special)


@pytest.mark.parametrize("seed", range(20))
def test_every_character_is_learned_once(seed):
    assert sorted("".join(map(learned, made(seed)))) == sorted(CODE)


@pytest.mark.parametrize("seed", range(20))
def test_no_sample_is_longer_than_a_row(seed):
    lengths = [sum(1 if piece.special else len(piece.text) for piece in sample.pieces) for sample in made(seed)]
    assert max(lengths) <= 600


def test_all_forms_occur():
    drawn = [sample for seed in range(30) for sample in made(seed)]
    starts = [tuple(piece.text for piece in sample.pieces if piece.special) for sample in drawn]
    assert {("<repo_name>", "<file_sep>"), ()} <= set(starts)
    assert ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", END_OF_TEXT) in starts
    assert any(sample.pieces[0].text == "<fim_prefix>" and sample.pieces[1].text == "<fim_suffix>" for sample in drawn)


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_between_lines_takes_whole_lines_and_no_more_than_asked(seed):
    before, middle, after = cut_lines(CODE, Random(seed), longest=3)
    assert before + middle + after == CODE
    assert before == "" or before.endswith("\n")
    assert 1 <= middle.count("\n") <= 3
