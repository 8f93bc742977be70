import pytest

from experiments.torture.rows import Budget, Row, tally


def row(**values):
    return Row(**({"part": "kills", "what": "a run is killed", "tried": 4, "held": 4} | values))


@pytest.mark.parametrize(
    ("values", "is_kept"),
    [
        ({}, True),
        ({"held": 3}, False),
        ({"tried": 0, "held": 0}, False),
        ({"guard": "the lock", "tried_without": 3, "held_without": 2}, True),
        ({"guard": "the lock", "tried_without": 3, "held_without": 3}, False),
        ({"guard": "the lock"}, False),
    ],
    ids=["each time", "not each time", "never tried", "guarded", "not by its guard", "never tried without"],
)
def test_a_row_that_cannot_fail_shows_nothing(values, is_kept):
    assert row(**values).is_kept is is_kept


def test_outcomes_are_counted_and_bad_ones_kept():
    assert tally(iter(["", "torn", "", "half"])) == (4, 2, ("torn", "half"))


def test_the_short_form_tries_a_share_and_at_least_one(tmp_path):
    assert [Budget(tmp_path, share).count(200) for share in (1.0, 0.01, 0.0001)] == [200, 2, 1]
    assert Budget(tmp_path, 0.001).count(200, least=5) == 5


def test_what_is_random_is_so_by_seed_and_name(tmp_path):
    draws = [Budget(tmp_path, seed=seed).random(name).random() for seed in (0, 0, 1) for name in ("a", "b")]
    assert draws[:2] == draws[2:4]
    assert len(set(draws)) == 4
