"""What scripts/setup installs, and that it compares each file with its sum."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def locked(*names):
    """The requirements of some lock files, by the names of their packages."""
    texts = ((ROOT / f"requirements/{name}.lock").read_text("utf-8").replace("\\\n", " ") for name in names)
    lines = [line.partition(" --hash") for text in texts for line in text.splitlines() if line[:1].isalnum()]
    assert all(sums.count("sha256:") for _, _, sums in lines)
    found = [Requirement(line) for line, _, _ in lines]
    return {canonicalize_name(each.name): each for each in found if not each.marker or each.marker.evaluate()}


def version_of(requirement):
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return pin.version


def wanted(*kinds):
    """What setup.cfg asks for."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = dict(setup["options.extras_require"]) | {"run": setup["options"]["install_requires"]}
    lines = [line for kind in kinds for line in listed[kind].splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def needed(requirements):
    """The names of what requirements need in turn, by the metadata of what is installed."""
    found, waiting = set(), [(each.name, extra) for each in requirements for extra in ("", *each.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        try:
            below = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed here")
        below = [each for each in below if not each.marker or each.marker.evaluate({"extra": extra})]
        waiting += [(canonicalize_name(each.name), part) for each in below for part in ("", *each.extras)]
    return {canonicalize_name(name) for name, _ in found}


LOCKS = pytest.mark.parametrize(
    ("kinds", "locks"),
    [
        (["run"], ["run", "torch-pypi"]),
        (["run", "dev"], ["run", "dev", "torch-pypi"]),
        (["release"], ["release"]),
    ],
    ids=["run", "dev", "release"],
)


@LOCKS
def test_what_is_locked_is_what_setup_cfg_asks_for(kinds, locks):
    found = locked(*locks)
    unmet = [str(each) for each in wanted(*kinds) if not each.specifier.contains(version_of(found[each.name.lower()]))]
    assert unmet == [], "run scripts/lock"


@LOCKS
def test_what_is_locked_has_the_versions_of_the_constraints(locks, kinds):
    lines = (
        line.partition("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line
    )
    constraints = {canonicalize_name(name): version for name, _, version in lines}
    own = {name: version_of(each) for name, each in locked(*set(locks) - {"torch-pypi"}).items()}
    assert own == {name: constraints.get(name) for name in own}, "run scripts/lock"


@LOCKS
def test_nothing_that_is_needed_is_left_out_of_what_is_locked(kinds, locks):
    # pip is told to install what is listed and no more.
    assert needed(wanted(*kinds)) - {"pip"} <= locked(*locks).keys(), "run scripts/lock"


def test_both_builds_of_torch_are_of_one_version():
    cpu, pypi = (version_of(locked(name)["torch"]) for name in ("torch-cpu", "torch-pypi"))
    assert cpu == f"{pypi}+cpu"
    assert f"\ntorch=={pypi}\n" in (ROOT / "constraints.txt").read_text("utf-8")


def make_wheel(folder, name, version):
    """Make a wheel without code, and return the line that locks it."""
    info, path = f"{name}-{version}.dist-info", folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def project(tmp_path):
    """A clone whose requirements are wheels without code, whose pip says what it would install, and which has torch."""
    for name in ("scripts", "requirements", "wheels", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts")
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = project\nversion = 1.0\n[options]\npy_modules =\n")
    (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\n')
    (tmp_path / "constraints.txt").write_text(f"torch=={version('torch').partition('+')[0]}\n")
    for lock, number in (("torch-cpu", "1.0+cpu"), ("torch-pypi", "1.0")):
        (tmp_path / f"requirements/{lock}.lock").write_text(make_wheel(tmp_path / "wheels", "torch", number))
    (tmp_path / "requirements/run.lock").write_text(make_wheel(tmp_path / "wheels", "wanted", "2.0"))
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\ncase $2 in pip) set -- "$@" --dry-run ;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return tmp_path


@pytest.fixture
def setup(project):
    def run(*words):
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project / "wheels"), "PIP_CONFIG_FILE": os.devnull}
        own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        command = [project / "scripts/setup", *words]
        return subprocess.run(command, capture_output=True, text=True, env=own | pip, check=False)

    return run


def test_what_has_its_sum_is_installed_and_then_nothing_is_done_again(project, setup):
    done = setup()
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / ".venv/.installed-run").is_file()
    shutil.rmtree(project / "wheels")
    assert setup().returncode == 0


def spoil(path):
    """Change the sum in a lock file."""
    line, _, digest = path.read_text().partition("sha256:")
    path.write_text(f"{line}sha256:{'0' if digest[0] != '0' else '1'}{digest[1:]}")


def refused(project, done, lock):
    """Whether a setup ended with a line on a lock file, and left nothing that calls it done."""
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"scripts/setup: nothing was installed of requirements/{lock}.lock: a file is not the one")
    assert "Without sums: " in last
    assert not (project / ".venv/.installed-run").exists()


def test_a_file_with_another_sum_stops_the_setup_with_a_line(project, setup):
    spoil(project / "requirements/run.lock")
    done = setup()
    assert "DO NOT MATCH THE HASHES" in done.stderr
    refused(project, done, "run")


@pytest.mark.slow
def test_the_build_of_torch_for_the_cpu_is_taken_where_there_is_one_and_compared_too(project, setup):
    (project / "constraints.txt").write_text("torch==1.0\n")
    for lock in ("torch-cpu", "torch-pypi"):
        spoil(project / f"requirements/{lock}.lock")
        refused(project, setup(), lock)
        (project / "wheels/torch-1.0+cpu-py3-none-any.whl").unlink(missing_ok=True)
