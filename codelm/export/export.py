"""An export from beginning to end: checks, what was trained measured, written, read back, measured, described."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PretrainedConfig

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import CodelmError
from codelm.export.card import card
from codelm.export.destination import RECORD, new_export, refuse_full_disk, refuse_taken, refuse_unwritable
from codelm.export.gguf_adapter import refuse_unlike_lora
from codelm.export.gguf_model import refuse_gguf
from codelm.export.held_out import HeldOut, compare, finished_module, held_out_text, nll_by
from codelm.export.record import export_record
from codelm.export.source import Source, refuse_changed_base, trained_format
from codelm.export.writers import WRITERS, Options, Written
from codelm.files import hashes, write_text
from codelm.inference.tuned_model import load_tuned
from codelm.modules.base_model import load_config, parameter_count
from codelm.runs.manifest_content import to_json

__all__ = ["export"]

log = logging.getLogger(__name__)

_BYTES = {"f16": 2.0, "f32": 4.0, "q8_0": 34 / 32}
"""Of a weight."""
_INSTEAD = {
    "gguf": "export --format merged, and convert that with llama.cpp's convert_hf_to_gguf.py",
    "gguf-adapter": "export --format adapter, and convert that with llama.cpp's convert_lora_to_gguf.py",
}


class _Before(NamedTuple):
    """Held-out text with the nll of its tokens by what was trained; or why there is none."""

    text: HeldOut | None = None
    nll: Sequence[NDArray[np.float64]] = ()
    reason: str | None = None


def export(source: Source, options: Options, folder: Path, *, tokens: int, force: bool) -> dict[str, Any]:
    """Write an export with its card and its record, and return the record.

    Args:
        source: The run.
        options: What is written.
        folder: Where to; it appears whole or not at all.
        tokens: Tokens of held-out text to measure on; 0 for none.
        force: Whether to replace an export that is there.

    Raises:
        CodelmError: It cannot be done; nothing was written.
    """
    refuse_taken(folder, force=force)
    refuse_unwritable(folder)
    known = options.format == "adapter" or refuse_changed_base(source)
    _refuse_unfit(source, options, folder)
    before = _measure_trained(source, tokens)
    with new_export(folder, force=force) as unfinished:
        log.info("export: writing %s", folder)
        written = WRITERS[options.format](source, options, unfinished)
        if not known:  # it was fetched by now
            refuse_changed_base(source)
        record = export_record(source, **_facts(source, options, written), **_measured(source, written, before))
        record["files"] = hashes(unfinished)
        write_text(unfinished / "README.md", card(record, source.run.figure("evaluation")))
        write_text(unfinished / RECORD, to_json(record))
    return record


def _refuse_unfit(source: Source, options: Options, folder: Path) -> None:
    """Raise `CodelmError` for a base that a format does not take, and for a disk without room."""
    if options.format == "adapter":
        refuse_full_disk(folder, sum(path.stat().st_size for path in source.adapter.iterdir()))
        return
    config: PretrainedConfig = load_config(source.base, source.revision)
    if options.format in _INSTEAD:
        refuse_gguf(config, source.base_name, _INSTEAD[options.format])
    size = 2 * sum(path.stat().st_size for path in source.adapter.iterdir())
    if options.format == "gguf-adapter":
        refuse_unlike_lora(source.adapter_config)
    if options.format != "gguf-adapter" or options.with_base:
        size += int(parameter_count(config) * _BYTES[options.type])
    refuse_full_disk(folder, size)


def _measure_trained(source: Source, tokens: int) -> _Before:
    """Return the nll of held-out text by what was trained; a reason where the text, or the base, is not at hand."""
    if not tokens:
        return _Before(reason="as was asked for")
    try:
        text = held_out_text(source.run, source.base, tokens)
        return _Before(text, nll_by(load_tuned(source.run, source.base).module, text))
    except CodelmError as error:
        log.warning("export: bits per byte are not measured: %s", error)
        # The card goes out into the world: it names no folder of this machine.
        return _Before(reason="the history that was learned, or the base, was not at hand")


def _measured(source: Source, written: Written, before: _Before) -> dict[str, Any]:
    """Return the figures of the export beside those of what was trained."""
    if before.text is None:
        return {"held_out": None, "not_measured": before.reason}
    after = before.nll
    if written.read is not None:
        module = finished_module(written.read(), keeps_samples_apart=source.model("keeps_samples_apart", True))
        after = nll_by(module, before.text)
    return {"held_out": compare(before.text, before.nll, after), "not_measured": None}


def _facts(source: Source, options: Options, written: Written) -> dict[str, Any]:
    is_merged = options.format in ("merged", "gguf")
    return {
        "format": options.format,
        "type": None if options.format == "adapter" else "f32" if options.format == "gguf-adapter" else options.type,
        "merge": None if not is_merged else "exact" if options.exact else "16-bit",
        "largest_logit_difference": written.difference,
        "prompt_format": trained_format(source, load_tokenizer(str(source.adapter))),
        "use": written.use,
    }
