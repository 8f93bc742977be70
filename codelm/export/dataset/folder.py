"""The folder of a dataset: the history read or taken from the cache, its samples written, counted and described."""

import logging
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from codelm import __version__
from codelm.bases.tokenizer import load_tokenizer
from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.progress import show_progress
from codelm.datamodules.prompt_format import decide_format
from codelm.export.dataset.card import dataset_card
from codelm.export.dataset.columns import FACTS, Columns
from codelm.export.dataset.rows import DatasetRows
from codelm.export.dataset.tables import new_table
from codelm.export.destination import DATASET, new_export, refuse_taken, refuse_unwritable
from codelm.files import hashes, write_text
from codelm.history.facts import split_totals
from codelm.history.store import Split
from codelm.history.store_settings import with_format
from codelm.runs.manifest_content import to_json

__all__ = ["Form", "write_dataset"]

log = logging.getLogger(__name__)


class Form(NamedTuple):
    """How a dataset is written.

    Attributes:
        columns: The columns that a trainer reads.
        format: That of the files, by the ending of their names.
    """

    columns: Columns
    format: str


def write_dataset(
    data: GitCommitDataModule, form: Form, folder: Path, *, base_name: str, force: bool
) -> dict[str, Any]:
    """Write the samples of a history with their card and their record, and return the record.

    Args:
        data: The history, as a training takes it.
        form: How the samples are written.
        folder: Where to; it appears whole or not at all.
        base_name: The name by which others know the base.
        force: Whether to replace a dataset that is there.

    Raises:
        CodelmError: It cannot be done; nothing was written.
    """
    refuse_taken(folder, force=force, kind=DATASET)
    refuse_unwritable(folder, kind=DATASET)
    _choose_prompt_format(data, base_name)
    data.prepare_data()
    data.setup()
    rows = DatasetRows(data.store, data.encoder, form.columns, data.importances, data.context_weight)
    with new_export(folder, force=force, kind=DATASET) as unfinished:
        splits = {split.name.lower(): _write_split(rows, split, unfinished, form) for split in Split}
        record = _record(data, form, base_name) | {"splits": splits, "files": hashes(unfinished)}
        write_text(unfinished / "README.md", dataset_card(record))
        write_text(unfinished / DATASET.record, to_json(record))
    return record


def _choose_prompt_format(data: GitCommitDataModule, base_name: str) -> None:
    """Have the samples written in the base's prompt format, as a training does; but no base is loaded to try it out."""
    setting = data.store_settings.formats.fim_format
    tokenizer = load_tokenizer(data.tokenizer, data.tokenizer_revision)
    decision = decide_format(data.tokenizer, tokenizer, setting, base_name)
    if decision.notice:
        log.warning(decision.notice)
    if decision.candidate:
        log.warning(
            "codelm fit would try whether the base fills in; where it does, give --data.formats.fim_format %s as well",
            decision.candidate.name,
        )
    data.store_settings = with_format(data.store_settings, decision.format.name)


def _write_split(rows: DatasetRows, split: Split, folder: Path, form: Form) -> dict[str, Any]:
    """Write the files of a split, unless nothing is in it, and return its counts."""
    totals = split_totals(rows.store.samples, split)
    counts = {"rows": 0, "left_out": 0, "open_ended": 0}
    tables = _tables(form, split.name.lower(), folder)
    with ExitStack() as files:
        adds = [files.enter_context(new_table(path, names)) for path, names in tables.items()]
        for of_sample in show_progress(
            rows.of_split(split), totals["samples"], f"{split.name.lower()}: samples written"
        ):
            counts["left_out"] += not of_sample
            counts["rows"] += len(of_sample)
            counts["open_ended"] += sum(_is_open_ended(row, form.columns, rows.encoder.format.end) for row in of_sample)
            for add, row in product(adds, of_sample):
                add(row)
    for path in tables if not counts["rows"] else ():
        path.unlink()
    return {**counts, **totals}


def _tables(form: Form, name: str, folder: Path) -> dict[Path, tuple[str, ...]]:
    """Return the files of a split with their columns."""
    file = folder / f"{name}.{form.format}"
    if form.columns != Columns.TOKENS:
        return {file: (*form.columns.names, *FACTS)}
    beside = folder / "facts" / file.name
    beside.parent.mkdir(exist_ok=True)
    return {file: form.columns.names, beside: (*FACTS, "token_weights")}


def _is_open_ended(row: dict[str, Any], columns: Columns, end: str | None) -> bool:
    """Return whether a trainer would put an ``end`` of text behind a row that has none; behind tokens none does."""
    return columns != Columns.TOKENS and not row[columns.names[-1]].endswith(end or "")


def _record(data: GitCommitDataModule, form: Form, base_name: str) -> dict[str, Any]:
    """Return what is written of a dataset, without a name of a folder of this machine."""
    settings, facts = data.store_settings, data.store.facts
    repositories = [
        {name: each[name] for name in ("name", "tip", "base")} | {"split": each["split"], "kept": each["kept"]}
        for each in facts["scrape"]["repositories"]
    ]
    return {
        DATASET.key: 1,
        "codelm": __version__,
        "versions": {"git": facts["scrape"]["git"], "tokenizers": version("tokenizers")},
        "name": "+".join(each["name"] for each in repositories),
        "columns": str(form.columns),
        "format": form.format,
        "repositories": repositories,
        "store": data.store.folder.name,
        "tokenizer": {
            "base": base_name,
            "revision": data.tokenizer_revision,
            "sha256": data.encoder.fingerprint,
            "format": data.encoder.format_facts(),
        },
        "settings": asdict(settings) | {"context_weight": data.context_weight, "importance": asdict(data.importance)},
        "dropped": facts["scrape"]["table"],
    }
