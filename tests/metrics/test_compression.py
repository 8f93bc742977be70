import lzma
import random

import pytest

from codelm.metrics import compression
from codelm.metrics.compression import xz, xz_given

CODE = b"".join(b"fn number_%d(value: u64) -> u64 {\n    value + %d\n}\n\n" % (n, n * n) for n in range(200))


def noise(size, seed=0):
    return random.Random(seed).randbytes(size)


def given(snapshot, text):
    (found,) = xz_given(snapshot, text)
    return found


def test_noise_cannot_be_compressed_what_repeats_itself_takes_few_bits_and_a_short_text_pays_for_no_header():
    assert xz(noise(10_000)) == pytest.approx(8, abs=0.05)
    assert xz(CODE) < 1.5
    assert xz(b"fn main() {}") < 16


def test_what_the_snapshot_holds_takes_nearly_no_bits():
    news = noise(5_000)
    assert given(CODE + news, news) < 0.1
    assert given(CODE, news) == pytest.approx(8, abs=0.2)


def test_a_related_snapshot_helps_and_an_empty_one_changes_nothing():
    assert given(CODE, CODE.replace(b"number", b"figure")) < xz(CODE)
    assert given(b"", CODE) == xz(CODE)


def test_each_text_is_written_behind_the_snapshot_alone_which_is_compressed_once(monkeypatch):
    texts, seen, size = [noise(2_000), noise(3_000, seed=1), CODE], [], compression.compressed_size
    monkeypatch.setattr(compression, "compressed_size", lambda text, check: seen.append(text) or size(text))
    assert xz_given(CODE, *texts) == [given(CODE, text) for text in texts]
    assert seen[:4] == [CODE, *(CODE + text for text in texts)]


def test_the_dictionary_reaches_over_a_long_snapshot():
    news = noise(20_000)
    assert given(news + noise(2**20, seed=1), news) < 0.5


def test_of_a_snapshot_too_long_to_look_back_at_the_end_is_kept(monkeypatch):
    monkeypatch.setattr(compression, "MAX_DICTIONARY", 8_000)
    old, new = noise(1_000, seed=1), noise(1_000, seed=2)
    snapshot = old + noise(10_000) + new
    assert given(snapshot, new) < 1
    assert given(snapshot, old) == pytest.approx(8, abs=0.2)


def test_the_time_is_looked_at_while_a_long_text_is_compressed():
    looks, text = [], noise(2**19) + CODE * 80
    assert 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) / len(text) == pytest.approx(xz(text), rel=1e-3)
    xz_given(text, CODE, check=lambda: looks.append(None))
    assert len(looks) == 2 * -(-len(text) // 2**18)
    with pytest.raises(ZeroDivisionError):
        xz_given(text, CODE, check=lambda: 1 / 0)


def test_of_no_text_there_are_no_bits_per_byte():
    with pytest.raises(ValueError, match="no text"):
        xz(b"")
    with pytest.raises(ValueError, match="no text"):
        xz_given(CODE, CODE, b"")
