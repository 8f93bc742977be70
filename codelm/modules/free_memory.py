"""Memory that a process may still take: what the machine has, and what a container or a limit leaves of it."""

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import torch

__all__ = ["free_bytes"]

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
_VERSION_2 = "memory.max", "memory.current", "inactive_file"
"""Of a group, the files of its limit and of what it uses, and the name of what gives way, in ``memory.stat``."""


def free_bytes(device: torch.device) -> int:
    """Return how many bytes of a device's memory nothing uses yet; of a CPU, what this process may take."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
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
