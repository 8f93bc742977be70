"""Small byte-level tokenizers of a few hundred tokens, with StarCoder2's special tokens or without."""

from types import SimpleNamespace

import pytest
from hypothesis import settings

from codelm.history.tokenization.encoder import Encoder
from codelm.special_tokens import END_OF_TEXT, SPECIAL_TOKENS

settings.register_profile("no deadline", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("no deadline")

RUST = """\
use std::fmt;

/// A range of numbers, the last one left out.
pub struct Range {
    start: usize,
    end: usize,
}

impl Range {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}
"""


def tokenizer(special_tokens):
    """Return a tokenizer as `Encoder` takes it, trained on a page of Rust."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special_tokens, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([RUST], trainer)
    return SimpleNamespace(backend_tokenizer=backend, eos_token_id=backend.token_to_id(END_OF_TEXT), unk_token_id=None)


@pytest.fixture(scope="session")
def rust():
    return RUST


@pytest.fixture(scope="session")
def make_tokenizer():
    return tokenizer


@pytest.fixture(scope="session")
def encoder():
    """An encoder with all of StarCoder2's special tokens."""
    return Encoder(tokenizer(list(SPECIAL_TOKENS)))


@pytest.fixture(scope="session")
def plain_encoder():
    """An encoder whose tokenizer has no special token at all."""
    return Encoder(tokenizer([]))
