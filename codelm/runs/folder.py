"""The folder of a run: that of its name, and a number that no other run of that name has."""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lightning.fabric.utilities.rank_zero import rank_zero_only

from codelm.errors import DamagedDataError, InputError, ResourceError, cannot_write
from codelm.files import remove_unfinished
from codelm.runs.manifest_content import MANIFEST_FILE
from codelm.saved_run import CHECKPOINTS

__all__ = [
    "claimed_folder",
    "folders_of_configs",
    "next_version",
    "version_number",
]

_CONFIG = "config.yaml"
"""The file in a run's folder with all its settings."""

_VERSION = re.compile(r"version_(\d+)")
_LOCK = ".lock"
_STOPS = KeyboardInterrupt, SystemExit
"""What a stopping signal raises, and what Lightning makes of it."""
_FREE_BYTES = 4 * 2**20
"""Bytes that a disk must have left for a run to begin: events, configuration, and the adapter of a small base."""


def folders_of_configs(configs: Sequence[Path]) -> list[Path]:
    """Return the folders of the runs that some configurations were written by, the last configuration's first."""
    of_runs = [config.resolve().parent for config in reversed(configs) if config.name == _CONFIG]
    # A run that was killed before its first checkpoint has a manifest alone.
    return [each for each in of_runs if (each / CHECKPOINTS).is_dir() or (each / MANIFEST_FILE).is_file()]


@contextmanager
def claimed_folder(
    output: Path, name: str, checkpoint: str | None = None, configs: Sequence[Path] = ()
) -> Iterator[Path]:
    """Make the next free ``output/name/version_N`` and hand it over; take it back where the run could not begin.

    So it does where the run was stopped before it had learned anything.

    A run that goes on from a ``checkpoint`` of one of these folders, or of that of a configuration, goes on in that
    folder. No other process gets it meanwhile, and what killed ones left half-written in runs beside it is removed.

    Args:
        output: The folder of all runs.
        name: The run's name.
        checkpoint: The file that it goes on from.
        configs: The configurations that were given; that of a run which was moved or copied lies in its folder.

    Raises:
        InputError: The folder cannot be made, or another run uses it.
        ResourceError: The disk has no space for what a run writes.
    """
    older = Path(checkpoint).resolve().parent.parent if checkpoint else None
    own = older and older.parent == (output / name).resolve() and version_number(older) >= 0
    if older and (own or older in folders_of_configs(configs)):
        folder = output / name / older.name if own else older
        with _locked(folder), _left_as_it_was(folder):
            _tidy(folder.parent, but=older.name)
            yield folder
        return
    new_parents = [folder for folder in (output / name, *(output / name).parents) if not folder.exists()]
    try:
        folder = next_version(output / name)
    except OSError as error:
        _remove_empty(new_parents)
        raise InputError(f"output folder {output / name}: {error.strerror}; choose another with --output") from error
    try:
        with _locked(folder):
            _require_free_space(folder)
            _tidy(output / name, but=folder.name)
            yield folder
    except InputError:
        _discard_untrained(folder, "adapter", CHECKPOINTS)
        raise
    except (DamagedDataError, ResourceError):  # the manifest of a run that had begun to train says how it ended
        _discard_untrained(folder, "adapter", CHECKPOINTS, MANIFEST_FILE)
        raise
    except _STOPS:
        _discard_untrained(folder, "adapter", CHECKPOINTS, *([MANIFEST_FILE] if _has_learned(folder) else []))
        raise
    finally:
        _remove_empty([folder, *new_parents])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder, and remove what its last user left half-written; the system lets go where a process ends.

    Only the first of several processes of a run holds it.

    Raises:
        InputError: Another process holds it.
    """
    if getattr(rank_zero_only, "rank", 0):
        yield
        return
    path = folder / _LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"{folder} is in use by another run, process {file.read().strip() or 'unknown'}: let it end, or stop it"
            ) from None
        except OSError:  # a file system without locks
            pass
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        remove_unfinished(folder)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _left_as_it_was(folder: Path) -> Iterator[None]:
    """Remove the files of events that loggers began in a run's folder if going on ends before it has begun."""
    before, manifest = set(folder.iterdir()), _modified(folder / MANIFEST_FILE)
    try:
        yield
    except (InputError, *_STOPS):
        has_begun = _modified(folder / MANIFEST_FILE) != manifest
        for path in () if has_begun else set(folder.glob("events.out.*")) - before:
            path.unlink(missing_ok=True)
        raise


def _modified(path: Path) -> int | None:
    """Return when a file was written, in nanoseconds; None where there is none."""
    return path.stat().st_mtime_ns if path.exists() else None


def _tidy(runs: Path, but: str) -> None:
    """Remove what killed processes left half-written in the other folders of runs that no process holds."""
    for folder in runs.glob("version_*"):
        if folder.name != but and (folder / _LOCK).exists():
            with suppress(InputError), _locked(folder):
                pass


def _require_free_space(folder: Path) -> None:
    """Raise `ResourceError` where the disk is full; later a thread of TensorBoard would print a traceback for it."""
    probe = folder / ".free-space"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_FREE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write("output folder", folder, error, "--output") from error
    finally:
        probe.unlink(missing_ok=True)


def next_version(parent: Path) -> Path:
    """Make and return the first ``version_N`` after all others; two runs at once get different ones."""
    parent.mkdir(parents=True, exist_ok=True)
    number = max((version_number(path) for path in parent.iterdir()), default=-1) + 1
    while True:
        folder = parent / f"version_{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def version_number(path: Path) -> int:
    """Return N of ``version_N``, or -1 for any other name."""
    found = _VERSION.fullmatch(path.name)
    return int(found[1]) if found else -1


def _has_learned(folder: Path) -> bool:
    """Return whether a run's manifest tells of batches that were trained; one that cannot be read may."""
    path = folder / MANIFEST_FILE
    try:
        training = json.loads(path.read_text("utf-8"))["phase_results"]["phase_4_training"]
        return bool(training["history"]) or training["training_stats"]["final_train_loss"] is not None
    except FileNotFoundError:
        return False
    except (OSError, ValueError, LookupError, TypeError):
        return True


def _discard_untrained(folder: Path, *worth: str) -> None:
    """Remove a run's folder unless something in it is worth keeping."""
    if not any((folder / name).exists() for name in worth):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of ``folders`` that exist and hold nothing, innermost first."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
