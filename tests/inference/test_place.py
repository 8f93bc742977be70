from dataclasses import replace
from pathlib import Path

import pytest

from codelm.errors import InputError
from codelm.inference.place import Place, place_in_file, with_line_cut

TEXT = "fn a() {\r\n    é;\n}\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "repo" / "src" / "lib.rs"
    path.parent.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    path.write_bytes(TEXT.encode())
    return path


@pytest.mark.parametrize(
    ("at", "before"),
    [("1:1", ""), ("1:9", "fn a() {"), ("2:6", "fn a() {\r\n    é"), ("3:2", "fn a() {\r\n    é;\n}"), ("4:1", TEXT)],
)
def test_lines_and_columns_count_from_one(file, at, before):
    found = place_in_file(file, at)
    assert (found.before, found.after) == (before, TEXT[len(before) :])


def test_without_a_place_the_file_goes_on(file):
    found = place_in_file(file, None)
    assert (found.path, found.before, found.after) == ("src/lib.rs", TEXT, None)


def test_the_path_is_that_in_the_repository_or_the_given_one(file, tmp_path):
    assert place_in_file(file, "1:1", "b.rs").path == "b.rs"
    (tmp_path / "repo" / ".git").rmdir()
    assert place_in_file(file, "1:1").path == "lib.rs"


def test_an_empty_file_has_one_place(file):
    file.write_bytes(b"")
    assert place_in_file(file, "1:1").before == ""


def test_no_more_than_the_largest_file_is_read_of_what_has_no_end():
    with pytest.raises(InputError, match="more than 16 MB"):
        place_in_file(Path("/dev/zero"), None)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("1:10", "ends at column 9"),
        ("5:1", "has 4 lines"),
        ("0:1", "counted from 1"),
        ("1", "LINE:COLUMN"),
        ("1:2:3", "LINE:COLUMN"),
        ("-1:2", "LINE:COLUMN"),
    ],
)
def test_a_place_that_is_not_there_is_refused(file, at, message):
    with pytest.raises(InputError, match=message):
        place_in_file(file, at)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_what_is_no_source_file_is_refused(file, content):
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match="give a source file"):
        place_in_file(file, "1:1")


def test_a_huge_file_is_not_read(file, monkeypatch):
    monkeypatch.setattr("codelm.inference.place._MOST_BYTES", 4)
    with pytest.raises(InputError, match="more than"):
        place_in_file(file, "1:1")


def test_the_line_of_a_place_is_cut_to_what_is_nearest():
    def count(texts):
        return [len(text) for text in texts]

    place = Place("a.rs", "above\n" + "b" * 100 + "x", "y" + "a" * 100 + "\nbelow")
    cut = with_line_cut(place, count, 30)
    assert cut.before.endswith("bx")
    assert cut.after.startswith("ya")
    assert (10 < len(cut.before) <= 20, 5 < len(cut.after) <= 10) == (True, True)
    assert with_line_cut(place, count, 400) == place
    # what has few tokens as it is written, and many from its end, is not cut
    assert (
        with_line_cut(place, lambda texts: [1 if text.endswith("x") else 99 for text in texts], 30).before
        == place.before
    )
    assert with_line_cut(replace(place, after=None), count, 30).after is None
