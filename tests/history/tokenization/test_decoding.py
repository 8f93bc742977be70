import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.history.samples.pieces import Kind, Piece, Role, Sample, special_token, text_pieces
from codelm.history.tokenization.decoding import decode
from codelm.special_tokens import END_OF_TEXT, FILE_SEPARATOR, REPOSITORY_NAME, SPECIAL_TOKENS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def encoded(encoder, *pieces):
    return encoder.encode([Sample(tuple(pieces), Kind.CHANGE)])[0].ids


def test_a_sample_is_decoded_to_the_text_between_its_special_tokens(encoder, rust):
    pieces = [
        special_token(REPOSITORY_NAME),
        *text_pieces("name", Role.IGNORED),
        special_token(FILE_SEPARATOR),
        *text_pieces(rust, Role.TARGET),
        special_token(END_OF_TEXT),
    ]
    ids = encoded(encoder, *pieces)
    runs = decode(ids, encoder)
    assert [run.text for run in runs] == ["name", rust]
    assert runs[0].first == 1
    assert [int(ids[run.first - 1]) for run in runs] == [
        encoder.special_ids[REPOSITORY_NAME],
        encoder.special_ids[FILE_SEPARATOR],
    ]
    assert sum(len(run.spans) for run in runs) == len(ids) - 3


@given(TEXTS)
def test_the_spans_of_tokens_cover_the_text_in_order(encoder, text):
    (run,) = decode(encoded(encoder, *text_pieces(text, Role.TARGET)), encoder)
    assert run.text == text
    assert run.spans[0, 0] == 0
    assert run.spans[-1, 1] == len(text)
    assert (run.spans[:, 0] <= run.spans[:, 1]).all()
    assert (run.spans[1:, 0] <= run.spans[:-1, 1]).all()


def test_the_tokens_of_one_character_share_its_place(encoder):
    (run,) = decode(encoded(encoder, *text_pieces("a😀b", Role.TARGET)), encoder)
    assert run.spans[0].tolist() == [0, 1]
    assert {tuple(span) for span in run.spans[1:-1].tolist()} == {(1, 2)}
    assert run.spans[-1].tolist() == [2, 3]


def test_ids_that_the_tokenizer_would_not_choose_still_have_their_places(encoder):
    text = "fn new() -> Self"
    chosen, _ = encoder.locate(text)
    apart = [token for letter in text for token in encoder.locate(letter)[0]]
    assert len(apart) > len(chosen)
    (run,) = decode(apart, encoder)
    assert run.text == text
    assert run.spans.tolist() == [[index, index + 1] for index in range(len(text))]


@pytest.mark.parametrize("text", ["new漢x", "Self 😀é漢", "漢 -> Self"])
def test_also_among_them_the_tokens_of_one_character_share_its_place(encoder, text):
    apart = [encoder.locate(letter)[0] for letter in text]
    assert max(map(len, apart)) > 1
    ids = [token for tokens in apart for token in tokens]
    assert ids != encoder.locate(text)[0]
    (run,) = decode(ids, encoder)
    assert run.text == text
    assert run.spans.tolist() == [[index, index + 1] for index, tokens in enumerate(apart) for _ in tokens]


def test_without_text_there_is_no_run(encoder):
    assert decode([], encoder) == []
    assert decode([encoder.special_ids[END_OF_TEXT]] * 3, encoder) == []


@given(st.lists(st.one_of(st.sampled_from(SPECIAL_TOKENS), st.sampled_from(["fn", "a(", " é"])), max_size=12))
def test_runs_and_special_tokens_are_all_there_is(encoder, texts):
    pieces = [Piece(text, Role.TARGET, special=text in SPECIAL_TOKENS) for text in texts]
    ids = encoded(encoder, *pieces).tolist() if pieces else []
    special_ids = set(encoder.special_ids.values())
    places = [run.first + index for run in decode(ids, encoder) for index in range(len(run.spans))]
    assert places == [index for index, token in enumerate(ids) if token not in special_ids]
