from random import Random

import pytest

from codelm.history.digest_set import DigestSet


def digests(count, length, seed=13):
    """Some digests of which each third ends in zeros, as one in 256 does."""
    random = Random(seed)
    return [random.randbytes(length - 2) + (b"\0\0" if each % 3 == 0 else b"ab") for each in range(count)]


@pytest.mark.parametrize("length", [8, 16])
@pytest.mark.parametrize("most_recent", [0, 7, 1 << 16])
def test_it_is_a_set_wherever_its_digests_lie(monkeypatch, length, most_recent):
    monkeypatch.setattr("codelm.history.digest_set._MIN_RECENT", most_recent)
    found, wanted, absent = DigestSet(length), set(), digests(50, length, seed=14)
    for digest in digests(200, length) * 2:
        assert (digest in found) == (digest in wanted)
        found.add(digest)
        wanted.add(digest)
        assert len(found) == len(wanted)
    assert set(found) == wanted
    assert not any(digest in found for digest in absent)


def test_sorted_bytes_begin_another_set():
    first = DigestSet(8)
    for digest in digests(100, 8):
        first.add(digest)
    assert first.sorted_bytes() == b"".join(sorted(set(digests(100, 8))))
    again = DigestSet(8, first.sorted_bytes())
    assert again == first
    again.add(b"\0" * 8)
    assert len(again) == len(first) + 1
