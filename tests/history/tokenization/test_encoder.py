import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Change, File, Hunk
from codelm.history.samples.formats import Formats, change_samples, file_samples
from codelm.history.samples.pieces import Kind, Piece, Role, Sample
from codelm.history.samples.prompts import prompt
from codelm.history.tokenization.encoder import Encoder, encode_within
from codelm.lines import lines_of
from codelm.special_tokens import END_OF_TEXT, SPECIAL_TOKENS, STARCODER2

ROW_LENGTHS = st.sampled_from([32, 33, 47, 64, 128])
ODD_LINES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "\r", "    ", "\t\t}", "é" * 50, "\u3042" * 30, "😀" * 9, "x" * 300, "let x = 1; " * 30, *SPECIAL_TOKENS]
    ),
)
ODD_TEXT = st.lists(ODD_LINES, max_size=12).map("\n".join)


def encode_text(encoder, *pieces):
    [encoded] = encoder.encode([Sample(tuple(Piece(*piece) for piece in pieces), Kind.CHANGE)])
    return encoded


def decoded(encoder, ids):
    return encoder._backend.decode(list(ids), skip_special_tokens=False)


def file_maker(encoder, text, path="src/lib.rs"):
    return lambda max_tokens: file_samples(
        "rg", File(path, "", text), Formats(), max_tokens, encoder.count, encoder.format
    )


def change_maker(encoder, change, formats, seed=0):
    return lambda max_tokens: change_samples(
        "rg", "c0ffee", change, formats, max_tokens, encoder.count, encoder.format, seed
    )


def change_of(text, learned):
    lines = lines_of(text)
    hunks = tuple(Hunk(line, line, (), (lines[line],)) for line in range(0, len(lines)) if learned(line))
    return Change("src/lib.rs", "src/lib.rs", "M", "", "", after=text, hunks=hunks)


def code(encoder, groups):
    """What stands after the headings, of all samples together."""
    end = encoder.special_ids.get(END_OF_TEXT)
    texts = [decoded(encoder, each.ids[each.ids != end]) for group in groups for each in group]
    return "".join(text.split("<file_sep>src/lib.rs\n", 1)[-1] for text in texts)


def test_a_special_token_is_one_token_and_text_comes_back(encoder, rust):
    encoded = encode_text(encoder, ("<fim_prefix>", Role.IGNORED, True), (rust, Role.CONTEXT))
    assert encoded.ids[0] == encoder.special_ids["<fim_prefix>"]
    assert decoded(encoder, encoded.ids[1:]) == rust
    assert encoded.ids.dtype == np.uint32
    assert encoded.roles.dtype == np.uint8


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
def test_a_file_that_spells_a_special_token_is_text(encoder, name):
    encoded = encode_text(encoder, (f'let end = "{name}";\n', Role.TARGET))
    assert not set(encoded.ids.tolist()) & set(encoder.special_ids.values())
    assert name in decoded(encoder, encoded.ids)


def test_text_is_tokenised_as_one_where_only_the_role_changes(encoder, rust):
    whole = encode_text(encoder, (rust, Role.CONTEXT))
    lines = lines_of(rust)
    parted = encode_text(encoder, *((line, Role(1 + index % 2)) for index, line in enumerate(lines)))
    assert parted.ids.tolist() == whole.ids.tolist()


def test_a_token_across_a_border_is_learned_if_one_side_is(encoder):
    before, after = "struct A {\n", "        b: usize,\n"
    for roles in [(Role.CONTEXT, Role.TARGET), (Role.TARGET, Role.CONTEXT), (Role.IGNORED, Role.TARGET)]:
        encoded = encode_text(encoder, (before, roles[0]), (after, roles[1]))
        learned = decoded(encoder, encoded.ids[encoded.roles == Role.TARGET])
        target = (before, after)[roles.index(Role.TARGET)]
        assert target in learned
        assert learned.strip() == target.strip()


@given(st.lists(st.tuples(st.text(min_size=1, max_size=6), st.sampled_from(list(Role))), min_size=1, max_size=8))
def test_each_character_to_learn_is_in_a_token_to_learn(encoder, pieces):
    encoded = encode_text(encoder, *pieces)
    [encoding] = encoder._backend.encode_batch(["".join(text for text, _ in pieces)], add_special_tokens=False)
    wanted = [role for text, role in pieces for _ in text]
    for (start, stop), role in zip(encoding.offsets, encoded.roles, strict=True):
        assert role == max(wanted[start:stop])


def test_samples_are_tokenised_a_little_at_a_time_and_in_order(make_tokenizer, monkeypatch):
    encoder, sizes = Encoder(make_tokenizer([])), []
    encode = encoder._encode
    monkeypatch.setattr("codelm.history.tokenization.encoder._BATCH_CHARACTERS", 10)
    monkeypatch.setattr(encoder, "_encode", lambda samples: sizes.append(len(samples)) or encode(samples))
    samples = [Sample((Piece("x" * length, Role.TARGET),), Kind.FILE) for length in (3, 4, 5, 20, 1)]
    assert [len(decoded(encoder, each.ids)) for each in encoder.encode(samples)] == [3, 4, 5, 20, 1]
    assert sizes == [3, 1, 1]


def test_a_prompt_may_be_empty(plain_encoder):
    asked = prompt("name", "src/lib.rs", "", None, plain_encoder.format)
    assert plain_encoder.encode_prompts([asked]) == [([], "")]


def test_counting_is_encoding(encoder, rust):
    assert encoder.count([rust, "", "é"]) == [len(encode_text(encoder, (rust, Role.TARGET)).ids), 0, 2]


