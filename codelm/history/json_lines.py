"""Records in a file of JSON Lines, each parsed when it is asked for."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

__all__ = ["JsonLines", "json_line"]

_BLOCK = 1 << 22
"""Bytes that are searched for line ends at a time."""


def json_line(record: dict[str, Any]) -> bytes:
    """Return a record as a line of such a file."""
    return json.dumps(record, sort_keys=True).encode() + b"\n"


class JsonLines(Sequence[dict[str, Any]]):
    """The records of a file, which is mapped: eight bytes of each are kept in memory.

    Args:
        file: The file, of lines that `json_line` returned.

    Raises:
        ValueError: The last line does not end.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as blocks:  # and not by the map, all of which would count as this process's memory
            ends = [
                number * _BLOCK + 1 + np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
                for number, block in enumerate(iter(partial(blocks.read, _BLOCK), b""))
            ]
        self._borders = np.concatenate([[0], *ends]).astype(np.int64)
        self._text = np.memmap(file, np.uint8, "r") if ends else np.empty(0, np.uint8)
        if self._borders[-1] != len(self._text):
            raise ValueError(f"{file}: its last line does not end")
        self._last: tuple[int, dict[str, Any]] | None = None

    def __len__(self) -> int:
        return len(self._borders) - 1

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        places = range(len(self))[index]
        return [self._record(place) for place in places] if isinstance(places, range) else self._record(places)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._record, range(len(self)))

    def _record(self, place: int) -> dict[str, Any]:
        if self._last is None or self._last[0] != place:  # the samples of a commit stand side by side
            start, end = self._borders[place : place + 2].tolist()
            self._last = place, json.loads(self._text[start:end].tobytes())
        return self._last[1]
