"""Hardware, peak memory and library versions of a run."""

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from codelm import __version__
from codelm.devices import processor_name

__all__ = ["hardware", "peaks", "versions"]

_GIB = 2**30
_LIBRARIES = (
    "torch",
    "lightning",
    "transformers",
    "tokenizers",
    "peft",
    "bitsandbytes",
    "safetensors",
    "numpy",
    "jsonargparse",
    "gitpython",
    "tree-sitter",
    "tree-sitter-rust",
)


def hardware() -> dict[str, Any]:
    """Return the processor, the memory and the GPUs, memory in GiB."""
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu": processor_name(),
        "cpu_threads": os.cpu_count(),
        "ram_gib": round(_total_memory() / _GIB, 2),
        "gpus": [{"name": gpu.name, "memory_gib": round(gpu.total_memory / _GIB, 2)} for gpu in gpus],
        "platform": platform.platform(),
    }


def _total_memory() -> int:
    """Return the machine's memory in bytes, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def peaks() -> dict[str, float]:
    """Return the most memory that this process has held so far, in GiB; the GPU's over all its devices."""
    found = {"ram_gib": round(_peak_memory() / _GIB, 3)}
    if torch.cuda.is_available():
        devices = range(torch.cuda.device_count())
        found["gpu_allocated_gib"] = round(sum(map(torch.cuda.max_memory_allocated, devices)) / _GIB, 3)
        found["gpu_reserved_gib"] = round(sum(map(torch.cuda.max_memory_reserved, devices)) / _GIB, 3)
    return found


def _peak_memory() -> int:
    """Return the process's largest resident set in bytes; Linux counts it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that are installed."""
    found = {"python": platform.python_version(), "codelm": __version__}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
