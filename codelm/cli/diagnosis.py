"""What this machine can do for codelm, and what to do about what is missing."""

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codelm import __version__
from codelm.devices import Device, found_devices
from codelm.errors import CodelmError
from codelm.files import existing_folder
from codelm.git.environment import git_version

__all__ = ["Finding", "diagnose", "installed_version", "read_tested_versions"]

_GIB = 2**30
_TESTED_VERSIONS = Path(__file__).parent / "tested_versions.txt"
_MIN_FREE_GIB = 3
"""GiB below which a run may fill a disk: it keeps two checkpoints, and with StarCoder2-3B at rank 64, 95 million
weights and as many of each of two moments in float32, one has 1.1 GiB.
"""
_DEFAULT_BASE = "bigcode/starcoder2-3b"
_EXTRAS = {"export": "gguf", "serve": "uvicorn", "data": "pyarrow"}
"""The optional features that users install, and the package that each needs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        name: What it is about.
        text: What was found.
        remedy: What to do about what is missing; None where nothing is.
        needed: Whether ``codelm fit`` does not work without it.
    """

    name: str
    text: str
    remedy: str | None = None
    needed: bool = False


def diagnose(cache: Path, output: Path) -> Iterator[Finding]:
    """Yield the findings, those that take longest last.

    Args:
        cache: The folder of the stores.
        output: The folder of all runs.
    """
    yield Finding("codelm", f"{__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    yield _git()
    yield from (_disk("cache", cache, "--data.cache"), _disk("runs", output, "--output"))
    required = _required()
    installed = {name: installed_version(name) for name in (*required, *_EXTRAS.values())}
    yield _requirements(required, installed)
    yield _versions(installed)
    yield _extras(installed)
    devices = found_devices()
    yield _device(devices)
    if all(map(find_spec, ("torch", "bitsandbytes", "transformers"))):
        yield _torch(devices)
        yield _precision()
        yield _four_bits()
        yield _base()


def read_tested_versions() -> dict[str, str]:
    """Return the versions of codelm's requirements that were tested together, by name."""
    lines = _TESTED_VERSIONS.read_text("utf-8").split()
    return {canonicalize_name(name): number for name, _, number in (line.partition("==") for line in lines)}


def _git() -> Finding:
    try:
        return Finding("git", git_version())
    except CodelmError:
        return Finding("git", "not found", "install git, and put it on the PATH", needed=True)


def _disk(name: str, folder: Path, setting: str) -> Finding:
    """Return the free space where the folder of a setting is, or would be made."""
    there = existing_folder(folder)
    free = shutil.disk_usage(there).free / _GIB
    text = f"{free:,.1f} GiB free in {folder}"
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(name, f"{folder} cannot be written", f"allow it, or give another {setting}", needed=True)
    return Finding(name, text, f"free some, or give another {setting}" if free < _MIN_FREE_GIB else None)


def _required() -> dict[str, Requirement]:
    """Return what codelm requires, by name; nothing where its metadata is not there."""
    with suppress(PackageNotFoundError):
        parsed = map(Requirement, requires("codelm") or ())
        here = [each for each in parsed if not each.marker or each.marker.evaluate({"extra": ""})]
        return {canonicalize_name(each.name): each for each in here}
    return {}


def installed_version(name: str) -> str | None:
    """Return the version of a package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _requirements(required: Mapping[str, Requirement], installed: Mapping[str, str | None]) -> Finding:
    """Return which requirements are not met."""
    if not required:
        return Finding("packages", "codelm is not installed, so its requirements are not known", "pip install codelm")
    unmet = {
        name: each
        for name, each in required.items()
        if not each.specifier.contains(installed[name] or "0", prereleases=True)
    }
    if not unmet:
        return Finding("packages", f"all {len(required)} requirements are met")
    told = (f"{name} {installed[name] or 'missing'} ({each.specifier} is needed)" for name, each in unmet.items())
    wanted = " ".join(f"'{each}'" for each in unmet.values())
    return Finding("packages", ", ".join(told), f"pip install {wanted}", needed=True)


def _versions(installed: Mapping[str, str | None]) -> Finding:
    """Return which versions are not those that were tested together; none has to be."""
    tested = read_tested_versions()
    there = {name: found.partition("+")[0] for name, found in installed.items() if found and name in tested}
    others = [f"{name} {found} ({tested[name]})" for name, found in there.items() if found != tested[name]]
    if not others:
        return Finding("versions", "those that were tested together")
    return Finding("versions", f"other than the tested ones: {', '.join(others)}")


def _extras(installed: Mapping[str, str | None]) -> Finding:
    found = {name: bool(installed[package]) for name, package in _EXTRAS.items()}
    missing = [f"codelm[{name}]" for name, there in found.items() if not there]
    text = ", ".join(f"{name} {'installed' if there else 'not installed'}" for name, there in found.items())
    return Finding("extras", text, f"pip install '{' '.join(missing)}' for it" if missing else None)


def _device(devices: list[Device]) -> Finding:
    described = (f"{each.name}, {each.total / _GIB:.1f} GiB, {each.free / _GIB:.1f} free" for each in devices)
    if devices[0].kind == "cuda":
        return Finding("device", "; ".join(described))
    remedy = "where there is one, install NVIDIA's driver, until nvidia-smi shows it"
    return Finding("device", f"no NVIDIA GPU; {next(described)}", None if platform.system() == "Darwin" else remedy)


def _torch(devices: list[Device]) -> Finding:
    """Return what torch computes on, which may not be the devices that are there."""
    import torch  # takes seconds, as do the imports below

    if torch.cuda.is_available() or devices[0].kind != "cuda":
        where = "the GPU" if torch.cuda.is_available() else "the processor"
        return Finding("torch", f"torch {torch.__version__}, {torch.get_num_threads()} threads, computes on {where}")
    why = "is built without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda} finds no GPU"
    remedy = "install a build of torch for the driver's version of CUDA: https://pytorch.org/get-started/locally"
    return Finding("torch", f"torch {torch.__version__} {why}", remedy)


def _precision() -> Finding:
    from codelm.modules.precision import auto_precision

    return Finding("precision", auto_precision())


def _four_bits() -> Finding:
    """Return whether bitsandbytes computes with weights in 4 bits where torch does."""
    import torch

    from codelm.modules.four_bits import four_bit_failure

    if failure := four_bit_failure("cuda" if torch.cuda.is_available() else "cpu"):
        return Finding("4 bits", failure, "pip install -U bitsandbytes, or take --model.quantization none", needed=True)
    return Finding("4 bits", "bitsandbytes computes with weights in 4 bits")


def _base() -> Finding:
    """Return whether the default base is on this machine."""
    from huggingface_hub import constants, file_download

    cached = Path(constants.HF_HUB_CACHE) / file_download.repo_folder_name(repo_id=_DEFAULT_BASE, repo_type="model")
    if any(cached.glob("snapshots/*/*.safetensors")):
        return Finding("base", f"{_DEFAULT_BASE} is on this machine")
    return Finding("base", f"{_DEFAULT_BASE} is not on this machine: the first run downloads it; the base tiny is here")
