from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Change, File, Hunk
from codelm.history.samples.formats import Formats, change_samples, file_samples, missing_capabilities
from codelm.history.samples.pieces import Kind, Piece, Role
from codelm.lines import lines_of
from codelm.special_tokens import (
    END_OF_TEXT,
    FILE_SEPARATOR,
    MIDDLE,
    PREFIX,
    REPOSITORY_NAME,
    SPECIAL_TOKENS,
    STARCODER2,
    SUFFIX,
)

ALL = frozenset(SPECIAL_TOKENS)
LEFT_TO_RIGHT = Formats(fim_rate=0.0)
ALWAYS_FIM = Formats(fim_rate=1.0, cursor_rate=0.0)
ALWAYS_CURSOR = Formats(fim_rate=1.0, cursor_rate=1.0)


def bytes_of(texts):
    return [len(text.encode()) for text in texts]


def numbered(lines):
    return [f"{line:03}\n" for line in range(lines)]


def change(lines, added, path="src/lib.rs"):
    """A change that added the lines with these indices; neighbours belong to one hunk."""
    hunks = []
    for line in sorted(added):
        if hunks and hunks[-1][-1] == line - 1:
            hunks[-1].append(line)
        else:
            hunks.append([line])
    made = tuple(Hunk(run[0], run[0], (), tuple(lines[line] for line in run)) for run in hunks)
    return Change(path, path, "M", "", "", after="".join(lines), hunks=made)


def samples_of(given_change, formats, max_tokens=4096, special=ALL, seed=0):
    return change_samples(
        "ripgrep", "c0ffee", given_change, formats, max_tokens, bytes_of, STARCODER2.within(special), seed
    )


def files_of(text, max_tokens=4096, special=ALL, path="src/lib.rs"):
    return file_samples("ripgrep", File(path, "", text), Formats(), max_tokens, bytes_of, STARCODER2.within(special))


def written(sample):
    return "".join(piece.text for piece in sample.pieces)


def text_with(sample, *roles):
    return "".join(piece.text for piece in sample.pieces if piece.role in roles and not piece.special)


def length(sample):
    return sum(1 if piece.special else len(piece.text.encode()) for piece in sample.pieces)


def shown(sample):
    """The code of a sample in the order of the file."""
    pieces = sample.pieces
    if sample.kind == Kind.FIM:
        names = [piece.text for piece in pieces]
        suffix, middle = names.index(SUFFIX), names.index(MIDDLE)
        pieces = (*pieces[:suffix], *pieces[middle:], *pieces[suffix:middle])
    return "".join(piece.text for piece in pieces if piece.role and not piece.special)


HEADING = (
    Piece(REPOSITORY_NAME, Role.IGNORED, special=True),
    Piece("ripgrep", Role.IGNORED),
    Piece(FILE_SEPARATOR, Role.IGNORED, special=True),
)
END = Piece(END_OF_TEXT, Role.TARGET, special=True)


def test_left_to_right_reads_as_starcoder2_was_taught():
    [sample] = samples_of(change(numbered(5), {1, 3}), LEFT_TO_RIGHT)
    assert sample.kind == Kind.CHANGE
    assert sample.pieces == (
        *HEADING,
        Piece("src/lib.rs\n", Role.IGNORED),
        Piece("000\n", Role.CONTEXT),
        Piece("001\n", Role.TARGET),
        Piece("002\n", Role.CONTEXT),
        Piece("003\n", Role.TARGET),
    )


def test_fill_in_the_middle_reads_as_starcoder2_was_taught():
    [sample] = samples_of(change(numbered(5), {2}), ALWAYS_FIM)
    assert sample.kind == Kind.FIM
    assert sample.pieces == (
        *HEADING,
        Piece(PREFIX, Role.IGNORED, special=True),
        Piece("src/lib.rs\n", Role.IGNORED),
        Piece("000\n001\n", Role.CONTEXT),
        Piece(SUFFIX, Role.IGNORED, special=True),
        Piece("003\n004\n", Role.CONTEXT),
        Piece(MIDDLE, Role.IGNORED, special=True),
        Piece("002\n", Role.TARGET),
        END,
    )


