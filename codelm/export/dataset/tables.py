"""Files of rows: JSON Lines, which need nothing, and Parquet, which needs pyarrow."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from codelm.errors import InputError

__all__ = ["FORMATS", "new_table", "refuse_format"]

FORMATS = ("jsonl", "parquet")
_ROWS_AT_A_TIME = 1024
"""Rows of a row group of Parquet."""
_TYPES = {"sample": "int64", "weight": "float64"}
_LISTS = {"input_ids": "int32", "attention_mask": "int8", "labels": "int32", "token_weights": "float32"}
"""Types in Parquet of columns of numbers, and of columns of lists of them; the others hold text."""
_AddRow = Callable[[dict[str, Any]], None]


def refuse_format(name: str) -> None:
    """Raise `InputError` where the library of a format is not installed."""
    if name == "parquet" and find_spec("pyarrow") is None:
        raise InputError(
            "--format parquet needs pyarrow: install it with pip install 'codelm[data]', or give --format jsonl"
        )


@contextmanager
def new_table(path: Path, columns: Iterable[str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that adds a row, of which it takes these columns, to a new file of the format of its name.

    Raises:
        OSError: It cannot be written.
    """
    names = tuple(columns)
    writer = _parquet_rows if path.suffix == ".parquet" else _json_lines
    with writer(path, names) as add:
        yield lambda row: add({name: row[name] for name in names})


@contextmanager
def _json_lines(path: Path, names: tuple[str, ...]) -> Iterator[_AddRow]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda row: _write_line(file, row)


def _write_line(file: TextIO, row: Mapping[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


@contextmanager
def _parquet_rows(path: Path, names: tuple[str, ...]) -> Iterator[_AddRow]:
    import pyarrow
    import pyarrow.parquet

    types = {name: getattr(pyarrow, kind)() for name, kind in _TYPES.items()}
    types |= {name: pyarrow.list_(getattr(pyarrow, kind)()) for name, kind in _LISTS.items()}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in names])
    block: list[dict[str, Any]] = []
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def write_block() -> None:
            writer.write_table(pyarrow.Table.from_pylist(block, schema=schema))
            block.clear()

        def add(row: dict[str, Any]) -> None:
            block.append(row)
            if len(block) == _ROWS_AT_A_TIME:
                write_block()

        yield add
        write_block()
