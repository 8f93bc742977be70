import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from codelm.errors import InputError
from codelm.history.samples.formats import END, SENTINELS
from codelm.history.tokenization.encoding import Encoder


def test_the_tokenizer_given_is_left_as_it_was(make_tokenizer):
    tokenizer = make_tokenizer(list(SENTINELS))
    tokenizer.backend_tokenizer.enable_truncation(4)
    encoder = Encoder(tokenizer)
    assert encoder.count(["one two three four five six"])[0] > 4
    assert tokenizer.backend_tokenizer.encode(END).ids == [0]


def test_a_sentinel_that_text_could_forge_is_refused(make_tokenizer):
    from tokenizers import AddedToken

    tokenizer = make_tokenizer([END])
    tokenizer.backend_tokenizer.add_tokens([AddedToken("<file_sep>", special=False)])
    with pytest.raises(InputError, match=r"<file_sep> in ordinary text"):
        Encoder(tokenizer)


def test_a_sentinel_that_is_not_one_token_is_refused(make_tokenizer):
    from tokenizers import Tokenizer

    tokenizer = make_tokenizer(list(SENTINELS))
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
        tokenizer_object=make_tokenizer(list(SENTINELS)).backend_tokenizer, eos_token=END
    )
    assert Encoder(tokenizer).special == set(SENTINELS)


def test_the_fingerprint_follows_the_tokens_and_nothing_else(encoder, make_tokenizer):
    same = make_tokenizer(list(SENTINELS))
    same.backend_tokenizer.enable_truncation(4)
    assert Encoder(same).fingerprint == encoder.fingerprint
    assert Encoder(make_tokenizer([*SENTINELS, "<more>"])).fingerprint != encoder.fingerprint


def test_forked_workers_do_not_wait_for_threads_that_are_gone():
    code = "\n".join(
        [
            "import os",
            "from codelm.history.tokenization.backend import tell_forks_apart",
            "tell_forks_apart()",
            "child = os.fork() or os._exit(os.environ['TOKENIZERS_PARALLELISM'] != 'false')",
            "raise SystemExit(os.waitpid(child, 0)[1] or os.environ['TOKENIZERS_PARALLELISM'] != 'true')",
        ]
    )
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
