"""The folder of a base on this machine, which no file of a run names: a link beside ``config.yaml`` leads there."""

from collections.abc import Iterable
from contextlib import suppress
from os.path import expanduser
from pathlib import Path

from codelm.bases import BUNDLED
from codelm.saved_run import SavedRun

__all__ = ["base_folder", "base_of_run", "link_base"]


def base_folder(base: str, configs: Iterable[Path]) -> str | None:
    """Return the folder that ``base`` is or, by a link beside one of the configurations, stands for; None if none."""
    links = [config.parent / _link_name(base) for config in configs]
    folders = [*links, *([] if base in BUNDLED else [Path(expanduser(base))])]
    return next((str(folder.resolve()) for folder in folders if folder.is_dir()), None)


def base_of_run(run: SavedRun) -> str | None:
    """Return the folder of the base of a finished run; None where it is bundled or has to come from the model hub."""
    return base_folder(str(run.figure("model", "base")), [run.folder / "config.yaml"])


def link_base(run: Path, name: str, base: str) -> None:
    """Leave a link to ``base`` in the folder of a run, if it is a folder: it is found again by its ``name``."""
    link = run / _link_name(name)
    if base not in (name, *BUNDLED):
        with suppress(OSError):  # of a disk without links: then --model.base says where it is
            link.unlink(missing_ok=True)
            link.symlink_to(base, target_is_directory=True)


def _link_name(name: str) -> str:
    """Return the name of the link, one file name.

    >>> _link_name("bigcode/starcoder2-3b")
    'base.bigcode--starcoder2-3b'
    """
    return f"base.{name.replace('/', '--')}"
