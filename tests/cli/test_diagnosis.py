"""What a diagnosis finds; run as a program, this file writes the versions that were tested together anew."""

from collections import namedtuple
from configparser import ConfigParser
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import codelm
from codelm.cli import diagnosis
from codelm.cli.diagnosis import diagnose, read_tested_versions
from codelm.devices import Device
from codelm.errors import ResourceError
from codelm.modules import four_bits

ROOT = Path(codelm.__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
Usage = namedtuple("Usage", "total used free")
GIB = 2**30


def expected_lines():
    """The lines of the list: the versions in constraints.txt of what codelm requires."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = [line for line in setup["options"]["install_requires"].splitlines() if line and not line.startswith("#")]
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    pinned = (line.partition("==") for line in CONSTRAINTS.read_text("utf-8").splitlines() if "==" in line)
    return sorted(
        f"{canonicalize_name(name)}=={number}" for name, _, number in pinned if canonicalize_name(name) in names
    )


@pytest.fixture
def findings(monkeypatch, tmp_path):
    """Return a function that gives the findings one by one; some answers of the machine can be replaced."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub" / "hub"))

    def begin(**replaced):
        for name, value in replaced.items():
            monkeypatch.setattr(diagnosis, name, value)
        return diagnose(tmp_path / "cache", tmp_path / "runs")

    return begin


@pytest.fixture
def find(findings):
    """Return a function that gives the finding of a name: what comes after it, such as torch's, is not looked for."""
    return lambda name, **replaced: next(each for each in findings(**replaced) if each.name == name)


@pytest.mark.skipif(not CONSTRAINTS.is_file(), reason="an installed package has no constraints")
def test_the_tested_versions_are_those_that_setup_installs():
    assert [f"{name}=={number}" for name, number in read_tested_versions().items()] == expected_lines(), (
        "run python tests/cli/test_diagnosis.py"
    )


def test_installed_requirements_are_met_here(find):
    # The floors of setup.cfg hold for what is installed: a version below one fails this test.
    each = find("packages")
    assert each.remedy is None
    assert "requirements are met" in each.text


def test_nothing_that_training_needs_is_missing_here(findings):
    found = list(findings())
    assert [each.name for each in found if each.needed and each.remedy] == []
    assert [each.name for each in found] == [
        *("codelm", "git", "cache", "runs", "packages", "versions", "extras"),
        *("device", "torch", "precision", "4 bits", "base"),
    ]


def test_a_version_below_its_floor_is_told_with_what_to_install(find):
    each = find("packages", installed_version=lambda name: "2.9.0" if name == "torch" else "99.0")
    assert each.needed
    assert "torch 2.9.0 (<3,>=2.11 is needed)" in each.text
    assert "'torch" in each.remedy


def test_a_missing_package_is_told(find):
    each = find("packages", installed_version=lambda name: None)
    assert "peft missing" in each.text


def test_other_versions_than_the_tested_ones_are_told_and_are_no_fault(find):
    tested = read_tested_versions()
    installed = tested | {"gguf": "0.19.0", "tqdm": "4.0.0", "torch": f"{tested['torch']}+cpu"}
    each = find("versions", installed_version=installed.get)
    assert each.text == f"other than the tested ones: tqdm 4.0.0 ({tested['tqdm']})"
    assert each.remedy is None


def test_a_missing_extra_is_told(find):
    each = find("extras", installed_version=lambda name: None if name == "gguf" else "1.0")
    assert each.text == "export not installed, serve installed, data installed"
    assert each.remedy == "pip install 'codelm[export]' for it"


def test_git_that_is_not_there_is_told(find):
    def fail():
        raise ResourceError("cannot start git")

    each = find("git", git_version=fail)
    assert (each.text, each.needed) == ("not found", True)
    assert "install git" in each.remedy


def test_a_full_disk_is_told(find):
    usage = SimpleNamespace(disk_usage=lambda folder: Usage(0, 0, GIB))
    cache, runs = (find(name, shutil=usage) for name in ("cache", "runs"))
    assert cache.text.startswith("1.0 GiB free in ")
    assert cache.remedy == "free some, or give another --data.cache"
    assert runs.remedy == "free some, or give another --output"


def test_a_folder_that_cannot_be_written_is_told(find):
    each = find("runs", os=SimpleNamespace(access=lambda *rest: False, W_OK=2, X_OK=1, environ={}))
    assert "cannot be written" in each.text
    assert each.needed


def test_a_gpu_that_torch_does_not_see_is_told(find, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    devices = [Device("cuda", "GPU 1", 8 * GIB, 6 * GIB)]
    device, computing = (find(name, found_devices=lambda: devices) for name in ("device", "torch"))
    assert device.text == "GPU 1, 8.0 GiB, 6.0 free"
    assert computing.text.endswith("is built without CUDA")
    assert "CUDA" in computing.remedy


def test_a_machine_without_a_gpu_says_so(find, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    device = find("device", found_devices=lambda: [Device("cpu", "CPU 1", 8 * GIB, 6 * GIB)])
    assert device.text == "no NVIDIA GPU; CPU 1, 8.0 GiB, 6.0 free"
    assert "nvidia-smi" in device.remedy
    assert not device.needed


def test_four_bits_that_do_not_work_are_told(find, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("libcudart.so: cannot open shared object file")

    monkeypatch.setattr("bitsandbytes.nn.modules.Linear4bit", fail)
    each = find("4 bits")
    assert each.text == "OSError: libcudart.so: cannot open shared object file"
    assert each.needed
    assert "bitsandbytes" in each.remedy


def test_four_bits_that_compute_something_else_are_told(monkeypatch):
    monkeypatch.setattr("bitsandbytes.nn.modules.Linear4bit.forward", lambda self, x: 2 * x)
    assert four_bits.four_bit_failure("cpu") == "a product with weights in 4 bits is wrong"


def test_a_base_in_the_cache_is_found(find, tmp_path):
    assert "not on this machine" in find("base").text
    folder = tmp_path / "hub" / "hub" / "models--bigcode--starcoder2-3b" / "snapshots" / "1"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    assert find("base").text == "bigcode/starcoder2-3b is on this machine"


if __name__ == "__main__":
    diagnosis._TESTED_VERSIONS.write_text("\n".join(expected_lines()) + "\n", encoding="utf-8")
