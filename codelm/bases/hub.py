"""Errors and warnings of the libraries that load a base."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from codelm.errors import InputError

__all__ = ["one_line_errors", "warnings_hidden"]


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turn what transformers raises about base ``name`` into an `InputError`; hide the hub's warnings of retries."""
    try:
        with warnings_hidden("huggingface_hub"):
            yield
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise InputError(
            f"base model {name} cannot be had: {reason}; give the folder of a model that is on this machine, or 'tiny'"
        ) from error


@contextmanager
def warnings_hidden(name: str) -> Iterator[None]:
    """Within this context, hide the warnings of logger ``name``."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
