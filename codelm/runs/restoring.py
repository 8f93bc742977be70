"""Errors while a checkpoint's states are restored, named after the checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager

from codelm.errors import CodelmError
from codelm.lightning_internals import was_restoring
from codelm.runs.checkpoints import damaged_checkpoint

__all__ = ["damaged_states_refused"]


@contextmanager
def damaged_states_refused(checkpoint: str | None) -> Iterator[None]:
    """Raise `DamagedDataError` for an error of Lightning's, or of a callback's, about a state that a checkpoint holds.

    The file itself may be whole: a state that lacks an entry ends in a KeyError that names neither file nor remedy.
    """
    try:
        yield
    except (CodelmError, OSError, MemoryError):
        raise
    except Exception as error:
        if checkpoint is None or not was_restoring(error):
            raise
        raise damaged_checkpoint(checkpoint) from error
