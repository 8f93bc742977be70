"""Sources of the corpus: Debian's packages of Rust crates, Python's standard library and well-known wheels."""

import email.message
import logging
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codelm.files import new_folder
from experiments.pretrain.licences import Copyright, permissive, read_copyright

__all__ = ["Package", "crates", "distributions", "download_crates", "download_wheels", "unpack_crates", "unpack_wheels"]

_VENDORED = re.compile(r"(?:^|/)(?:site-packages|vendor(?:ed)?|_vendor|third[-_]party|extern(?:al|als)?)/")
"""Folders that hold other projects' code, under licences of their own."""

_FINISHED = "[!.]*"
"""Pattern of the folders of unpacked packages; one that a kill left half-filled has a hidden name."""

_NO_RULES = Copyright(())

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Package:
    """One crate or one Python distribution, unpacked.

    Attributes:
        language: "rust" or "python".
        repository: The address of its repository, as declared; may be empty.
        root: The folder that paths are relative to.
        rules: The licences of single files, from the distributor's copyright file.
    """

    language: str
    name: str
    version: str
    licence: str
    repository: str
    root: Path
    rules: Copyright

    def paths(self) -> list[str]:
        """Return the source files under a permissive licence, relative to the root, sorted."""
        suffix = {"rust": "*.rs", "python": "*.py"}[self.language]
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob(suffix) if path.is_file())
        return sorted(path for path in found if self._is_permissive(path))

    def _is_permissive(self, path: str) -> bool:
        if _VENDORED.search(path):
            return False
        licence = self.rules.licence(path)
        return not licence or permissive(licence)


def download_crates(folder: Path) -> None:
    """Fetch Debian's packages of Rust crates into ``folder``; those already there are not fetched again.

    Needs Debian's apt, with fresh lists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = subprocess.run(["apt-cache", "pkgnames", "librust-"], check=True, capture_output=True, text=True).stdout
    there = {path.name.partition("_")[0] for path in folder.glob("*.deb")}
    wanted = sorted(name for name in names.split() if name.endswith("-dev") and name not in there)
    for start in range(0, len(wanted), 200):
        subprocess.run(["apt-get", "download", "-q", *wanted[start : start + 200]], check=True, cwd=folder)


def unpack_crates(debs: Path, folder: Path) -> None:
    """Unpack each Debian package of ``debs`` into a folder of its name; a feature-only package stays nearly empty."""
    for deb in sorted(debs.glob("*.deb")):
        target = folder / deb.name.partition("_")[0]
        if not target.exists():
            with new_folder(target) as unfinished:
                subprocess.run(["dpkg-deb", "--extract", str(deb), str(unfinished)], check=True)


def download_wheels(names: Sequence[str], folder: Path) -> None:
    """Fetch the wheels of ``names`` (``name`` or ``name==version``) into ``folder``; one that fails is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    for name in names:
        if subprocess.run([*pip, "--dest", str(folder), name], check=False).returncode:
            log.warning("wheel %s could not be fetched: the corpus will lack it", name)


def unpack_wheels(wheels: Path, folder: Path) -> None:
    """Unpack the Python files and the metadata of each wheel into a folder of its name."""
    for wheel in sorted(wheels.glob("*.whl")):
        target = folder / "-".join(wheel.name.split("-")[:2])
        if not target.exists():
            with new_folder(target) as unfinished, zipfile.ZipFile(wheel) as archive:
                wanted = [name for name in archive.namelist() if name.endswith((".py", "/METADATA"))]
                archive.extractall(unfinished, wanted)


def crates(folder: Path) -> Iterator[Package]:
    """Yield the crates among unpacked Debian packages; of several versions the newest."""
    newest: dict[str, Package] = {}
    for manifest in sorted(folder.glob(f"{_FINISHED}/usr/share/cargo/registry/*/Cargo.toml")):
        crate = _crate(manifest)
        if crate.name not in newest or _order(newest[crate.name].version) < _order(crate.version):
            newest[crate.name] = crate
    yield from newest.values()


def _order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _crate(manifest: Path) -> Package:
    facts = tomllib.loads(manifest.read_text("utf-8"))["package"]
    copyright_file = next(manifest.parents[5].glob("usr/share/doc/*/copyright"), None)
    rules = read_copyright(copyright_file.read_text("utf-8", "replace")) if copyright_file else _NO_RULES
    licence = facts.get("license", "") or rules.licence("Cargo.toml")
    repository = facts.get("repository", "") or facts.get("homepage", "")
    return Package("rust", facts["name"], facts["version"], licence, repository, manifest.parent, rules)


def distributions(folder: Path) -> Iterator[Package]:
    """Yield Python's standard library, then the distributions among unpacked wheels."""
    version = sysconfig.get_python_version()
    yield Package("python", "cpython", version, "PSF-2.0", "", Path(sysconfig.get_path("stdlib")), _NO_RULES)
    for metadata in sorted(folder.glob(f"{_FINISHED}/*.dist-info/METADATA")):
        facts = email.message_from_string(metadata.read_text("utf-8", "replace"))
        yield Package("python", facts["Name"], facts["Version"], _licence(facts), "", metadata.parents[1], _NO_RULES)


def _licence(facts: email.message.Message) -> str:
    """Return the licence as declared: by expression, else by classifier, else by the free text's first line."""
    if facts["License-Expression"]:
        return str(facts["License-Expression"])
    classifiers = [line for line in facts.get_all("Classifier", []) if line.startswith("License :: OSI Approved :: ")]
    named = [re.sub(r" \(.*\)$", "", line.rpartition(" :: ")[2]) for line in classifiers]
    return " AND ".join(named) or str(facts["License"] or "").strip().partition("\n")[0]
