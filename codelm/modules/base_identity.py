"""Identity of a base model: tells two bases of one name apart."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from codelm.bases import locate

__all__ = ["BaseFiles", "Identity", "changed_files", "identify"]

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
"""What a fast tokenizer is made of."""


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """Digests of a base's files, in hexadecimal.

    Attributes:
        config_sha256: That of ``config.json``.
        weights_sha256: That of what ``sha256sum *.safetensors`` prints in the folder.
        tokenizer_sha256: That of what ``sha256sum tokenizer.json tokenizer_config.json`` prints, of those that are
            there.
    """

    config_sha256: str
    weights_sha256: str
    tokenizer_sha256: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies a base: the model hub's commit, None for a folder; and its files, None where there are none."""

    hub_commit: str | None
    files: BaseFiles | None


def identify(name: str, revision: str | None = None) -> Identity:
    """Return the identity of base ``name``, loaded before: nothing is downloaded, but all weights are read."""
    place = Path(locate(name))
    if place.is_dir():
        return Identity(None, _digests(place))
    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return Identity(None, None)
    snapshot = Path(config).parent  # huggingface_hub names it after the commit
    return Identity(snapshot.name, _digests(snapshot))


def changed_files(now: BaseFiles, before: Mapping[str, str]) -> list[str]:
    """Return which of a base's files are others than a manifest recorded: "config", "weights", "tokenizer".

    What it did not record, as those of earlier versions, is not among them.
    """
    return [name.removesuffix("_sha256") for name, digest in asdict(now).items() if digest != before.get(name, digest)]


def _digests(folder: Path) -> BaseFiles:
    weights = sorted(folder.glob("*.safetensors"))
    tokenizer = [path for name in _TOKENIZER if (path := folder / name).is_file()]
    return BaseFiles(_sha256(folder / "config.json"), _sum(weights), _sum(tokenizer))


def _sum(paths: Sequence[Path]) -> str:
    """Return the digest of what sha256sum prints of some files."""
    return hashlib.sha256("".join(f"{_sha256(path)}  {path.name}\n" for path in paths).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
