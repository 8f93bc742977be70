"""The search for planted values in all that a run leaves: bytes, what is packed in them, and the text of tokens."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codelm.history.store import open_store
from codelm.history.tokenization.encoder import Encoder
from experiments.torture.planted import Planted

__all__ = ["Search", "contents", "decoded"]

_HEAD = 8
"""Bytes of a pattern that are looked for first: as a number, all patterns at once."""


@dataclass(slots=True)
class Search:
    """Looks for planted values in one text after another.

    Attributes:
        values: The values.
        size: How much was searched, in bytes.
        found: What was found.
    """

    values: Sequence[Planted]
    size: int = 0
    found: set[Planted] = field(default_factory=set)
    _patterns: dict[int, list[tuple[bytes, Planted]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in self.values:
            for pattern in filter(lambda each: len(each) >= _HEAD, value.patterns):
                head = int.from_bytes(pattern[:_HEAD], "little")
                self._patterns.setdefault(head, []).append((pattern, value))

    def search(self, texts: Iterable[bytes]) -> None:
        """Search some texts."""
        heads = np.fromiter(self._patterns, np.uint64, len(self._patterns))
        for text in texts:
            self.size += len(text)
            for offset in range(min(_HEAD, len(text))):
                numbers = np.frombuffer(text, "<u8", (len(text) - offset) // _HEAD, offset)
                for place in np.flatnonzero(np.isin(numbers, heads)).tolist():
                    self._compare(text, offset + place * _HEAD)

    def _compare(self, text: bytes, start: int) -> None:
        patterns = self._patterns[int.from_bytes(text[start : start + _HEAD], "little")]
        self.found.update(value for pattern, value in patterns if text.startswith(pattern, start))


def contents(paths: Iterable[Path], folder: Path) -> Iterator[bytes]:
    """Yield the names of files below a folder, what is in them, and what is packed in that, as in checkpoints."""
    for path in paths:
        yield str(path.relative_to(folder)).encode()
        if path.is_file():
            yield from _unpacked(path.read_bytes())


def _unpacked(data: bytes) -> Iterator[bytes]:
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from _unpacked(gzip.decompress(data))
    elif data[:1] == b"\x78":
        try:
            yield from _unpacked(zlib.decompress(data))
        except zlib.error:  # it only begins so
            return
    elif data[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                yield from _unpacked(packed.read(name))


def decoded(stores: Iterable[Path], encoder: Encoder) -> Iterator[bytes]:
    """Yield the text of each sample of some stores, which are given by one of their files."""
    for file in stores:
        store = open_store(file.parent)
        for index in range(len(store.samples)):
            yield encoder.decode(store.sample(index)[0].tolist()).encode("utf-8", "surrogatepass")
