"""Identity of a base model: tells two bases of one name apart without reading gigabytes of weights."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from codelm.bases import locate

__all__ = ["Identity", "identify"]


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
    """Return the identity of base ``name``, which has been loaded before; nothing is downloaded."""
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
        with path.open("rb") as file:  # the header's length comes first, and is 100 MB at most by the format
            digest.update(file.read(min(int.from_bytes(file.read(8), "little"), 100_000_000)))
    return digest.hexdigest()
