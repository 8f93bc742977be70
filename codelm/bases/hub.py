"""What the libraries say when a base cannot be had, in one line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from codelm.errors import InputError


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Turn what transformers raises about base ``name`` into an `InputError`, and spare the user its retries."""
    try:
        with _quiet("huggingface_hub"):
            yield
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise InputError(
            f"base model {name} cannot be had: {reason}; give the folder of a model that is on this machine, or 'tiny'"
        ) from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Hold back a library's warnings for a while."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
