"""Our lists of patterns beside ``git check-ignore``; measured with git 2.39.5."""

import os
import random

import pytest

from codelm.errors import InputError
from codelm.history.filters.paths import path_matcher
from codelm.history.filters.settings import Filters

PIECES = [
    *("*", "**", "***", "?", "/", "**/", "/**", "/**/", "a", "b", "ab", "x", "1", ".", "-", "!", "^", "]", "[", "\\"),
    *("[ab]", "[!a]", "[^x]", "[a-x]", "[z-a]", "[]a]", "[!]a]", "[a-]", "[-a]", "[a\\]]", "[\\a-x]", "[a-\\x]"),
    *("[[:digit:]]", "[![:alpha:]]", "[[:lower:]x]", "[[:punct:]]", "[[:nope:]]", "[[:digit:]", "[:a]", "[[:a]"),
    *("[a-c-x]", "[/]", "[!/]", "[[:space:]]", "[[a]", "\\*", "\\[", "\\\\", "\\/", "é", "[é]", "??", "#", " ", '"'),
]
NAMES = ["a", "b", "ab", "x", "1", "a1", "1x", "a.b", "-", "!", "a]", "[a]", "*", "é", "x-1", "^", "a b", "abx", "..a"]


@pytest.fixture
def ignored_by_git(tmp_path, git):
    """Return which of some files git ignores by one pattern."""
    git(tmp_path, "init", "-q")

    def ignored(pattern, paths):
        (tmp_path / ".git/info/exclude").write_bytes(os.fsencode(pattern) + b"\n")
        words = ["-c", "core.quotePath=false", "check-ignore", "--no-index", "--stdin", "-z"]
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        return {path for path in git(tmp_path, *words, stdin=asked, check=False).split("\0") if path}

    return ignored


def matches(patterns, paths):
    with path_matcher({"filters.ignore": patterns}) as match:
        return [match(path)[0][0] for path in paths]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("target/debug/a.rs", (True, "target/")),
        ("crates/a/target/b.rs", (True, "target/")),
        ("src/target.rs", (None, "")),
        ("a/b.rlib", (True, "*.rlib")),
        ("keep/b.rlib", (False, "!keep/*.rlib")),
        ("target/keep.rs", (False, "!target/keep.rs")),
        ("../target/./a.rs", (True, "target/")),  # hostile trees name such paths
        ("..", (None, "")),
    ],
)
def test_the_last_pattern_that_matches_decides(path, expected):
    patterns = ["target/", "", "# a comment", "*.rlib", "!keep/*.rlib", "!target/keep.rs"]
    assert matches(patterns, [path]) == [expected]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.[z-a]", "a.z", True),
        ("*.[z-a]", "a.m", None),
        ("[[:digit:]]x", "1x", True),
        ("[[:digit:]]x", "ax", None),
        ("a[!x]b", "a/b", None),
        ("a[!x]b", "ayb", True),
        ("a\\ ", "a ", True),
        ("a  ", "a", True),
        ('a"b', 'a"b', True),
        ("caf?.rs", "café.rs", None),  # git counts bytes
        ("a**/b", "ax/y/b", True),  # git begins the pattern after its plain letters
        ("[a-[:digit:]", "d", True),
        ("[]a]", "]", True),
        ("[[:a]", "a", True),
        ("\\[abc", "[abc", True),
    ],
)
def test_patterns_mean_what_they_mean_to_git(pattern, path, expected, ignored_by_git):
    assert matches([pattern], [path])[0][0] == expected
    assert ignored_by_git(pattern, [path]) == ({path} if expected else set())


@pytest.mark.parametrize("pattern", ["!", "\\", "/", "!/", "a\\"])
def test_what_is_no_pattern_is_refused_by_name(pattern):
    with pytest.raises(InputError, match=r"^filters\.ignore: .*no gitignore pattern"):
        matches([pattern], [])


@pytest.mark.parametrize(
    "pattern", ["[abc", "src/[abc", "*.[", "[!", "[]", "[[:nope:]]", "[[:digit:]", "!x[a\\]/", "[::"]
)
def test_a_bracket_with_which_a_pattern_matches_nothing_is_refused_by_name(pattern, ignored_by_git):
    with pytest.raises(InputError, match=r"^filters\.ignore: .*a bracket in it is not closed") as refused:
        matches(["a", pattern], [])
    assert repr(pattern) in str(refused.value)
    assert ignored_by_git(pattern.removeprefix("!"), ["a", "b", "src/a", "[abc", "1", "x[a]"]) == set()


def check(seed, count, ignored_by_git):
    chance = random.Random(seed)
    paths = ["/".join(chance.choices(NAMES, k=chance.randint(1, 4))) for _ in range(150)]
    for _ in range(count):
        pattern = "".join(chance.choices(PIECES, k=chance.randint(1, 4)))
        if pattern.startswith("!"):  # git lists these as matched, though they ignore nothing
            continue
        try:
            found = matches([pattern], paths)
        except InputError:
            found = [(None, "")] * len(paths)
        ours = {path for path, (included, _) in zip(paths, found, strict=True) if included}
        assert ours == ignored_by_git(pattern, paths), repr(pattern)


def test_random_patterns_match_what_git_matches(ignored_by_git):
    check(0, 100, ignored_by_git)


@pytest.mark.slow
def test_very_many_random_patterns_match_what_git_matches(ignored_by_git):
    check(1, 5000, ignored_by_git)


def test_patterns_are_checked_with_the_settings_that_hold_them():
    with pytest.raises(InputError, match=r"^data\.filters\.vendored: '\[abc' matches nothing"):
        Filters(vendored=["[abc"])
