"""What the libraries that load a base may do: their errors, warnings, and what they would load with it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from codelm.bases import locate
from codelm.errors import CodelmError, DamagedDataError, InputError, is_out_of_memory, one_line, system_error

__all__ = ["one_line_errors", "refuse_adapter", "warnings_hidden"]

# Where a model of the hub has no safetensors, transformers 5.23 asks a service for them, and takes what that proposes.
os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turn what the libraries raise about base ``name`` into one-line errors; hide the hub's warnings of retries.

    Where a file holds what they do not expect, they raise errors of all kinds (transformers 5.23, tokenizers 0.23).
    """
    try:
        with warnings_hidden("huggingface_hub"):
            yield
    except CodelmError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if not isinstance(error, ValueError) and system_error(error) is None:
            raise DamagedDataError(f"base model {name} cannot be read: {one_line(error)}; fetch it again") from error
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


def refuse_adapter(name: str, revision: str | None = None) -> None:
    """Raise `InputError` where base ``name`` has an adapter: transformers 5.23 loads it as well, also a pickled one."""
    from transformers.utils.peft_utils import find_adapter_config_file  # takes seconds

    if find_adapter_config_file(locate(name), revision=revision):
        raise InputError(f"base model {name} has an adapter_config.json: give a base without one, or merge the two")
