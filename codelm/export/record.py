"""What an export writes about itself: ``export.json``, and what its card is made of."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codelm import __version__
from codelm.export.licence import base_licence
from codelm.export.source import Source
from codelm.files import hashes
from codelm.runs.manifest_content import MANIFEST_FILE

__all__ = ["export_record"]


def export_record(source: Source, **facts: Any) -> dict[str, Any]:
    """Return what is written of an export of a run; ``facts`` are those of this export, such as its format."""
    files: Mapping[str, Any] = source.run.figure("model", "base_identity", "files") or {}
    scraped = source.run.figure("phase_results", "phase_1_scrape", "repositories") or []
    return {
        "codelm_export": 1,
        "codelm": __version__,
        "name": source.name,
        "run": {
            "label": source.run.label,
            "status": source.run.figure("status"),
            "manifest_sha256": _sha256(source.run.folder / MANIFEST_FILE),
            "adapter_sha256": {
                name: digest for name, digest in hashes(source.adapter).items() if name.startswith("adapter_")
            },
        },
        "base": {
            "name": source.base_name,
            "revision": source.run.figure("model", "base_identity", "hub_commit") or source.revision,
            "license": base_licence(source.base, source.revision),
            "quantization": source.quantization,
            "config_sha256": files.get("config_sha256"),
            "weights_sha256": files.get("weights_sha256"),
        },
        "repositories": [{"name": each.get("name"), "tip": each.get("tip")} for each in scraped],
        **facts,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
