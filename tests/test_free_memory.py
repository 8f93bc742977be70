import resource

import psutil
import pytest
import torch

from codelm import devices
from codelm.modules.memory_plan import free_bytes

CPU = torch.device("cpu")
GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return a function that writes control groups, and the one that this process is in."""
    own = tmp_path / "own"
    monkeypatch.setattr(devices, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(devices, "_OWN_GROUP", own)

    def write(line, files):
        own.write_text(line)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_without_limits_it_is_what_the_machine_has(groups):
    groups("0::/\n", {"memory.max": "max\n", "memory.current": "5\n", "memory.stat": "inactive_file 0\n"})
    assert free_bytes(CPU) == pytest.approx(psutil.virtual_memory().available, rel=0.2)


@pytest.mark.parametrize("place", ["", "a/", "a/b/"])
def test_each_group_that_holds_the_process_counts_and_cached_files_give_way(groups, place):
    limits = {"memory.max": "3000000\n", "memory.current": "2000000\n", "memory.stat": "anon 9\ninactive_file 500000\n"}
    groups("0::/a/b\n", {f"{place}{name}": text for name, text in limits.items()})
    assert free_bytes(CPU) == 1_500_000


def test_groups_of_version_1_count_too(groups):
    limits = {
        "memory/docker/memory.limit_in_bytes": "3000000",
        "memory/docker/memory.usage_in_bytes": "1000000",
        "memory/docker/memory.stat": "total_inactive_file 100",
    }
    groups("12:cpu,cpuacct:/x\n4:memory:/docker\n", limits)
    assert free_bytes(CPU) == 2_000_100


def test_more_used_than_allowed_leaves_nothing(groups):
    groups("0::/\n", {"memory.max": "10", "memory.current": "20", "memory.stat": ""})
    assert free_bytes(CPU) == 0


@pytest.mark.parametrize("line", ["", "nonsense", "0::/gone\n"])
def test_groups_that_cannot_be_read_count_for_nothing(groups, line):
    groups(line, {})
    assert free_bytes(CPU) > GIB // 8


def test_a_limit_of_the_shell_counts(groups, monkeypatch):
    groups("", {})
    used = psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda which: (used + GIB // 16, used + GIB // 16))
    assert 0 <= free_bytes(CPU) <= GIB // 16 + GIB // 64