def test_a_hole_at_a_cursor_leaves_what_the_hunk_adds_around_it_in_sight_and_learned():
    lines = ["let a = 1;\n", "let name = value.into();\n", "let z = 2;\n"]
    [sample] = samples_of(change(lines, {1}), ALWAYS_CURSOR)
    names = [piece.text for piece in sample.pieces]
    before = sample.pieces[names.index(PREFIX) + 2 : names.index(SUFFIX)]
    after = sample.pieces[names.index(SUFFIX) + 1 : names.index(MIDDLE)]
    [middle, end] = sample.pieces[names.index(MIDDLE) + 1 :]
    assert before[0] == Piece("let a = 1;\n", Role.CONTEXT)
    assert after[-1] == Piece("let z = 2;\n", Role.CONTEXT)
    assert before[1].text + middle.text + after[0].text == lines[1]
    assert {before[1].role, middle.role, after[0].role} == {Role.TARGET}
    assert end == END


def test_about_as_many_holes_are_at_a_cursor_as_cursor_rate_says():
    lines = [f"let name_{line} = {line};\n" for line in range(2000)]
    samples = samples_of(change(lines, range(0, 2000, 2)), Formats(1.0, 0.3, context_lines=1))
    whole = sum(
        sample.pieces[-2].text.startswith("let name") and sample.pieces[-2].text.endswith("\n") for sample in samples
    )
    assert len(samples) == 1000
    assert 0.25 < 1 - whole / 1000 < 0.35


def test_the_end_of_text_is_learned_where_the_file_ends_and_nowhere_else():
    [sample] = samples_of(change(numbered(5), {4}), LEFT_TO_RIGHT)
    assert sample.pieces[-1] == END
    [sample] = samples_of(change(numbered(5), {3}), LEFT_TO_RIGHT)
    assert END_OF_TEXT not in written(sample)


def test_a_hunk_that_is_filled_in_is_context_for_the_others():
    given_change = change(numbered(40), {10, 20, 30})
    for seed in range(20):
        samples = samples_of(given_change, Formats(fim_rate=0.5), seed=seed)
        learned = Counter(line for sample in samples for line in lines_of(text_with(sample, Role.TARGET)))
        assert learned == {"010\n": 1, "020\n": 1, "030\n": 1}
        filled_in = [sample for sample in samples if sample.kind == Kind.FIM]
        assert all("020\n" in shown(sample) for sample in filled_in)


def test_a_hunk_too_long_for_a_row_is_learned_left_to_right_without_false_ends():
    samples = samples_of(change(numbered(100), range(20, 80)), ALWAYS_FIM, max_tokens=100)
    assert {sample.kind for sample in samples} == {Kind.CHANGE}
    assert len(samples) > 1
    assert not any(END_OF_TEXT in written(sample) for sample in samples)


def test_a_new_file_has_nothing_around_it_and_is_learned_left_to_right():
    assert [sample.kind for sample in samples_of(change(numbered(5), range(5)), ALWAYS_FIM)] == [Kind.CHANGE]


def test_a_hunk_that_only_removes_and_a_deleted_file_teach_nothing():
    removal = Change("a.rs", "a.rs", "M", "", "", after="a\n", hunks=(Hunk(1, 1, ("b\n",), ()),))
    assert samples_of(removal, ALWAYS_FIM) == []
    assert samples_of(Change("a.rs", "a.rs", "D", "", ""), ALWAYS_FIM) == []


def test_without_fim_tokens_everything_is_left_to_right():
    [sample] = samples_of(change(numbered(9), {4}), ALWAYS_FIM, special=ALL - {*STARCODER2.infill_tokens})
    assert sample.kind == Kind.CHANGE


def test_without_heading_tokens_there_is_no_heading():
    [sample] = samples_of(change(numbered(3), {2}), LEFT_TO_RIGHT, special=frozenset())
    assert written(sample) == "000\n001\n002\n"


def test_a_path_that_would_fill_half_a_row_is_left_out():
    assert "deep" not in written(files_of("fn a() {}\n", max_tokens=64, path="deep/" * 10)[0])


def test_each_missing_capability_is_reported_once():
    assert missing_capabilities(STARCODER2, ALL) == []
    assert missing_capabilities(STARCODER2, ALL - {PREFIX}) == [
        "the tokenizer has no <fim_prefix>: changes are learned left to right only"
    ]
    assert len(missing_capabilities(STARCODER2, frozenset())) == 3


def test_a_file_that_fits_is_one_sample_with_an_end():
    [sample] = files_of("fn a() {}\n\nfn b() {}")
    assert sample.kind == Kind.FILE
    assert written(sample) == "<repo_name>ripgrep<file_sep>src/lib.rs\nfn a() {}\n\nfn b() {}<|endoftext|>"
    assert text_with(sample, Role.TARGET) == "fn a() {}\n\nfn b() {}"


