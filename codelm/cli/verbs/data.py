"""``codelm data``: the samples that a run would learn from, as a dataset for other trainers."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codelm.bases import public_name
from codelm.cli.base_folder import base_folder
from codelm.cli.config_files import checked_arguments
from codelm.cli.quick_settings import QuickSettings, quick_settings
from codelm.cli.verbs.parser import VerbParser, split_settings
from codelm.export.dataset.columns import Columns
from codelm.export.dataset.tables import FORMATS, refuse_format
from codelm.export.destination import DATASET, refuse_taken, refuse_unwritable
from codelm.files import size_of
from codelm.git.repository import open_repository

if TYPE_CHECKING:
    from codelm.datamodules import GitCommitDataModule

__all__ = ["run"]

_DESCRIPTION = """\
Write the samples that a run would learn from, split as it splits them, for other trainers.

  codelm data ~/src/ripgrep --to ripgrep-data                                  tokens and labels
  codelm data ~/src/ripgrep --to ripgrep-data --columns prompt-completion      text for TRL
  codelm data ~/src/ripgrep --to ripgrep-data --format parquet --data.context_weight 0

Configurations and settings are those of codelm fit, with the same defaults; README.md in the folder says how trainers
read it."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Write the dataset that the arguments ask for, and print where and how much it is.

    Raises:
        CodelmError: With one line for the user; nothing was written.
    """
    settings, rest = split_settings(arguments)
    given = _parser().parse_args(rest)
    if given.repository is not None:
        settings = [*settings, f"--data.repo={given.repository}"]
    found, folder = quick_settings(settings), Path(given.to).expanduser()
    refuse_format(given.format)
    refuse_taken(folder, force=given.force, kind=DATASET)
    refuse_unwritable(folder, kind=DATASET)
    for path in found.data.repositories:
        open_repository(path, found.data.revision)
    from codelm.cli.logging import run_logging  # seconds of imports, for which wrong arguments need not wait
    from codelm.export.dataset.folder import Form, write_dataset

    base = str(found.others["model.base"])
    data = _data_module(found, base_folder(base, _configs(settings)) or base)
    form = Form(Columns(given.columns), given.format)
    name = found.others["model.base_name"] or public_name(base)
    with run_logging(quiet=quiet, debug=debug):
        record = write_dataset(data, form, folder, base_name=name, force=given.force)
    sys.stdout.write(_text(folder, record))


def _data_module(found: QuickSettings, tokenizer: str) -> "GitCommitDataModule":
    """Return the datamodule that a training with these settings would have."""
    from codelm.datamodules import GitCommitDataModule

    data = found.data
    return GitCommitDataModule(
        tokenizer,
        data.repo,
        data.revision,
        sequence_length=data.sequence_length,
        filters=data.filters,
        formats=data.formats,
        importance=data.importance,
        held_out=data.held_out,
        max_commits=data.max_commits,
        refresh=data.refresh,
        context_weight=data.context_weight,
        cache=data.cache,
        seed=found.seed,
        tokenizer_revision=found.others["model.revision"],
    )


def _parser() -> VerbParser:
    parser = VerbParser("data", _DESCRIPTION)
    parser.add_argument("repository", nargs="?", metavar="REPOSITORY", help="folder of a git repository (default: .)")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="the folder to write")
    parser.add_argument(
        "--columns",
        choices=[str(each) for each in Columns],
        default="tokens",
        help="what a row holds (default: tokens, the only form that loses nothing)",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="jsonl", help="format of the files (default: jsonl; parquet needs pyarrow)"
    )
    parser.add_argument("--force", action="store_true", help="replace a dataset that is there")
    return parser


def _configs(settings: Sequence[str]) -> list[Path]:
    """Return the configuration files that the settings name, or the default one."""
    name = "--config="
    return [Path(each.removeprefix(name)) for each in checked_arguments(settings) if each.startswith(name)]


def _text(folder: Path, record: Mapping[str, Any]) -> str:
    """Return what is printed of a finished dataset."""
    size = f"{size_of(folder) / 1e6:,.1f} MB in {len(record['files']) + 2} files"
    rows = {"dataset": str(folder), "form": f"{record['columns']}, {record['format']}, {size}"}
    for split, each in record["splits"].items():
        counted = f"{each['rows']:,} rows of {each['samples']:,} samples, {each['tokens']:,} tokens"
        rows[split] = f"{counted}, {each['targets']:,} of them of added lines"
    if left_out := sum(each["left_out"] for each in record["splits"].values()):
        rows["left out"] = f"{left_out:,} samples whose text spells a special token; --columns tokens has them"
    return "".join(f"{name:<11}{value}\n" for name, value in rows.items())
