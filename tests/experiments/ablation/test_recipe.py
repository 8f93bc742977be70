from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.special_tokens import END_OF_TEXT, FORMATS, SPECIAL_TOKENS
from experiments.ablation.recipe import FimIds, documents, first_tokens, permute, split

FIM = FimIds(prefix=-1, suffix=-2, middle=-3)
FILES = {f"src/{number}.rs": f"fn f{number}() {{ g({number}) }}\n" * 3 for number in range(30)}


@pytest.fixture(scope="module")
def encoder():
    from codelm.history.tokenization.encoder import Encoder
    from tests.history.conftest import tokenizer

    return Encoder(tokenizer(list(SPECIAL_TOKENS)))


def read_back(ids):
    """Return the tokens of a permuted document in their original order."""
    if ids[:2] == [FIM.prefix, FIM.suffix]:
        middle = ids.index(FIM.middle)
        return ids[middle + 1 :] + ids[2:middle]
    if ids[:1] == [FIM.prefix]:
        suffix, middle = ids.index(FIM.suffix), ids.index(FIM.middle)
        return ids[1:suffix] + ids[middle + 1 :] + ids[suffix + 1 : middle]
    return ids


@given(st.lists(st.integers(0, 99)), st.integers(0, 10_000))
def test_a_permuted_document_holds_every_token_once(ids, seed):
    assert read_back(permute(ids, FIM, Random(seed))) == ids


def test_half_of_the_documents_are_permuted_and_half_of_those_suffix_first():
    random = Random(0)
    drawn = [permute(list(range(50)), FIM, random) for _ in range(2000)]
    forms = [(FIM.prefix in ids, ids[:2] == [FIM.prefix, FIM.suffix]) for ids in drawn]
    assert 0.45 < sum(cut for cut, _ in forms) / 2000 < 0.55
    assert 0.2 < sum(suffix_first for _, suffix_first in forms) / 2000 < 0.3


def test_the_split_is_by_file_random_and_repeatable():
    train, held_out = split(FILES, seed=0)
    assert (len(train), len(held_out)) == (27, 3)
    assert sorted(train + held_out) == sorted(FILES.values())
    assert split(FILES, seed=0) == (train, held_out)
    assert split(FILES, seed=1)[1] != held_out


def test_a_snapshot_of_one_file_is_refused():
    with pytest.raises(InputError, match="1 files"):
        split({"lib.rs": "fn f() {}"}, seed=0)


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=9), max_size=9), st.integers(0, 50))
def test_a_stream_is_cut_to_exactly_so_many_tokens(stream, most):
    found = [token for ids in first_tokens(iter(stream), most) for token in ids]
    assert found == [token for ids in stream for token in ids][:most]


def test_training_reads_exactly_its_tokens_over_and_over(encoder):
    texts = list(FILES.values())
    found = first_tokens(documents(texts, encoder, seed=0), 5000)
    assert sum(map(len, found)) == 5000
    assert len(found) > len(texts)
    assert all(ids[-1] == encoder.special_ids[END_OF_TEXT] for ids in found[:-1])


def test_files_are_cut_anew_in_each_pass(encoder):
    text = "fn main() { let x = 1234; }\n" * 5
    stream = documents([text], encoder, seed=0)
    assert len({tuple(next(stream)) for _ in range(20)}) > 5


def test_seeds_read_in_different_orders(encoder):
    texts = list(FILES.values())
    one, other = (first_tokens(documents(texts, encoder, seed), 500) for seed in (0, 1))
    assert one != other


def test_a_tokenizer_without_the_tokens_reads_files_as_they_are():
    from codelm.history.tokenization.encoder import Encoder
    from tests.history.conftest import tokenizer

    plain = Encoder(tokenizer([END_OF_TEXT]))
    stream = documents(["fn main() {}\n"], plain, seed=0)
    assert {tuple(next(stream)) for _ in range(20)} == {
        (*plain.locate("fn main() {}\n")[0], plain.special_ids[END_OF_TEXT])
    }


def test_texts_end_as_those_of_the_base_s_family_do():
    from codelm.history.tokenization.encoder import Encoder
    from tests.history.conftest import tokenizer

    encoder = Encoder(tokenizer([*FORMATS["granite-3.3"].tokens]), FORMATS["granite-3.3"])
    ids = next(documents(["fn main() {}\n"], encoder, seed=0))
    assert ids[-1] == encoder.special_ids["<|end_of_text|>"]
