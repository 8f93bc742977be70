import random
import time

from codelm.evaluation.retrieval import nearest

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


def test_other_pieces_are_another_question():
    assert nearest("depth", ["depth"]) == 0
    assert nearest("depth", ["width", "depth"]) == 1


def test_a_hundred_questions_to_two_thousand_pieces_take_seconds():
    chance = random.Random(0)
    names = [f"name{at}" for at in range(5000)]
    pieces = [" ".join(chance.choices(names, k=60)) for _ in range(2000)]
    began = time.process_time()
    for at in range(100):
        assert nearest(pieces[at], pieces) == at
    assert time.process_time() - began < 10
