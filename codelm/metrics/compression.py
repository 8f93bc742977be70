"""Bits per byte of a text under LZMA compression, alone and behind the training snapshot: a baseline for models.

Compressing after the snapshot shows how much of the text is copied from it.
"""

import lzma
from collections.abc import Callable

__all__ = ["MAX_DICTIONARY", "compressed_size", "xz", "xz_given"]

MAX_DICTIONARY = 64 * 2**20
"""Bytes to look back at most: the encoder takes about twelve times as much memory."""
_PIECE = 2**18
"""Bytes that are compressed between two looks at the time."""


def xz(text: bytes) -> float:
    """Return the bits per byte of ``text``, compressed alone; a ValueError is raised if it is empty."""
    return xz_given(b"", text)[0]


def xz_given(snapshot: bytes, *texts: bytes, check: Callable[[], None] = lambda: None) -> list[float]:
    """Return the bits per byte of each text, compressed behind the snapshot and without the other texts.

    Of a snapshot that is too long to look back at, the end is used. ``check`` is called several times a second, and may
    end the work with an error.

    Raises:
        ValueError: A text is empty.
    """
    if not all(texts):
        raise ValueError("no text to compress, so no bits per byte")
    known = snapshot[-max(1, MAX_DICTIONARY - max(map(len, texts), default=0)) :]
    # A long snapshot takes seconds: it is compressed alone once for all texts.
    alone = compressed_size(known, check)
    return [8 * (compressed_size(known + text, check) - alone) / len(text) for text in texts]


def compressed_size(text: bytes, check: Callable[[], None] = lambda: None) -> int:
    """Return the bytes of a compressed text without a file header; the dictionary covers the whole text."""
    if not text:
        return 0
    dictionary = min(MAX_DICTIONARY, max(4096, len(text)))  # LZMA takes no smaller one
    lzma2 = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}
    compressor, size = lzma.LZMACompressor(format=lzma.FORMAT_RAW, filters=[lzma2]), 0
    for start in range(0, len(text), _PIECE):
        check()
        size += len(compressor.compress(text[start : start + _PIECE]))
    return size + len(compressor.flush())
