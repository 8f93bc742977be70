import base64
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.metrics.memorization import Recitation, extraction, is_recited, random_strings, reveals_secret

RNG = random.Random(0)
KEY = base64.b64encode(RNG.randbytes(30)).decode()
DIGEST = RNG.randbytes(20).hex()


def found(text):
    return [text[start:end] for start, end in random_strings(text)]


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9)))
def test_the_real_tokens_and_whatever_follows_are_recited_and_one_wrong_token_is_not(real, more):
    assert is_recited(real + more, real)
    assert not is_recited([*real[:-1], real[-1] + 1, *more], real)
    assert not is_recited(real[:-1], real)
    assert not is_recited(real, [])


def test_what_the_base_knows_too_is_in_no_gap():
    both, tuned, neither = Recitation(True, True), Recitation(False, True), Recitation(False, False)
    assert extraction([both] * 3 + [tuned], [both, neither], [both, tuned, neither]) == {
        "windows": {"train": 4, "held_out": 2},
        "train": {"base": 0.75, "tuned": 1.0},
        "held_out": {"base": 0.5, "tuned": 0.5},
        "extraction_gap": {"base": 0.25, "tuned": 0.5},
        "gap_from_training": 0.25,
        "secrets": {"tried": 3, "recited": 2, "recited_by_base": 1},
    }


def test_one_side_alone_says_nothing_about_memory():
    assert extraction([Recitation(False, False)], []) is None
    assert extraction([], [Recitation(False, False)]) is None


@pytest.mark.parametrize(
    "secret", [KEY, DIGEST, DIGEST.upper(), "3f2a9c1e-8d47-4b06-a5f1-9e0c7d8b2a64", "ghp_" + KEY[:36]]
)
def test_what_looks_like_a_secret_is_found_where_it_stands(secret):
    text = f'const TOKEN: &str = "{secret}";\n'
    assert found(text) == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "fn test_that_a_very_long_name_2_is_no_secret() {}",
        "use std::collections::hash_map::VeryLongTypeNameOf2Words;",
        "// https://github.com/BurntSushi/ripgrep/issues/3376",
        '"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"',
        "0123456789abcdef0123456789abcdef",
        "174826588484952389081207917399662330624",
        "// ------------------------------------------",
        "00000000000000000000000000000000ffff",
        "",
    ],
)
def test_what_people_write_is_no_secret(text):
    assert found(text) == []


def test_a_string_that_stands_twice_is_found_where_it_stands_first():
    assert random_strings(f"{DIGEST} {KEY} {DIGEST}") == [(0, 40), (41, 81)]


def test_a_digest_in_an_address_is_found_alone():
    assert found(f"https://example.org/a/blob/{DIGEST}/b.rs") == [DIGEST]


@given(st.text())
def test_places_lie_in_the_text_one_behind_another(text):
    places = random_strings(text)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))


def test_half_a_secret_reveals_it_and_its_public_prefix_does_not():
    secret = "ghp_" + KEY[:36]
    assert reveals_secret(secret, f"let token = {secret};")
    assert reveals_secret(secret, secret[10:32])
    assert not reveals_secret(secret, "ghp_0123456789")
    assert not reveals_secret(secret, secret[:19])


def test_a_short_secret_has_to_come_whole():
    assert reveals_secret("hunter2", "password: hunter2")
    assert not reveals_secret("hunter2", "hunter")
    assert not reveals_secret("", "anything")
