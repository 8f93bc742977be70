from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.lines import lines_of
from codelm.metrics.infill_tasks import MAX_LINES, InfillTask, choose_tasks, cut_tasks, visible_context

FILE = """use std::fmt;

// What a walker holds.
struct Walker {
    depth: usize,
    follow_links: bool,
}

impl Walker {
    fn deeper(&self) -> usize {
        self.depth + 1
    }
}
"""


def cut(spans, text=FILE, known=(), language="rust"):
    return list(cut_tasks("c0ffee", "src/walk.rs", language, text, spans, known))


def make_task(commit, lines=1, before="", after=""):
    return InfillTask(commit, "a.rs", "rust", before.count("\n"), before, "let energy = 1;\n" * lines, after)


def words(texts):
    return [len(text.split()) + 1 for text in texts]


def test_a_task_is_what_the_commit_added_with_the_file_around_it():
    (found,) = cut([(4, 6)])
    assert (found.commit, found.path, found.start, found.kind) == ("c0ffee", "src/walk.rs", 4, "block")
    assert found.text == "    depth: usize,\n    follow_links: bool,\n"
    assert found.before.endswith("struct Walker {\n")
    assert found.after.startswith("}\n\nimpl")


@given(st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)).map(sorted)))
def test_a_span_put_back_is_the_file(spans):
    for found in cut(spans):
        assert found.before + found.text + found.after == FILE
        assert found.before.count("\n") == found.start


@pytest.mark.parametrize(
    ("language", "end"),
    [
        ("rust", "pub use walker::Walker;"),
        ("rust", "pub use walker::{\n    Walker,\n};"),
        ("rust", "/* Walks\nfiles. */"),
        ("python", "from walker import Walker"),
        ("python", '"""Walks\nfiles."""'),
    ],
)
def test_a_file_may_end_without_a_line_feed_in_what_is_no_code(language, end):
    code = {"rust": "fn walk_all() {}\n", "python": "walked = walk()\n"}[language]
    lines = (code + end).count("\n") + 1
    assert cut([(1, lines)], code + end, language=language) == []
    (found,) = cut([(0, lines)], code + end, language=language)
    assert found.text == code + end


def test_blank_lines_at_the_ends_are_not_part_of_the_span():
    (found,) = cut([(7, 9)], FILE.replace("impl Walker {", "impl Walker {\n"))
    assert (found.start, found.text, found.kind) == (8, "impl Walker {\n", "line")


@pytest.mark.parametrize(
    ("spans", "known"),
    [
        ([(4, 4)], ()),
        ([(0, 3)], ()),
        ([(7, 8)], ()),
        ([(6, 7)], ()),
        ([(4, 6)], {"depth: usize,", "follow_links: bool,"}),
    ],
    ids=["a deletion", "imports and comments", "a blank line", "a bracket", "what was there before"],
)
def test_some_spans_make_no_task(spans, known):
    assert cut(spans, known=known) == []


def test_one_line_that_was_not_there_before_makes_a_task():
    assert cut([(4, 6)], known={"depth: usize,"}) == cut([(4, 6)]) != []


def test_a_long_span_makes_no_task():
    for lines, count in ((MAX_LINES, 1), (MAX_LINES + 1, 0)):
        assert len(cut([(0, lines)], "let energy = 1;\n" * lines)) == count


def test_a_comment_is_known_by_the_file_and_not_by_the_line():
    text = '/*\nlet energy = 1;\n*/\nlet a = "\nb // energy\n";\n'
    assert [found.start for found in cut([(1, 2), (4, 5)], text)] == [4]


def test_the_last_line_of_a_file_may_lack_its_end():
    assert [found.text for found in cut([(0, 1)], "let energy = 1;")] == ["let energy = 1;"]


def test_what_is_chosen_is_spread_over_commits_and_in_the_order_of_the_history():
    tasks = [make_task(commit, lines) for commit in "abcdefgh" for lines in (1, 1, 1, 3, 9, 9)]
    chosen = choose_tasks(tasks, 8)
    assert [found.commit for found in chosen] == list("abcdefgh")
    assert sorted(Counter(found.size for found in chosen).values()) == [2, 3, 3]


def test_a_commit_gives_no_more_than_its_share():
    tasks = [make_task("a") for _ in range(50)] + [make_task("b")]
    assert Counter(found.commit for found in choose_tasks(tasks, 20)) == {"a": 4, "b": 1}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([1, 3, 9])), max_size=30), st.integers(0, 20))
def test_the_same_tasks_give_the_same_choice(kinds, limit):
    tasks = [make_task(commit, lines, before="\n" * at) for at, (commit, lines) in enumerate(kinds)]
    chosen = choose_tasks(tasks, limit, per_commit=2, seed=3)
    assert chosen == choose_tasks(tasks, limit, per_commit=2, seed=3)
    assert len(chosen) == min(limit, sum(min(2, count) for count in Counter(kind[0] for kind in kinds).values()))
    assert all(one.start < two.start for one, two in pairwise(chosen))


def test_another_seed_gives_another_choice():
    tasks = [make_task(str(commit), before="\n" * at) for commit in range(40) for at in range(3)]
    assert choose_tasks(tasks, 10, seed=0) != choose_tasks(tasks, 10, seed=1)


def test_a_small_file_is_seen_whole():
    found = make_task("a", before="a b\nc\n", after="d\n\ne")
    assert visible_context(found.before, found.after, words, 100) == (found.before, found.after)


def test_of_a_large_file_two_thirds_of_what_is_seen_stand_before():
    found = make_task(
        "a", before="".join(f"b{at}\n" for at in range(99)), after="".join(f"a{at}\n" for at in range(99))
    )
    before, after = visible_context(found.before, found.after, words, 24)
    assert lines_of(before) == [f"b{at}\n" for at in range(91, 99)]
    assert lines_of(after) == [f"a{at}\n" for at in range(4)]


def test_what_one_side_does_not_need_the_other_has():
    assert visible_context("b\n" * 99, "a\n", words, 24) == ("b\n" * 11, "a\n")
    assert visible_context("b\n", "a\n" * 99, words, 24) == ("b\n", "a\n" * 11)


def test_a_line_that_is_far_too_long_is_not_tokenised():
    def count(texts):
        assert all(len(text) <= 16 * 9 for text in texts)
        return words(texts)

    assert visible_context(f"{'a' * 10_000}\nb\n", f"c\n{'d' * 10_000}", count, 9) == ("b\n", "c\n")


@settings(deadline=None)
@given(st.text(alphabet="a b\n"), st.text(alphabet="a b\n"), st.integers(0, 12))
def test_what_is_seen_fits_and_is_made_of_the_nearest_lines(before, after, max_tokens):
    before = before and before + "\n"
    seen = visible_context(before, after, words, max_tokens)
    assert before.endswith(seen[0])
    assert after.startswith(seen[1])
    assert sum(sum(words(lines_of(side))) for side in seen) <= max_tokens
    assert before[: len(before) - len(seen[0])].endswith("\n") or seen[0] == before