def test_counts_are_kept_and_cannot_be_changed_by_a_caller(encoder):
    first = encoder.count(["name", "src/lib.rs\n"])
    first.clear()
    assert encoder.count(("name", "src/lib.rs\n")) == [encoder.count(["name"])[0], encoder.count(["src/lib.rs\n"])[0]]


def test_counts_stay_right_when_the_kept_ones_are_given_up(encoder, monkeypatch):
    monkeypatch.setattr("codelm.history.tokenization.encoder._KEPT_COUNTS", 1)
    texts = ["one", "two three", "x" * 600, "one"]
    assert [encoder.count(texts) for _ in range(3)] == [[len(encoder.locate(text)[0]) for text in texts]] * 3


def test_nothing_keeps_an_encoder_alive(make_tokenizer, rust):
    encoder = Encoder(make_tokenizer(list(SPECIAL_TOKENS)))
    encode_within([file_maker(encoder, rust)], encoder, 4096)
    alive = weakref.ref(encoder)
    del encoder
    assert alive() is None


@pytest.mark.parametrize("missing", [set(), {*STARCODER2.infill_tokens}, set(SPECIAL_TOKENS)])
def test_the_special_tokens_a_tokenizer_has_are_known(make_tokenizer, missing):
    names = [name for name in SPECIAL_TOKENS if name not in missing]
    assert Encoder(make_tokenizer(names)).special == set(names)


def test_the_end_of_sequence_stands_in_for_the_end_of_text(make_tokenizer):
    tokenizer = make_tokenizer(["</s>"])
    tokenizer.eos_token_id = 0
    assert encode_text(Encoder(tokenizer), (END_OF_TEXT, Role.TARGET, True)).ids.tolist() == [0]


@pytest.mark.parametrize("line", ["x;\n", "    x;\n"])
def test_a_file_of_exactly_one_row_is_one_sample(encoder, line):
    maker = file_maker(encoder, line * 40)
    [[whole]] = encode_within([maker], encoder, 4096)
    limits = [len(whole.ids) + more for more in (-1, 0, 1)]
    assert [len(encode_within([maker], encoder, limit)[0]) for limit in limits] == [2, 1, 1]


@pytest.mark.parametrize(("length", "parts"), [(4095, 1), (4096, 1), (4097, 2)])
def test_a_row_of_4096_takes_a_file_of_4096_tokens_and_cuts_one_of_4097(encoder, length, parts):
    overhead = len(encode_within([file_maker(encoder, "?")], encoder, 4096)[0][0].ids) - 1
    text = "?\n" * ((length - overhead) // 2) + "?" * ((length - overhead) % 2)
    [samples] = encode_within([file_maker(encoder, text)], encoder, 4096)
    lengths = [len(each.ids) for each in samples]
    assert len(lengths) == parts
    assert parts == 2 or lengths == [length]
    assert max(lengths) <= 4096
    assert code(encoder, [samples]) == text
    assert [each.ids[-1] == encoder.special_ids[END_OF_TEXT] for each in samples] == [False] * (parts - 1) + [True]


def test_makers_come_back_in_their_order(encoder):
    texts = ["a;\n", "", "b;\n" * 90, "c;\n"]
    groups = encode_within([file_maker(encoder, text) for text in texts], encoder, 64)
    assert [code(encoder, [group]) for group in groups] == texts


def test_rows_too_short_are_refused(encoder):
    with pytest.raises(InputError, match=r"data\.sequence_length 31 is too short"):
        encode_within([], encoder, 31)


def test_wrong_estimates_are_made_good(encoder, rust):
    def maker(max_tokens):
        return file_samples(
            "rg", File("src/lib.rs", "", rust), Formats(), max_tokens, lambda texts: [1 for _ in texts], encoder.format
        )

    groups = encode_within([maker], encoder, 64)
    assert max(len(each.ids) for each in groups[0]) <= 64
    assert code(encoder, groups) == rust


@given(text=ODD_TEXT, max_tokens=ROW_LENGTHS)
def test_no_part_of_a_file_is_too_long_and_nothing_is_lost(encoder, text, max_tokens):
    groups = encode_within([file_maker(encoder, text)], encoder, max_tokens)
    assert all(len(each.ids) <= max_tokens for each in groups[0])
    assert code(encoder, groups) == text


@given(
    text=ODD_TEXT, max_tokens=ROW_LENGTHS, rate=st.sampled_from([0.0, 0.5, 1.0]), learned=st.sets(st.integers(0, 12))
)
def test_no_part_of_a_change_is_too_long(encoder, text, max_tokens, rate, learned):
    change = change_of(text, learned.__contains__)
    groups = encode_within([change_maker(encoder, change, Formats(rate))], encoder, max_tokens)
    assert all(len(each.ids) <= max_tokens for each in groups[0])
    assert bool(groups[0]) == bool(change.hunks)


@given(text=ODD_TEXT, max_tokens=ROW_LENGTHS)
def test_a_tokenizer_without_special_tokens_does_the_same(plain_encoder, text, max_tokens):
    groups = encode_within([file_maker(plain_encoder, text)], plain_encoder, max_tokens)
    assert all(len(each.ids) <= max_tokens for each in groups[0])
    assert code(plain_encoder, groups) == text


def test_a_huge_line_is_broken_inside(encoder):
    text = "x = [" + "1, " * 20_000
    groups = encode_within([file_maker(encoder, text)], encoder, 512)
    assert code(encoder, groups) == text
    assert max(len(each.ids) for each in groups[0]) <= 512
