"""Which base it was: enough to tell two bases of one name apart, without reading gigabytes of weights."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from codelm.bases import locate

LONGEST_HEADER = 100_000_000
"""Bytes that a safetensors header may have, by its format."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies the files of a base.

    Attributes:
        hub_commit: the model hub's commit; None for a folder.
        config_and_headers_sha256: of ``config.json`` and of each safetensors file's name, size and header: names, types
            and shapes of the weights. The weights themselves are not read, so other values in them do not show.
    """

    hub_commit: str | None
    config_and_headers_sha256: str | None


def identify(name: str, revision: str | None = None) -> Identity:
    """Return the identity of base ``name``, which has been loaded before: nothing is fetched."""
    place = Path(locate(name))
    if place.is_dir():
        return Identity(None, config_and_headers_sha256(place))
    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return Identity(None, None)
    snapshot = Path(config).parent  # the hub's library names it after the commit
    return Identity(snapshot.name, config_and_headers_sha256(snapshot))


def config_and_headers_sha256(folder: Path) -> str:
    """Return what `Identity` tells of a folder's files."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
        digest.update(safetensors_header(path))
    return digest.hexdigest()


def safetensors_header(path: Path) -> bytes:
    """Return a file's header: JSON, behind its length in eight bytes."""
    with path.open("rb") as file:
        return file.read(min(int.from_bytes(file.read(8), "little"), LONGEST_HEADER))
