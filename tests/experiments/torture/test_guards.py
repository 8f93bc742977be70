import ctypes
import errno
import subprocess
import sys

import pytest

from codelm.history import store
from experiments.torture.failing_files import build_library, can_fail_files
from experiments.torture.guards import GUARDS, owner_of, taken_out
from experiments.torture.stops import PLACES


@pytest.mark.parametrize("name", GUARDS)
def test_each_guard_is_there_to_be_taken_out(name):
    places = GUARDS[name] if isinstance(GUARDS[name], list) else [GUARDS[name]]
    before = [getattr(*owner_of(place)) for place, _ in places]
    with taken_out(name):
        assert [getattr(*owner_of(place)) for place, _ in places] == [instead for _, instead in places]
    assert [getattr(*owner_of(place)) for place, _ in places] == before


def test_no_guard_is_none():
    before = store.damage
    with taken_out(""):
        assert store.damage is before


@pytest.mark.parametrize("place", PLACES.values())
def test_each_place_where_a_signal_is_sent_is_a_function(place):
    assert callable(getattr(*owner_of(place)))


CHILD = """
import ctypes, os, sys
library = ctypes.CDLL(None)
library.fail_files(sys.argv[1].encode(), ctypes.c_long(int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4]))
for name in ("a", "b", "c"):
    try:
        with open(f"{sys.argv[1]}/{name}", "w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{sys.argv[1]}/{name}", f"{sys.argv[1]}/{name}{name}")
        print(name)
    except OSError as error:
        print(error.errno)
print(library.file_calls(int(sys.argv[3])))
"""


@pytest.mark.skipif(not can_fail_files(), reason="no C compiler")
@pytest.mark.parametrize(
    ("at", "lasting", "said"),
    [
        (0, 0, ["a", "b", "c", "12"]),
        (2, 0, ["28", "b", "c", "11"]),  # closing the file writes again
        (8, 0, ["a", "28", "c", "12"]),
        (8, 1, ["a", "28", "28", "9"]),
    ],
)
def test_the_call_that_is_to_fail_fails_and_others_do_not(tmp_path, at, lasting, said):
    library = build_library(tmp_path)
    folder = tmp_path / "watched"
    folder.mkdir()
    words = [sys.executable, "-c", CHILD, str(folder), str(at), str(errno.ENOSPC), str(lasting)]
    done = subprocess.run(words, env={"LD_PRELOAD": str(library)}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == said
    assert not hasattr(ctypes.CDLL(None), "fail_files")
