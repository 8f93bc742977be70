import gzip

import pytest

from codelm.errors import DamagedDataError
from codelm.git.commits import Change, Hunk
from codelm.history.held_out_changes import (
    HELD_OUT_FILE,
    HeldOutChange,
    held_out_change,
    held_out_changes,
    held_out_writer,
)

CHANGES = [
    HeldOutChange(3, "src/lib.rs", "fn a() {}\nfn b() {}\n", ((1, 2),)),
    HeldOutChange(3, "a\udcff\n b.rs", "añ€😀\x0c\r\n", ()),
    HeldOutChange(7, "empty.py", "", ((0, 0), (4, 9))),
]


@pytest.mark.parametrize("changes", [CHANGES, []])
def test_what_was_written_is_read_back(tmp_path, changes):
    with held_out_writer(tmp_path) as write:
        for change in changes:
            write(change)
    assert list(held_out_changes(tmp_path)) == changes


def test_the_spans_are_the_added_lines_of_the_file_after_the_commit_and_a_deleted_file_is_empty():
    hunks = (Hunk(0, 0, (), ("a\n", "b\n")), Hunk(4, 6, ("x\n",), ()), Hunk(9, 10, ("y\n",), ("c\n",)))
    change = Change("new.rs", "old.rs", "R", "1", "2", after="text", hunks=hunks)
    assert held_out_change(change, 5) == HeldOutChange(5, "new.rs", "text", ((0, 2), (10, 11)))
    assert held_out_change(Change("a.rs", "a.rs", "D", "1", "0"), 0) == HeldOutChange(0, "a.rs", "", ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}\n", mtime=0),
        gzip.compress(b"[1\n", mtime=0),
        gzip.compress(b"x" * 999, mtime=0)[:20],
        gzip.compress(b"{}\n", mtime=0)[:12] + b"\xff" * 20,
    ],
)
def test_what_cannot_be_read_says_what_to_do(content, tmp_path):
    if content:
        (tmp_path / HELD_OUT_FILE).write_bytes(content)
    with pytest.raises(DamagedDataError, match="run again, and it is made anew"):
        list(held_out_changes(tmp_path))
