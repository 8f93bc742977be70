import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.history.samples.formats import END, FILE, REPOSITORY, Kind, Role, Sample, sentinel, text
from codelm.history.tokenization.decoding import between_sentinels, decode

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def encoded(encoder, *pieces):
    return encoder.encode([Sample(tuple(pieces), Kind.CHANGE)])[0].ids


def test_a_sample_says_what_stands_between_its_sentinels(encoder, rust):
    pieces = [sentinel(REPOSITORY), *text("name", Role.SILENT), sentinel(FILE), *text(rust, Role.TARGET), sentinel(END)]
    ids = encoded(encoder, *pieces)
    runs = decode(ids, encoder)
    assert [run.text for run in runs] == ["name", rust]
    assert runs[0].first == 1
    assert [int(ids[run.first - 1]) for run in runs] == [encoder.sentinels[REPOSITORY], encoder.sentinels[FILE]]
    assert sum(len(run.spans) for run in runs) == len(ids) - 3


@given(TEXTS)
def test_the_spans_of_tokens_cover_the_text_in_order(encoder, said):
    (run,) = decode(encoded(encoder, *text(said, Role.TARGET)), encoder)
    assert run.text == said
    assert run.spans[0, 0] == 0
    assert run.spans[-1, 1] == len(said)
    assert (run.spans[:, 0] <= run.spans[:, 1]).all()
    assert (run.spans[1:, 0] <= run.spans[:-1, 1]).all()


def test_the_tokens_of_one_character_share_its_place(encoder):
    (run,) = decode(encoded(encoder, *text("a😀b", Role.TARGET)), encoder)
    assert run.spans[0].tolist() == [0, 1]
    assert {tuple(span) for span in run.spans[1:-1].tolist()} == {(1, 2)}
    assert run.spans[-1].tolist() == [2, 3]


def test_ids_that_the_tokenizer_would_not_choose_still_have_their_places(encoder):
    said = "fn new() -> Self"
    chosen, _ = encoder.locate(said)
    apart = [token for letter in said for token in encoder.locate(letter)[0]]
    assert len(apart) > len(chosen)
    (run,) = decode(apart, encoder)
    assert run.text == said
    assert run.spans.tolist() == [[place, place + 1] for place in range(len(said))]


@pytest.mark.parametrize("said", ["new漢x", "Self 😀é漢", "漢 -> Self"])
def test_also_among_them_the_tokens_of_one_character_share_its_place(encoder, said):
    apart = [encoder.locate(letter)[0] for letter in said]
    assert max(map(len, apart)) > 1
    ids = [token for tokens in apart for token in tokens]
    assert ids != encoder.locate(said)[0]
    (run,) = decode(ids, encoder)
    assert run.text == said
    assert run.spans.tolist() == [[place, place + 1] for place, tokens in enumerate(apart) for _ in tokens]


def test_without_text_there_is_no_run(encoder):
    assert decode([], encoder) == []
    assert decode([encoder.sentinels[END]] * 3, encoder) == []


@given(st.lists(st.integers(0, 5)))
def test_runs_and_sentinels_are_all_there_is(ids):
    sentinels = frozenset({0, 3})
    runs = list(between_sentinels(ids, sentinels))
    assert [token for _, run in runs for token in run] == [token for token in ids if token not in sentinels]
    assert all(ids[place : place + len(run)] == run for place, run in runs)
