import random

from hypothesis import given
from hypothesis import strategies as st

from codelm.metrics import retrieval
from codelm.metrics.retrieval import longest_runs, most_similar, nearest, nearest_lines

PIECES = ["fn a() {}", "struct Walker { depth: usize, follow_links: bool }", "fn print(depth: usize)", "}"]


def test_a_piece_is_nearest_to_itself():
    assert [nearest(piece, PIECES) for piece in PIECES[:3]] == [0, 1, 2]


def test_a_piece_that_shares_more_is_nearer_than_one_that_is_wholly_contained():
    query = "let walker = Walker { depth: 1, follow_links: false, usize }; fn"
    assert nearest(query, PIECES) == 1


def test_where_nothing_is_shared_nothing_is_near():
    assert nearest("match other", PIECES) is None
    assert nearest("match other", []) is None
    assert nearest("", PIECES) is None


def test_other_pieces_have_other_words():
    assert nearest("depth", ["depth"]) == 0
    assert nearest("depth", ["width", "depth"]) == 1


def test_the_words_of_all_pieces_are_found_once_for_all_queries(monkeypatch):
    words, asked = retrieval._words, []
    monkeypatch.setattr(retrieval, "_words", lambda text: asked.append(text) or words(text))
    rng = random.Random(0)
    names = [f"name{at}" for at in range(5000)]
    pieces = [" ".join(rng.choices(names, k=60)) for _ in range(200)]
    for at in range(10):
        assert nearest(pieces[at], pieces) == at
    assert len(asked) == len(pieces) + 10


def test_of_a_long_piece_the_part_most_like_the_query_is_returned():
    lines = [*(f"let other_{number} = {number};\n" for number in range(20)), "walker.depth()\n", "walker.next()\n"]
    assert nearest_lines("walker.next(depth)", lines, [5] * len(lines), 14) == "".join(lines[-2:])
    assert nearest_lines("other_7", lines, [5] * len(lines), 5) == lines[7]


def test_a_piece_that_fits_is_returned_whole_and_one_whose_lines_are_too_long_not_at_all():
    lines = ["a\n", "walker\n", "b\n"]
    assert nearest_lines("walker", lines, [1, 1, 1], 3) == "a\nwalker\nb\n"
    assert nearest_lines("walker", lines, [9, 9, 9], 8) == nearest_lines("walker", [], [], 8) == ""


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(0, 30))
def test_runs_fit_and_cannot_be_extended(counts, max_tokens):
    for start, stop in longest_runs(counts, max_tokens):
        assert 0 < sum(counts[start:stop]) <= max_tokens
        assert stop == len(counts) or sum(counts[start : stop + 1]) > max_tokens
        assert start == 0 or sum(counts[start - 1 : stop]) > max_tokens


@given(st.lists(st.sampled_from(["aa", "aa bb", "bb cc", "dd", "", "aa dd ee"]), max_size=12), st.integers(1, 6))
def test_the_run_of_lines_is_the_first_of_those_most_like_the_query(texts, max_tokens):
    lines, query = [f"{text}\n" for text in texts], {"aa", "cc", "ff"}
    tokens = [1 + len(text.split()) for text in texts]

    def likeness(run):
        words = set(" ".join(texts[slice(*run)]).split())
        return len(query & words) / len(query | words)

    best = max(longest_runs(tokens, max_tokens), key=likeness, default=(0, 0))
    assert nearest_lines("aa cc ff", lines, tokens, max_tokens) == "".join(lines[slice(*best)])


class CountedList(list):
    """Counts how often its items are asked for."""

    asked = 0

    def __getitem__(self, key):
        self.asked += len(range(*key.indices(len(self)))) if isinstance(key, slice) else 1
        return super().__getitem__(key)


def test_a_file_of_many_lines_is_gone_through_a_few_times_at_most():
    lines, tokens = CountedList(["aa\n", "bb\n"] * 500), CountedList([1] * 1000)
    nearest_lines("aa", lines, tokens, 100)
    assert tokens.asked <= 4 * len(tokens)
    assert lines.asked <= 4 * len(lines)


AROUND = "fn add(left: u32) {\n", "}\n"


def count(texts):
    return [len(text.split()) for text in texts]


def test_the_lines_most_like_the_place_are_found():
    files = [("b.rs", "struct Other;\n"), ("c.rs", "let unlike = 0;\nfn add(left: u64) {\nlet more = 1;\n")]
    path, text = most_similar(*AROUND, files, count, 4)
    assert (path, "fn add(left: u64) {\n" in text) == ("c.rs", True)


def test_without_a_common_word_or_room_there_is_none():
    assert most_similar(*AROUND, [], count, 9) is None
    assert most_similar(*AROUND, [("b.rs", "struct Other;\n")], count, 9) is None
    assert most_similar(*AROUND, [("b.rs", "fn add(left: u64) {\n")], count, 1) is None


def test_of_a_large_file_no_more_than_a_part_is_looked_at_that_has_the_lines_most_like_the_place(monkeypatch):
    rng = random.Random(0)
    lines = [f"let word{rng.randrange(10**6)} = 0;\n" for _ in range(40_000)]
    lines[30_000] = "fn add(left: u64) {\n"
    looked_at = []

    def counted(texts):
        looked_at.extend(texts)
        return count(texts)

    path, text = most_similar(*AROUND, [("a.rs", "".join(lines))], counted, 12)
    assert lines[30_000] in text
    assert sum(map(len, looked_at)) <= 2**18 + 2 * len(lines[0])
    monkeypatch.setattr(retrieval, "_MOST_CHARACTERS", 10**9)
    assert most_similar(*AROUND, [("a.rs", "".join(lines))], count, 12) == (path, text)


def test_a_large_file_without_line_breaks_has_no_lines_to_show():
    assert most_similar(*AROUND, [("a.rs", "fn add left " * 100_000)], count, 9) is None
