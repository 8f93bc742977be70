import inspect
import re
import types

import numpy as np
import pytest

from codelm.history.filters.letter_pairs import randomness
from tests.history.filters.credentials import DIGITS, LETTERS, LOWER, UPPER, some


def names():
    """Return the names of 10 to 30 letters and digits in Python's own modules and in numpy."""
    modules = [np, np.linalg, inspect, re, types, __import__("email.message"), __import__("ssl"), __import__("socket")]
    found = {name for module in modules for name in vars(module)}
    found |= {name for module in modules for value in vars(module).values() for name in dir(value)}
    return sorted(name for name in found if 10 <= len(re.sub(r"\W|_", "", name)) <= 30)


@pytest.mark.parametrize("alphabet", [LETTERS, LOWER, UPPER + DIGITS, LOWER + DIGITS])
def test_what_is_drawn_by_chance_is_told_from_names(alphabet):
    drawn = [randomness(some(16, alphabet)) >= 5 for _ in range(1000)]
    named = [randomness(name) >= 5 for name in names()]
    assert len(named) > 300
    assert sum(drawn) > 0.9 * len(drawn)
    assert sum(named) < 0.03 * len(named)


def test_words_of_other_languages_are_words():
    words = [
        "Passwort-Wiederherstellung",
        "motdepasse",
        "contrasenya",
        "wachtwoord",
        "kennwort",
        "salasana",
        "lösenord",
        "parola",
    ]
    assert [word for word in words if randomness(word) >= 0] == []


def test_case_and_signs_count_for_nothing():
    assert randomness("mBzblsBm") == randomness("MBZBLSBM")
    assert randomness("ab-cd") == randomness("ab") + randomness("cd")


def test_nothing_is_as_likely_by_chance_as_in_words():
    assert randomness("") == randomness("7") == randomness("é") == 0
