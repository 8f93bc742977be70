from hypothesis import given
from hypothesis import strategies as st

from codelm.history.samples.long_lines import Span
from codelm.history.samples.windows import Window, measure_file, widen, windows


def characters(texts):
    return [len(text) for text in texts]


def numbered(lines):
    return [f"{line:03}\n" for line in range(lines)]


def measured_file(lines, spans, context_lines, max_tokens):
    """A file measured in characters."""
    return measure_file(lines, [Span(*span) for span in spans], context_lines, max_tokens, characters)


def windows_of(lines, spans, context_lines, max_tokens):
    measured = measured_file(lines, spans, context_lines, max_tokens)
    return list(windows(measured, measured.spans))


def test_a_hunk_is_shown_after_its_context_and_nothing_follows_it():
    assert windows_of(numbered(100), [(50, 52)], 10, 1000) == [Window(40, 50, 52)]


def test_the_context_stops_at_the_beginning_of_the_file():
    assert windows_of(numbered(100), [(3, 5)], 10, 1000) == [Window(0, 3, 5)]


def test_hunks_whose_context_overlaps_share_a_window():
    assert windows_of(numbered(100), [(20, 21), (31, 32), (60, 61)], 10, 1000) == [
        Window(10, 20, 32),
        Window(50, 60, 61),
    ]


def test_hunks_that_a_row_cannot_hold_together_are_parted_between_them():
    assert windows_of(numbered(100), [(20, 30), (33, 43)], 10, 4 * 20) == [Window(10, 20, 30), Window(23, 33, 43)]


def test_the_context_gives_way_before_the_hunk_and_the_nearest_lines_stay():
    assert windows_of(numbered(100), [(50, 58)], 10, 4 * 11) == [Window(47, 50, 58)]


def test_the_parts_of_a_long_hunk_repeat_what_came_before():
    assert windows_of(numbered(100), [(50, 72)], 10, 4 * 8) == [
        Window(48, 50, 56),
        Window(54, 56, 62),
        Window(60, 62, 68),
        Window(64, 68, 72),
    ]


def first_cut(text, max_lines):
    """The line at which the first row of a text ends, where every line is one token."""
    lines = text.splitlines(keepends=True)
    measured = measure_file(lines, [Span(0, len(lines))], 0, max_lines, lambda texts: [1 for _ in texts])
    return next(windows(measured, measured.spans)).stop


def test_a_long_text_is_cut_before_an_item_rather_than_a_paragraph_or_a_line():
    assert first_cut("fn a() {\n    1\n\n    2\n}\n\nfn b() {\n    3\n\n    4\n}\n", 9) == 6


def test_a_paragraph_is_preferred_to_a_line():
    assert first_cut("    1\n    2\n    3\n\n    4\n    5\n    6\n", 6) == 4


def test_a_cut_in_the_first_half_of_a_row_is_not_worth_it():
    assert first_cut("a\n\nb\n" + "    c\n" * 20, 10) == 10


def test_the_context_around_a_hunk_is_even_and_one_side_takes_what_the_other_leaves():
    lines = numbered(100)
    assert widen(measured_file(lines, [(50, 52)], 10, 1000), Span(50, 52), 4 * 12) == Span(45, 57)
    assert widen(measured_file(lines, [(1, 3)], 10, 1000), Span(1, 3), 4 * 10) == Span(0, 10)
    assert widen(measured_file(lines, [(98, 100)], 10, 1000), Span(98, 100), 4 * 10) == Span(90, 100)


def test_nothing_is_around_a_hunk_that_is_too_long():
    assert widen(measured_file(numbered(9), [(0, 9)], 10, 1000), Span(0, 9), 35) is None


def test_hunks_are_joined_exactly_as_far_as_the_context_reaches():
    assert len(windows_of(numbered(30), [(3, 5), (9, 10)], 4, 1000)) == 1
    assert len(windows_of(numbered(30), [(3, 5), (9, 10)], 3, 1000)) == 2


def test_small_changes_are_not_counted():
    def count(texts):
        raise AssertionError("bytes would have done")

    assert list(windows(measure_file(numbered(1000), [Span(500, 501)], 3, 100, count), [Span(500, 501)]))


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    learned=st.lists(st.booleans(), min_size=60, max_size=60),
    context_lines=st.integers(0, 8),
    max_tokens=st.integers(16, 120),
)
def test_every_line_is_learned_once_and_no_window_is_too_long(lengths, learned, context_lines, max_tokens):
    lines = ["x" * (length - 1) + "\n" for length in lengths]
    targets = [line for line in range(len(lines)) if learned[line]]
    measured = measured_file(lines, [(line, line + 1) for line in targets], context_lines, max_tokens)
    made = list(windows(measured, measured.spans))
    wanted = {line for span in measured.spans for line in range(*span)}
    learned_lines = [line for window in made for line in range(window.learn, window.stop) if line in wanted]
    assert sorted(learned_lines) == sorted(wanted)
    assert all(measured.offsets.length(window.start, window.stop) <= max_tokens for window in made)
    assert all(window.start >= window.learn - context_lines for window in made)
