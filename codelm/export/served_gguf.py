"""The GGUF file that ``codelm serve`` runs in llama.cpp: an export that is kept as long as the run is the same."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from codelm.export.destination import RECORD
from codelm.export.export import export
from codelm.export.record import export_record
from codelm.export.source import Source, refuse_changed_base
from codelm.export.writers import Options
from codelm.files import hashes, lock_of

__all__ = ["ServedGguf", "served_gguf"]

_OPTIONS = Options("gguf", exact=True)
"""The base's weights go through 4 bits before the adapter is merged: the model is then the one that was trained."""
_WRITTEN_LAST = ("README.md", RECORD)


class ServedGguf(NamedTuple):
    """A GGUF file.

    Attributes:
        file: The file.
        context: Tokens of prompt and answer that its model takes at most.
    """

    file: Path
    context: int


def served_gguf(source: Source, cache: Path) -> ServedGguf:
    """Return the file of a run, which is exported where the cache has none of its present adapter, base and codelm.

    Args:
        source: The run.
        cache: The user's own folder: the folder of a run may come from somebody else, and llama.cpp trusts its files.

    Raises:
        CodelmError: llama.cpp does not take this base, or the file cannot be written; nothing was.
    """
    digest = hashlib.sha256(str(source.run.folder.resolve()).encode()).hexdigest()[:16]
    folder = cache / "served" / f"{source.name}-{digest}"
    with lock_of(folder):  # two first starts would each export it, and one remove what the other has just written
        if record := _intact_record(source, folder):
            refuse_changed_base(source)
        else:
            shutil.rmtree(folder, ignore_errors=True)  # whatever it holds: it is a cache
            record = export(source, _OPTIONS, folder, tokens=0, force=True)
    return ServedGguf(folder / record["use"]["model"], record["use"]["context"])


def _intact_record(source: Source, folder: Path) -> dict[str, Any]:
    """Return the record of an export of the run as it is now, whose files are those that were written; {} if none."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        wanted = export_record(source, format=_OPTIONS.format, type=_OPTIONS.type, merge="exact")
        is_current = all(record.get(name) == value for name, value in wanted.items())
        files = {name: digest for name, digest in hashes(folder).items() if name not in _WRITTEN_LAST}
    except (OSError, ValueError, AttributeError):  # AttributeError: it is JSON, but no object
        return {}
    return record if is_current and record.get("files") == files else {}