def test_a_long_file_is_cut_before_an_item_and_every_part_has_the_heading():
    item = "fn name() {\n    one();\n\n    two();\n}\n"
    samples = files_of("\n".join([item] * 9), max_tokens=160)
    assert len(samples) > 1
    assert all(written(sample).startswith("<repo_name>ripgrep<file_sep>src/lib.rs\nfn name") for sample in samples)
    assert [END_OF_TEXT in written(sample) for sample in samples] == [False] * (len(samples) - 1) + [True]


def test_an_empty_file_and_an_unread_one_teach_nothing_and_none_does_where_whole_files_are_left_out():
    assert files_of("") == files_of(None) == []
    assert file_samples("r", File("a", "", "x\n"), Formats(whole_files=False), 64, bytes_of, STARCODER2) == []


@pytest.mark.parametrize(
    "wrong",
    [{"fim_rate": 1.5}, {"fim_rate": -0.1}, {"cursor_rate": 1.5}, {"cursor_rate": float("nan")}, {"context_lines": -1}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Formats(**wrong)


def filled_in(hunks, rate):
    """The numbers of the hunks, one line each, that are filled in."""
    samples = samples_of(
        change(numbered(2 * hunks), range(0, 2 * hunks, 2)), Formats(rate, cursor_rate=0.0, context_lines=1), seed=42
    )
    return [int(text_with(sample, Role.TARGET)) // 2 for sample in samples if sample.kind == Kind.FIM]


def test_the_choice_of_hunks_to_fill_in_is_the_same_on_every_machine():
    assert filled_in(8, 0.5) == [1, 3, 6]


def test_about_as_many_hunks_are_filled_in_as_fim_rate_says():
    assert 0.27 < len(filled_in(5000, 0.3)) / 5000 < 0.33


LINES = st.lists(st.text(alphabet="ab é\t\r\u3042", max_size=12), min_size=1, max_size=40).map(
    lambda texts: [f"{index:03}{text}\n" for index, text in enumerate(texts)]
)


@given(LINES, st.sets(st.integers(0, 39)), st.floats(0, 1), st.integers(0, 9), st.integers(0, 3))
def test_every_added_line_is_learned_in_exactly_one_sample(lines, added, fim_rate, context_lines, seed):
    added = {line for line in added if line < len(lines)}
    samples = samples_of(change(lines, added), Formats(fim_rate, 0.0, context_lines), max_tokens=400, seed=seed)
    learned = Counter(line for sample in samples for line in lines_of(text_with(sample, Role.TARGET)))
    assert learned == Counter(lines[line] for line in added)


@given(LINES, st.sets(st.integers(0, 39)), st.floats(0, 1), st.floats(0, 1), st.integers(32, 200))
def test_rows_too_short_for_a_line_are_kept_and_nothing_is_lost(lines, added, fim_rate, cursor_rate, max_tokens):
    added = {line for line in added if line < len(lines)}
    samples = samples_of(change(lines, added), Formats(fim_rate, cursor_rate), max_tokens=max_tokens)
    assert all(length(sample) <= max_tokens for sample in samples)
    learned = Counter(text_with(sample, Role.TARGET) for sample in samples)
    assert Counter("".join(learned.elements())) == Counter("".join(lines[line] for line in added))


@given(LINES, st.sets(st.integers(0, 39)), st.floats(0, 1), st.integers(100, 400))
def test_what_is_shown_is_a_stretch_of_the_file(lines, added, fim_rate, max_tokens):
    given_change = change(lines, {line for line in added if line < len(lines)})
    for sample in samples_of(given_change, Formats(fim_rate), max_tokens):
        assert shown(sample) in given_change.after
        true_end = sample.kind == Kind.FIM or given_change.after.endswith(shown(sample))
        assert (sample.pieces[-1].text == END_OF_TEXT) == true_end


@given(st.lists(st.text(alphabet="ab {}é\u3042", max_size=30), max_size=60), st.integers(32, 300))
def test_the_parts_of_a_file_are_the_file(lines, max_tokens):
    text = "\n".join(lines)
    samples = files_of(text, max_tokens)
    assert "".join(text_with(sample, Role.TARGET) for sample in samples) == text
    assert not any(text_with(sample, Role.CONTEXT) for sample in samples)
