"""The licence of a base, where its own files say one."""

import json
import re
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from codelm.bases import BUNDLED

__all__ = ["base_licence"]

_FRONT_MATTER = re.compile(r"---\n(.*?)\n---", re.DOTALL)
_LICENCE = re.compile(r"^license:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_OWN = "apache-2.0"
"""Of the bases inside the package, which are under its own."""


def base_licence(name: str, revision: str | None = None) -> str | None:
    """Return the licence of a base by the hub's name for it; None where neither its card nor its configuration says it.

    Nothing is downloaded: of a base on the hub only what lies in the cache is read.
    """
    if name in BUNDLED:
        return _OWN
    card, config = _file(name, revision, "README.md"), _file(name, revision, "config.json")
    front = _FRONT_MATTER.match(card.read_text("utf-8", "replace")) if card else None
    stated = _LICENCE.search(front[1]) if front else None
    if stated:
        return stated[1]
    try:
        found = json.loads(config.read_text("utf-8")).get("license") if config else None
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def _file(name: str, revision: str | None, file: str) -> Path | None:
    """Return a file of a base, if it is on this machine."""
    place = Path(name).expanduser()
    if place.is_dir() or name.startswith(("/", ".", "~")):
        return place / file if (place / file).is_file() else None
    cached = try_to_load_from_cache(name, file, revision=revision)
    return Path(cached) if isinstance(cached, str) else None
