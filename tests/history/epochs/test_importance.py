import numpy as np
import pytest

from codelm.errors import InputError
from codelm.history.epochs.importance import (
    DAY,
    Importance,
    author_digests,
    author_factor,
    commit_cap,
    file_factors,
    sample_weight,
)

RUST = Importance(
    file_rules={"lib.rs": 2.0, "main.rs": 1.5, "src/": 1.3, "tests/": 0.7, "Cargo.toml": 0.5},
    message_rules={"impl|trait|async|unsafe": 1.5, "error|result|unwrap|expect": 1.3},
)


def weight(path="a.rs", message="", author=1.0, time=0, now=0, importance=RUST):
    factor = file_factors([path], importance)[path]
    return sample_weight(path, factor, message, author, time, now, importance)


@pytest.mark.parametrize(
    ("path", "factor"),
    [
        ("src/lib.rs", 2.0),
        ("crates/a/src/lib.rs", 2.0),
        ("src/bin/main.rs", 1.5),
        ("crates/a/src/deep/b.rs", 1.3),
        ("crates/a/tests/b.rs", 0.7),
        ("crates/a/Cargo.toml", 0.5),
        ("build.rs", 1.0),
    ],
)
def test_the_first_file_rule_that_matches_counts_alone(path, factor):
    assert weight(path) == factor


@pytest.mark.parametrize(
    ("message", "factor"),
    [
        ("Add a trait", 1.5),
        ("ASYNC, impl trait, unsafe!", 1.5),
        ("Implement traits for the resulting errors", 1.0),
        ("trait: return Result", 1.5 * 1.3),
        ("impl_trait", 1.0),
    ],
)
def test_whole_words_of_the_message_count_once_a_rule(message, factor):
    assert weight(message=message) == pytest.approx(factor)


def test_without_rules_all_weigh_exactly_one():
    assert weight("src/lib.rs", "impl", 1.0, 0, 10**10, Importance()) == 1.0


def test_age_halves_and_the_future_is_now():
    ageing = Importance(half_life_days=10)
    assert weight(time=0, now=20 * DAY, importance=ageing) == 0.25
    assert weight(time=99 * DAY, now=20 * DAY, importance=ageing) == 1.0
    assert weight(time=-(2**63), now=2**63, importance=ageing) == 0.0


def test_the_deepest_folder_counts():
    importance = Importance(directories={"crates": 2.0, "crates/core/": 3.0, "cra": 5.0})
    assert [weight(path, importance=importance) for path in ("crates/a.rs", "crates/core/a.rs", "a.rs")] == [2, 3, 1]


@pytest.mark.parametrize("author", ["jo", "JO@example.com", "Jo <jo@example.com>"])
def test_authors_go_by_name_or_address(author):
    rules = Importance(authors={"ann": 3.0, author: 0.5})
    assert author_factor("c1", author_digests("c1", "Jo", "jo@example.com"), rules) == 0.5
    assert author_factor("c1", author_digests("c1", "Someone", "jo@example.org"), rules) == 1.0
    assert weight(author=0.5) == 0.5


def test_nothing_that_is_kept_of_authors_names_them_or_tells_that_two_are_one():
    first, second = (author_digests(sha, "Jo", "jo@example.com") for sha in ("c1", "c2"))
    assert not {"jo", "example"} & set("".join(first).lower().split())
    assert not set(first) & set(second)
    assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in first)


def test_a_commit_weighs_no_more_than_the_cap():
    tokens = np.array([0, 10, 100, 1000])
    np.testing.assert_array_equal(commit_cap(tokens, 100), [1, 1, 1, 0.1])
    np.testing.assert_array_equal(commit_cap(tokens, None), np.ones(4))


@pytest.mark.parametrize(
    "settings",
    [
        {"message_rules": {"(impl": 1.5}},
        {"message_rules": {"impl|": 1.5}},
        {"file_rules": {"src/": -1.0}},
        {"directories": {"src": float("inf")}},
        {"authors": {"jo": float("nan")}},
        {"half_life_days": 0.0},
        {"half_life_days": float("nan")},
        {"max_commit_tokens": 0},
    ],
    ids=str,
)
def test_rules_that_make_no_sense_are_refused_by_name_before_anything_is_read(settings):
    with pytest.raises(InputError, match=f"importance.{next(iter(settings))}"):
        Importance(**settings)


def test_a_rule_that_is_no_pattern_is_refused_by_name():
    with pytest.raises(InputError, match="file_rules"):
        weight(importance=Importance(file_rules={"!": 1.5}))


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
def test_a_mix_of_files_and_changes_that_is_no_factor_is_refused(factor):
    with pytest.raises(InputError, match="whole_files"):
        Importance(whole_files=factor)
