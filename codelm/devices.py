"""What this machine computes with, found without torch: its NVIDIA GPUs, or else its processor; and free memory."""

import ctypes
import os
import platform
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

__all__ = ["HOST_SHARE", "Device", "found_devices", "free_memory", "processor_name"]

HOST_SHARE = 0.8
"""The share of the host's free memory that may be pinned for a device: what is pinned cannot be swapped out."""

_LIBRARY = "libnvidia-ml.so.1"
"""NVML, which comes with the driver; its functions are those of nvml.h."""
_NAME_LENGTH = 96

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
_VERSION_2 = "memory.max", "memory.current", "inactive_file"
"""Of a group, the files of its limit and of what it uses, and the name of what gives way, in ``memory.stat``."""


class Device(NamedTuple):
    """Something that computes.

    Attributes:
        kind: "cuda" or "cpu".
        name: What its maker calls it.
        total: Bytes of its memory.
        free: Bytes that nothing uses yet.
    """

    kind: str
    name: str
    total: int
    free: int


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def found_devices() -> list[Device]:
    """Return the GPUs that a training can take, or else the processor alone."""
    total = int(psutil.virtual_memory().total)
    return _visible(_gpus()) or [Device("cpu", processor_name(), total, free_memory())]


def free_memory() -> int:
    """Return how many bytes this process may still take: what the machine has, a container and a limit leave of it."""
    left = [int(psutil.virtual_memory().available), *_left_by_groups()]
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        left.append(most - psutil.Process().memory_info().vms)
    return max(0, min(left))


def _left_by_groups() -> Iterator[int]:
    """Yield the bytes that each control group leaves which holds this process: a container has one."""
    with suppress(OSError, ValueError):
        for line in _OWN_GROUP.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                root, names = (_GROUPS, _VERSION_2) if not controllers else (_GROUPS / "memory", _VERSION_1)
                group = root / path.lstrip("/")
                # Within a container its own group may be the root of what it sees.
                for folder in dict.fromkeys(
                    [*(each for each in (group, *group.parents) if root in each.parents), root]
                ):
                    yield from _left_by(folder, *names)


def _left_by(folder: Path, limit: str, used: str, cached: str) -> Iterator[int]:
    """Yield the bytes that a group leaves, if it has a limit; files in the cache give way."""
    with suppress(OSError, ValueError):
        most = int((folder / limit).read_text("utf-8"))  # "max" where there is none
        counts = dict(line.split() for line in (folder / "memory.stat").read_text("utf-8").splitlines())
        yield most - int((folder / used).read_text("utf-8")) + int(counts.get(cached, 0))


def processor_name() -> str:
    """Return the processor's name, as Linux tells it or as Python knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _visible(gpus: list[Device]) -> list[Device]:
    """Return the GPUs that CUDA may use by ``CUDA_VISIBLE_DEVICES``, where that lists numbers."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return gpus
    numbers = [int(word) if word.strip().isdigit() else None for word in chosen.split(",")]
    if None in numbers and chosen.strip() not in ("", "-1"):  # by their ids, which are not compared here
        return gpus
    return [gpus[number] for number in numbers if number is not None and number < len(gpus)]


def _gpus() -> list[Device]:
    try:
        nvml = ctypes.CDLL(_LIBRARY)
        if nvml.nvmlInit_v2() != 0:
            return []
    except (OSError, AttributeError):  # no driver, or another library of that name
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        found = [_gpu(nvml, index) for index in range(count.value)]
    finally:
        nvml.nvmlShutdown()
    return [device for device in found if device is not None]


def _gpu(nvml: Any, index: int) -> Device | None:
    handle, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(_NAME_LENGTH), _Memory()
    failed = (
        nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
        or nvml.nvmlDeviceGetName(handle, name, _NAME_LENGTH)
        or nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    )
    return None if failed else Device("cuda", name.value.decode(errors="replace"), memory.total, memory.free)
