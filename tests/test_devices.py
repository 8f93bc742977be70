import ctypes
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest

from codelm import devices
from codelm.devices import Device, found_devices

GIB = 2**30


def two_gpus(broken=False, status=0):
    """NVML on a machine with two GPUs, the second of which can be broken."""

    def count(number):
        number._obj.value = 2

    def handle(index, handle):
        handle._obj.value = index + 1
        return 15 if broken and index else 0

    def name(handle, name, length):
        name.value = b"GPU %d" % handle.value
        return 0

    def memory(handle, memory):
        memory._obj.total, memory._obj.free = 8 * GIB, handle.value * GIB
        return 0

    return SimpleNamespace(
        nvmlInit_v2=lambda: status,
        nvmlShutdown=Mock(),
        nvmlDeviceGetCount_v2=count,
        nvmlDeviceGetHandleByIndex_v2=handle,
        nvmlDeviceGetName=name,
        nvmlDeviceGetMemoryInfo=memory,
    )


@pytest.fixture
def driver(monkeypatch):
    def use(driver):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

        def load(name):
            if driver is None:
                raise OSError(f"{name}: cannot open shared object file")
            return {"libnvidia-ml.so.1": driver}[name]

        monkeypatch.setattr(ctypes, "CDLL", load)
        return driver

    return use


FIRST, SECOND = Device("cuda", "GPU 1", 8 * GIB, GIB), Device("cuda", "GPU 2", 8 * GIB, 2 * GIB)


def test_the_driver_s_gpus_are_found(driver):
    used = driver(two_gpus())
    assert found_devices() == [FIRST, SECOND]
    used.nvmlShutdown.assert_called_once()
    driver(two_gpus(broken=True))
    assert found_devices() == [FIRST]


@pytest.mark.parametrize(
    ("chosen", "expected"), [("1", [SECOND]), ("1,0", [SECOND, FIRST]), ("7,0", [FIRST]), ("GPU-8a", [FIRST, SECOND])]
)
def test_those_that_cuda_may_use(driver, monkeypatch, chosen, expected):
    driver(two_gpus())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert found_devices() == expected


@pytest.mark.parametrize("chosen", ["", "-1"])
def test_where_cuda_may_use_none_it_is_the_processor(driver, monkeypatch, chosen):
    driver(two_gpus())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert [device.kind for device in found_devices()] == ["cpu"]


@pytest.mark.parametrize("library", [two_gpus(status=9), object(), None])
def test_without_a_driver_it_is_the_processor(driver, library):
    driver(library)
    (device,) = found_devices()
    assert device[:2] == ("cpu", devices.processor_name())
    assert device.total == psutil.virtual_memory().total >= device.free > 0
