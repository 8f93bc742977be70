"""A run that was written to its folder, read back: its manifest and its settings."""

import hashlib
import json
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from codelm.errors import DamagedDataError, InputError
from codelm.files import hashes

__all__ = ["ADAPTER", "CHECKPOINTS", "SavedRun", "find_run", "saved_runs", "sealed"]

ADAPTER = "adapter"
"""Of a run's folder, the one that holds its adapter."""
CHECKPOINTS = "checkpoints"
"""Of a run's folder, the one that holds them."""
_MANIFEST, _CONFIG = "MANIFEST.json", "config.yaml"
_MOST_BYTES = 64 * 2**20
"""The largest manifest or configuration that is read: those of runs have a hundredth of it."""


@dataclass(frozen=True)
class SavedRun:
    """The folder of a run."""

    folder: Path

    @property
    def label(self) -> str:
        """Its name and version, as in ``ripgrep/version_0``."""
        folder = self.folder.resolve()
        return f"{folder.parent.name}/{folder.name}"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What ``MANIFEST.json`` says.

        Raises:
            DamagedDataError: It is none of codelm's.
        """
        path = self.folder / _MANIFEST
        text = _read(path)
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedDataError(f"{path} is damaged: it is not JSON; take a copy of it, or another run") from error
        if not isinstance(manifest, dict) or "codelm_manifest" not in manifest:
            raise DamagedDataError(f"{path} is not a manifest of codelm; give the folder of a run")
        digest = manifest.pop("sha256", None)
        if (digest is not None or manifest["codelm_manifest"] != 1) and digest != _digest(manifest):
            raise DamagedDataError(f"{path} is damaged: its sha256 is another; take a copy of it, or another run")
        return manifest

    def refuse_other_adapter(self) -> None:
        """Refuse a manifest beside an adapter that is not the one it tells of: that of another run, perhaps.

        A run whose adapter was taken away can still be told of.

        Raises:
            DamagedDataError: The adapter's files are others.
        """
        if (self.folder / ADAPTER).exists():
            self.refuse_changed_adapter()

    def refuse_changed_adapter(self) -> None:
        """Refuse an adapter whose files are not those that the manifest says were saved; earlier ones do not say.

        Raises:
            DamagedDataError: One of them was changed, or is another run's.
        """
        known, found = self.figure("adapter", "sha256"), hashes(self.folder / ADAPTER)
        for name, digest in known.items() if isinstance(known, dict) else ():
            if found.get(name) != digest:
                raise DamagedDataError(
                    f"{self.folder / ADAPTER / name} is not what {self.label} saved, by its manifest; take a copy of"
                    " both, or another run"
                )

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The settings in their groups, as ``config.yaml`` has them.

        Raises:
            DamagedDataError: It is none of codelm's.
        """
        path = self.folder / _CONFIG
        text = _read(path)
        try:
            # Aliases, which codelm writes none of, could make a few lines into more than fits into memory.
            has_aliases = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader))
            settings = None if has_aliases else yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            settings = None
        if not isinstance(settings, dict):
            raise DamagedDataError(f"{path} is damaged: it holds no settings; take a copy of it, or another run")
        return settings

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The same by their full names, such as ``model.lora.r``."""
        return dict(_flat(self.configuration, ""))

    @property
    def going_on(self) -> str:
        """The command that ends its training: from its last checkpoint, or anew where it has none."""
        names = [path.name for path in (self.folder / CHECKPOINTS).glob("*.ckpt")]
        kept = "last" if any(name.startswith(("last.", "last-v")) for name in names) else "best"
        from_there = ["--ckpt_path", kept] if names else []
        return shlex.join(["codelm", "fit", "--config", str(self.folder / _CONFIG), *from_there])

    def figure(self, *keys: str) -> Any:
        """Return a value of the manifest by the keys on the way to it, or None."""
        value: Any = self.manifest
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest's content, in JSON's types, with its digest under ``sha256``: damage to it then shows."""
    return {**manifest, "sha256": _digest(manifest)}


def _digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def find_run(given: str | None, output: str | Path) -> SavedRun:
    """Return the run that a user means.

    Args:
        given: The folder of a run, a file in it, or the name of one in ``output``, whose newest version is meant; None
            for the newest of all.
        output: The folder of all runs.

    Raises:
        InputError: There is none.
    """
    if given is not None:
        path = Path(given).expanduser()
        for folder in (path, *path.parents[:2], Path(output) / given):
            if (folder / _MANIFEST).is_file():
                return SavedRun(folder)
        searched = [path, Path(output) / given]
    else:
        searched = [Path(output), *(each for each in _folders(Path(output)))]
    found = [each for folder in searched for each in _folders(folder) if (each / _MANIFEST).is_file()]
    if not found:
        remedy = "give the folder of a run, or --output FOLDER"
        if given is not None and Path(given).expanduser().is_dir():
            raise InputError(f"{given} is not the folder of a run that has ended: it holds no {_MANIFEST}; {remedy}")
        what = f"no run {given!r}" if given is not None else "no run"
        raise InputError(f"{what}: {Path(output)} holds none of it; {remedy}")
    return SavedRun(max(found, key=_age))


def saved_runs(output: str | Path) -> list[SavedRun]:
    """Return all runs in the folder of all runs, the newest first; none where there is no such folder."""
    found = [each for named in _folders(Path(output)) for each in _folders(named) if (each / _MANIFEST).is_file()]
    return [SavedRun(folder) for folder in sorted(found, key=_age, reverse=True)]


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without an order; none where it is no folder."""
    try:
        return [each for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return []


def _age(folder: Path) -> tuple[int, str]:
    """Return when a run's manifest was last written, and its name, which decides where that is equal."""
    return (folder / _MANIFEST).stat().st_mtime_ns, folder.name


def _read(path: Path) -> str:
    """Return the text of a run's file.

    Raises:
        InputError: It cannot be read, or is no file.
        DamagedDataError: It is no text, or far too large.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # reading a pipe or a device need not end
            raise InputError(f"{path} is no file; give the folder of a run")
        if found.st_size > _MOST_BYTES:
            raise DamagedDataError(f"{path} has more than {_MOST_BYTES // 2**20} MB; give the folder of a run")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedDataError(f"{path} is damaged: it is not text; take a copy of it, or another run") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; give the folder of a run") from error


def _flat(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of a tree of settings with their full names."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
