"""Identity of a base model: tells two bases of one name apart without reading gigabytes of weights."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from codelm.bases import locate

__all__ = ["Identity", "identify", "safetensors_header"]

_MAX_HEADER_BYTES = 100_000_000
"""The format's limit on the size of a safetensors header."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies the files of a base.

    Attributes:
        hub_commit: The model hub's commit; None for a folder.
        config_and_headers_sha256: Digest of ``config.json`` and of each safetensors file's name, size and header: the
            names, types and shapes of the weights. The weights are not read, so other values in them do not show.
    """

    hub_commit: str | None
    config_and_headers_sha256: str | None


def identify(name: str, revision: str | None = None) -> Identity:
    """Return the identity of base ``name``, which has been loaded before; nothing is downloaded.

    Args:
        name: A bundled name, a folder, or a name on the model hub.
        revision: The hub's branch, tag or commit.
    """
    place = Path(locate(name))
    if place.is_dir():
        return Identity(None, _config_and_headers_sha256(place))
    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return Identity(None, None)
    snapshot = Path(config).parent  # huggingface_hub names it after the commit
    return Identity(snapshot.name, _config_and_headers_sha256(snapshot))


def _config_and_headers_sha256(folder: Path) -> str:
    """Return the digest that `Identity` holds, of the files in ``folder``."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
        digest.update(safetensors_header(path))
    return digest.hexdigest()


def safetensors_header(path: Path) -> bytes:
    """Return the header of a safetensors file: JSON, after its length in eight bytes, little-endian."""
    with path.open("rb") as file:
        return file.read(min(int.from_bytes(file.read(8), "little"), _MAX_HEADER_BYTES))
