from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import InputError
from codelm.evaluation.infill_probe import probe_infill
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.intervals import MIN_CLUSTERS
from codelm.special_tokens import FORMATS, STARCODER2
from tests.history.conftest import tokenizer


class Scorer:
    """A model whose nll is ``plain`` a token, with a little noise, less ``gain(ids)``."""

    def __init__(self, gain, noise=0.01):
        self.gain, self.noise = gain, np.random.default_rng(0).normal(0, noise, 10_000)
        self.texts, self.max_tokens = [], 1024
        self.module = SimpleNamespace(
            tokenizer=load_tokenizer("tiny"),
            language_model=SimpleNamespace(get_input_embeddings=lambda: nn.Embedding(9, 1)),
        )

    def token_nll(self, texts, choices):
        self.texts += texts
        return [2 - self.gain(ids) + self.noise[: len(ids)] for ids in texts]


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_tokenizer("tiny"), STARCODER2)


def test_a_base_that_finds_lines_likelier_between_both_sides_fills_in(encoder):
    middle = encoder.special_ids["<fim_middle>"]
    found = probe_infill(Scorer(lambda ids: 0.5 * (middle in ids)), encoder)
    assert found.fills_in
    assert found.in_format == pytest.approx(1.5, abs=0.01)
    assert found.without == pytest.approx(found.shown_first, abs=0.01)


def test_a_base_that_only_reads_what_follows_does_not_fill_in(encoder):
    """It gains as much from the same text without any special token."""
    longest = 0

    def gain(ids):
        nonlocal longest
        longest = max(longest, len(ids))
        return 0.5 * (len(ids) > longest / 2)

    assert not probe_infill(Scorer(gain), encoder).fills_in


def test_a_base_that_knows_lines_best_by_what_stands_before_them_does_not_fill_in(encoder):
    """However much harder the same text makes them where it comes first."""
    scorer, gains = Scorer(lambda ids: 0.0), iter([0.5, 0.0, 0.25])
    token_nll = scorer.token_nll

    def of_form(texts, choices):
        gain = next(gains)
        return [nll - gain for nll in token_nll(texts, choices)]

    scorer.token_nll = of_form
    found = probe_infill(scorer, encoder)
    assert found.without < found.in_format < found.shown_first
    assert not found.fills_in


@pytest.mark.parametrize("gain", [0.0, -0.5])
def test_a_base_that_gains_nothing_does_not_fill_in(encoder, gain):
    middle = encoder.special_ids["<fim_middle>"]
    assert not probe_infill(Scorer(lambda ids: gain * (middle in ids)), encoder).fills_in


def test_enough_holes_are_asked_and_each_ends_with_its_real_lines(encoder):
    scorer = Scorer(lambda ids: 0.0)
    probe_infill(scorer, encoder)
    holes = len(scorer.texts) // 3
    assert holes >= MIN_CLUSTERS
    for without, shown_first, in_format in zip(
        *(scorer.texts[part * holes :][:holes] for part in range(3)), strict=True
    ):
        texts = [encoder.decode(list(ids)) for ids in (without, shown_first, in_format)]
        assert texts[1].endswith(texts[0])
        before, _, rest = texts[2].partition("<fim_suffix>")
        after, _, typed_and_middle = rest.partition("<fim_middle>")
        assert after.startswith("\n")
        assert "\n" in typed_and_middle
        assert texts[0] == before.partition("<fim_prefix>")[2].partition("\n")[2] + typed_and_middle


def test_rows_too_short_for_the_holes_are_refused_with_the_setting_that_decides(encoder):
    scorer = Scorer(lambda ids: 0.0)
    scorer.max_tokens = 100
    with pytest.raises(InputError, match=r"rows of 100 tokens.*data.formats.fim_format starcoder2 or left-to-right"):
        probe_infill(scorer, encoder)
    assert not scorer.texts


def test_every_format_can_be_asked():
    for each in FORMATS.values():
        if each.infill:
            probe_infill(Scorer(lambda ids: 0.0), Encoder(tokenizer(list(each.tokens)), each))
