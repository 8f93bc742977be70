"""What a compressor needs for a text: a model that needs more bits per byte than it has not understood much.

Knowing nothing but the text, and knowing the training snapshot by heart without having learned anything from it.
"""

import lzma
from typing import Any

LARGEST = 64 * 2**20
"""Bytes to look back at most: the encoder takes about twelve times as much memory."""


def xz(text: bytes) -> float:
    """Return the bits that LZMA takes for a byte of ``text``, which is not empty, knowing nothing else."""
    return xz_given(b"", text)[0]


def xz_given(snapshot: bytes, *texts: bytes) -> list[float]:
    """Return the bits that LZMA takes for a byte of each text, written behind the snapshot without the others.

    Args:
        snapshot: all that may be known, of which the end is kept where it is too long to look back at.
        texts: what to compress; none of them empty.

    Raises:
        ValueError: A text is empty.
    """
    if not all(texts):
        raise ValueError("no text to compress, so no bits per byte")
    known = snapshot[-max(1, LARGEST - max(map(len, texts), default=0)) :]
    # A long snapshot takes seconds: it is compressed alone once for all texts.
    alone = compressed(known)
    return [8 * (compressed(known + text) - alone) / len(text) for text in texts]


def compressed(text: bytes) -> int:
    """Return how many bytes are left of the text, without the header of a file."""
    return len(lzma.compress(text, format=lzma.FORMAT_RAW, filters=[reaching(len(text))])) if text else 0


def reaching(size: int) -> dict[str, Any]:
    """Return the filter whose dictionary reaches back over a whole text of ``size`` bytes."""
    return {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": min(LARGEST, max(4096, size)),
    }
