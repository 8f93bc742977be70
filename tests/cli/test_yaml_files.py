from itertools import pairwise
from pathlib import Path

import pytest

from codelm.cli.yaml_files import parse, read_nodes
from codelm.errors import InputError


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "model:\n  r: 1\n  x: {}\n  r: 2\n", "a: [{b: 1, b: 2}]"])
def test_a_key_that_stands_twice_is_refused(text):
    with pytest.raises(InputError, match="stands twice"):
        parse(text, "here")


def test_a_double_key_is_named_with_both_lines():
    with pytest.raises(InputError, match=r"^config x, line 3: seed stands twice, first on line 1; keep one$"):
        parse("seed: 1\nname: x\nseed: 2\n", "config x")


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "trainer: &t {x: {y: *t}}\n"])
def test_an_alias_of_what_holds_it_is_refused(text):
    with pytest.raises(InputError, match="line 1: an alias leads back"):
        parse(text, "here")


def test_an_alias_that_comes_twice_passes():
    assert parse("a: &a [1]\nb: &b [*a, *a]\nc: {d: *b, e: [*a, *b]}\n", "here") is not None


def repeated(lists, values):
    """Return a list of so many lists, all the same one of so many values."""
    return f"a: &a [{', '.join('1' * values)}]\nb: [{', '.join(['*a'] * lists)}]\n"


def test_aliases_that_repeat_too_much_are_refused_and_a_few_less_are_not():
    assert parse(repeated(100, 99), "here") is not None  # each list is a value, too
    with pytest.raises(InputError, match=r"^here: aliases repeat 10,100 values, and 10,000 at most may be; write out"):
        parse(repeated(101, 99), "here")
    with pytest.raises(InputError, match="aliases repeat"):
        parse("a: &a [1, 1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmn")), "x")


def test_long_texts_that_aliases_repeat_count_by_their_length():
    text = f"a: &a {'x' * 640}\nb: [{', '.join(['*a'] * 1000)}]\n"
    with pytest.raises(InputError, match="aliases repeat 11,000 values"):
        parse(text, "here")


@pytest.mark.parametrize("text", ["? [a]\n: 1\n", "x: {? {a: 1} : 2}\n", "a: &a [1]\n? *a\n: 1\n"])
def test_a_key_that_is_no_text_is_refused(text):
    with pytest.raises(InputError, match=r"line \d: a list or a group stands as a key"):
        parse(text, "here")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_a_file_that_holds_nothing_has_no_nodes(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    found = read_nodes(tmp_path / "c.yaml")
    assert found is None or found.value == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model: [\n", "line 2: not valid YAML"),
        (b"\x80\x02}q\x00.", "not text"),
        (b"a: \x00\n", "not text"),
        (b"\xff\xfea\x00:\x00", "not text"),
        (b"a: b: c\n", "line 1: not valid YAML"),
        (b"[" * 100_000, "YAML"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_place(tmp_path, content, says):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_nodes(tmp_path / "c.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=f"config {tmp_path} cannot be read: Is a directory"):
        read_nodes(Path(tmp_path))
