import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from codelm.errors import InputError
from codelm.history.tokenization.encoder import Encoder
from codelm.special_tokens import END_OF_TEXT, SPECIAL_TOKENS


def test_the_tokenizer_given_is_left_as_it_was(make_tokenizer):
    tokenizer = make_tokenizer(list(SPECIAL_TOKENS))
    tokenizer.backend_tokenizer.enable_truncation(4)
    encoder = Encoder(tokenizer)
    assert encoder.count(["one two three four five six"])[0] > 4
    assert tokenizer.backend_tokenizer.encode(END_OF_TEXT).ids == [0]


def test_a_special_token_that_text_could_contain_is_refused(make_tokenizer):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = make_tokenizer([END_OF_TEXT])
    names = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<file_sep>"]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer.backend_tokenizer = Tokenizer(models.BPE(vocabulary, merges=[], ignore_merges=True))
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    with pytest.raises(InputError, match=r"<file_sep> in ordinary text"):
        Encoder(tokenizer)


def test_a_special_token_that_is_several_tokens_is_refused(make_tokenizer):
    from tokenizers import Tokenizer

    tokenizer = make_tokenizer(list(SPECIAL_TOKENS))
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    description["added_tokens"] = description["added_tokens"][:1]
    tokenizer.backend_tokenizer = Tokenizer.from_str(json.dumps(description))
    with pytest.raises(InputError, match=r"splits <repo_name> into \d+ tokens"):
        Encoder(tokenizer)


def test_a_slow_tokenizer_is_refused():
    with pytest.raises(InputError, match="SimpleNamespace has no tokenizer"):
        Encoder(SimpleNamespace(eos_token_id=0))


def test_a_tokenizer_of_transformers_will_do(make_tokenizer):
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(list(SPECIAL_TOKENS)).backend_tokenizer, eos_token=END_OF_TEXT
    )
    assert Encoder(tokenizer).special == set(SPECIAL_TOKENS)


def test_the_fingerprint_follows_the_tokens_and_nothing_else(encoder, make_tokenizer):
    same = make_tokenizer(list(SPECIAL_TOKENS))
    same.backend_tokenizer.enable_truncation(4)
    assert Encoder(same).fingerprint == encoder.fingerprint
    assert Encoder(make_tokenizer([*SPECIAL_TOKENS, "<more>"])).fingerprint != encoder.fingerprint


def test_the_largest_id_is_of_a_token_that_text_or_our_formats_can_hold(make_tokenizer):
    from tokenizers import AddedToken

    tokenizer = make_tokenizer([])
    backend = tokenizer.backend_tokenizer
    size = backend.get_vocab_size()
    assert Encoder(tokenizer).largest_id == size - 1
    backend.add_special_tokens(["<padding>"])  # as bases have that were tuned elsewhere, without a row for it
    assert Encoder(tokenizer).largest_id == size - 1
    backend.add_tokens([AddedToken("in text", special=False)])
    assert Encoder(tokenizer).largest_id == size + 1
    backend.add_special_tokens([END_OF_TEXT])
    assert Encoder(tokenizer).largest_id == size + 2


WORKERS = """
import os
from torch.utils.data import DataLoader, Dataset
from codelm.history.tokenization.encoder import Encoder
from tests.history.conftest import tokenizer

class Counts(Dataset):
    encoder = Encoder(tokenizer([]))
    texts = ["fn main() {}", "let x = 1;"] * 1000
    __len__ = lambda self: 4
    __getitem__ = lambda self, index: self.encoder.count(self.texts)

counts = Counts()
here = counts[0]
loader = DataLoader(counts, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60)
assert all(there == here for there in loader)
assert "TOKENIZERS_PARALLELISM" not in os.environ
"""


def test_forked_workers_may_tokenise_after_the_main_process_did_so_in_parallel():
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    environment.pop("TOKENIZERS_PARALLELISM", None)
    command = [sys.executable, "-c", WORKERS]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
