"""``codelm export``: a run's model in the form that other programs take."""

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codelm.cli.base_folder import base_of_run
from codelm.cli.verbs.parser import VerbParser
from codelm.errors import InputError
from codelm.export.destination import refuse_taken, refuse_unwritable
from codelm.files import size_of
from codelm.saved_run import SavedRun, find_run

__all__ = ["run"]

_DESCRIPTION = """\
Write a run's model in the form that other programs take, with a card that says what it is and how good it is.

  codelm export ripgrep                          the adapter merged into the base: a folder for transformers
  codelm export ripgrep --format gguf            one file for llama.cpp and Ollama, with a Modelfile
  codelm export ripgrep --format gguf-adapter    the adapter for llama.cpp --lora and Ollama
  codelm export ripgrep --format adapter         the adapter for PEFT

What is written is read back: bits per byte of held-out commits are measured before and after, and of GGUF the largest
difference of a logit."""
_FORMATS = ("merged", "gguf", "gguf-adapter", "adapter")
_TYPES = {"merged": ("f16", "f32"), "gguf": ("f16", "f32", "q8_0"), "gguf-adapter": ("f16", "f32", "q8_0")}
"""The types that each format has; those of a GGUF adapter are its base's."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Export the run that the arguments name, and print where and how good it is.

    Raises:
        CodelmError: It cannot be done; nothing was written.
    """
    given = _parser().parse_args(arguments)
    _refuse_contradictions(given)
    saved = find_run(given.run, given.output)
    folder = Path(given.to).expanduser() if given.to else saved.folder / "export" / given.format
    refuse_taken(folder, force=given.force)
    refuse_unwritable(folder)
    from codelm.cli.logging import run_logging  # seconds of imports, for which wrong arguments need not wait
    from codelm.export.export import export
    from codelm.export.source import find_source
    from codelm.export.writers import Options

    with run_logging(quiet=quiet, debug=debug):
        source = find_source(saved, given.base or base_of_run(saved))
        options = Options(given.format, given.merge == "exact", given.type or "f16", given.with_base)
        record = export(source, options, folder, tokens=given.tokens, force=given.force)
    sys.stdout.write(_text(saved, folder, record))


def _parser() -> VerbParser:
    parser = VerbParser("export", _DESCRIPTION)
    parser.add_argument("run", nargs="?", metavar="RUN", help="the folder of a run, or its name; default: the newest")
    parser.add_argument("--format", choices=_FORMATS, default="merged", help="the form (default: merged)")
    parser.add_argument("--to", metavar="FOLDER", help="where to (default: export/FORMAT in the folder of the run)")
    parser.add_argument(
        *("--merge",),
        choices=("16-bit", "exact"),
        help="into the base in 16 bits (default), or exactly into what was trained, the base from 4 bits",
    )
    parser.add_argument(
        "--type", choices=_TYPES["gguf"], help="type of the matrices (default: f16); q8_0 in GGUF alone"
    )
    parser.add_argument("--with_base", action="store_true", help="write the base, too, beside its GGUF adapter")
    parser.add_argument(
        "--tokens", type=_count, default=20_000, metavar="N", help="tokens of held-out text to measure on"
    )
    parser.add_argument("--base", metavar="FOLDER", help="where the run's base lies now")
    parser.add_argument("--force", action="store_true", help="replace an export that is there")
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    return parser


def _count(text: str) -> int:
    """Return a number of tokens; raise `ArgumentTypeError` for what is none."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text[:20]} is no number of tokens; give 0 or more")
    return int(text)


def _refuse_contradictions(given: Namespace) -> None:
    """Raise `InputError` for an option that the format has not."""
    types = _TYPES.get(given.format, ())
    if given.type and given.type not in types:
        other = f"give {' or '.join(types)}" if types else "leave it out"
        raise InputError(f"--type {given.type} is none that --format {given.format} has: {other}")
    if given.merge and given.format not in ("merged", "gguf"):
        raise InputError(f"--merge {given.merge}: --format {given.format} merges nothing; leave it out")
    if given.with_base and given.format != "gguf-adapter":
        raise InputError("--with_base: only --format gguf-adapter has no base in it; leave it out")


def _text(saved: SavedRun, folder: Path, record: Mapping[str, Any]) -> str:
    """Return what is printed of a finished export."""
    rows = {"run": f"{saved.label}, {saved.figure('status')}", "export": str(folder)}
    rows["size"] = f"{size_of(folder) / 1e6:,.1f} MB in {len(record['files']) + 2} files"
    if (difference := record["largest_logit_difference"]) is not None:
        rows["read back"] = f"largest difference of a logit {difference:.2g}"
    measured = record["held_out"]
    if measured is None:
        rows["held out"] = f"not measured: {record['not_measured']}"
    else:
        rows["held out"] = (
            f"before {measured['before']:.4f} -> after {measured['after']:.4f} bits per byte"
            f" ({measured['change_percent']:+.2f} %) over {measured['commits']} commits, {measured['bytes']:,} bytes"
        )
    return "".join(f"{name:<11}{value}\n" for name, value in rows.items())
