from random import Random
from types import SimpleNamespace

import pytest

from codelm.history.samples.pieces import Kind, Role
from codelm.special_tokens import END_OF_TEXT, STARCODER2
from experiments.pretrain.corpus import Document
from experiments.pretrain.documents import cut_lines, in_random_forms, with_short_holes

CODE = "".join(f"fn item_{number}() {{\n    work({number});\n}}\n\n" for number in range(60))


def count(texts):
    return [len(text.encode()) for text in texts]


def made(number):
    """Return the samples of a file of that number: its name decides on the forms."""
    encoder = SimpleNamespace(count=count, format=STARCODER2)
    return in_random_forms(Document("rust", "crate", "1.0.0", f"src/{number}.rs", CODE), encoder, 600)


def learned(sample, *roles):
    wanted = roles or (Role.TARGET, Role.CONTEXT)
    return "".join(piece.text for piece in sample.pieces if piece.role in wanted and not piece.special)


def short(number, files=1):
    """Return the samples with short holes of a file whose package has so many others."""
    encoder = SimpleNamespace(count=count, format=STARCODER2)
    package = [Document("rust", "crate", "1.0.0", f"src/{name}.rs", CODE) for name in range(number, number + files)]
    return with_short_holes(package[0], encoder, 1024, packages={"crate": package})


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
def test_around_a_short_hole_each_character_is_shown_once(seed):
    assert sorted("".join(map(learned, short(seed)))) == sorted(CODE)


def test_most_short_holes_begin_inside_a_line_and_all_end_with_the_end_of_text():
    drawn = [sample for seed in range(30) for sample in short(seed) if sample.kind == Kind.FIM]
    assert all(sample.pieces[-1].text == END_OF_TEXT for sample in drawn)
    texts = [[piece.text for piece in sample.pieces] for sample in drawn]
    suffix_first = [each for each in texts if each[each.index("<fim_prefix>") + 1] == "<fim_suffix>"]
    assert 0.6 < len(suffix_first) / len(texts) < 0.9
    inside = [each for each in suffix_first if not each[-3].endswith("\n")]
    assert 0.4 < len(inside) / len(suffix_first) < 0.8
    assert max(learned(sample, Role.TARGET).count("\n") for sample in drawn) <= 12


def test_some_samples_show_a_piece_of_another_file_first_and_never_of_their_own():
    drawn = [sample for seed in range(20) for sample in short(seed, files=4)]
    starts = [[piece.text for piece in sample.pieces] for sample in drawn]
    shown = [each for each in starts if each.count("<file_sep>") == 2]
    assert 0.15 < len(shown) / len(starts) < 0.45
    for each in shown:
        other, own = (
            each[each.index("<file_sep>") + 1],
            each[each.index("<fim_prefix>") :] if "<fim_prefix>" in each else each[-3:],
        )
        assert other.startswith("src/")
        assert other not in own


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_between_lines_takes_whole_lines_and_no_more_than_asked(seed):
    before, middle, after = cut_lines(CODE, Random(seed), longest=3)
    assert before + middle + after == CODE
    assert before == "" or before.endswith("\n")
    assert 1 <= middle.count("\n") <= 3
