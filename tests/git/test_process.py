import random

import pytest

from codelm.git.process import GitEndedError, PipeReader


class SlowPipe:
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content, seed):
        self.content, self.random = content, random.Random(seed)

    def read(self, size):
        piece = self.content[: self.random.randint(1, min(size, 5))]
        self.content = self.content[len(piece) :]
        return piece


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_a_pipe_do_not_show(seed):
    out = PipeReader(SlowPipe(b"one--two--\n--three" + b"x" * 50 + b"rest", seed))
    assert out.until(b"--") == b"one"
    assert out.until(b"--\n--", leave=4) == b"two"
    assert out.take(4) == b"-\n--"
    assert (out.peek(), out.peek(), out.take(5)) == (b"t", b"t", b"three")
    out.skip(50)
    assert (out.rest(), out.peek()) == (b"rest", b"")


@pytest.mark.parametrize("read", [lambda out: out.until(b"\0"), lambda out: out.take(9), lambda out: out.skip(9)])
def test_a_pipe_that_ends_too_soon_says_so(read):
    with pytest.raises(GitEndedError):
        read(PipeReader(SlowPipe(b"short", 0)))


def test_a_delimiter_is_found_across_the_border_of_two_blocks():
    assert PipeReader(SlowPipe(b"abab" * 10 + b"ac", 1)).until(b"ac") == b"abab" * 10
