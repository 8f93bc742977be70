"""Odd and broken repositories by table: how each is made, and the status that reading it has to end with."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.torture.fast_import import Commit, Content, make_repository, run_git

__all__ = ["ODD", "Maker"]

Maker = Callable[[Path], Path]
"""Makes a repository below a folder and returns the folder that is given to codelm."""

_TWELVE: list[Commit] = [{f"{number}.rs": f"fn f{number}() {{}}\n"} for number in range(12)]


def _of(*commits: Commit, **options: Any) -> Maker:
    return lambda folder: make_repository(folder / "r", [*_TWELVE, *commits], **options)


def _files(**files: Content) -> Maker:
    return _of(dict(files))


def _named(*names: str | bytes, mode: str = "100644", content: str = "x\n") -> Maker:
    return _of((dict.fromkeys(names, content), {"modes": dict.fromkeys(names, mode)}))


def _commit(**options: Any) -> Maker:
    return _of(({"a.rs": "x\n"}, options))


def _harmed(harm: Callable[[Path], object], commits: Sequence[Commit] = tuple(_TWELVE)) -> Maker:
    def make(folder: Path) -> Path:
        made = make_repository(folder / "r", commits)
        harm(made)
        return made

    return make


def _write(path: str, content: str | bytes) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def _loose(folder: Path) -> None:
    """Unpack all objects, so that single ones can be harmed."""
    for pack in (folder / ".git/objects/pack").glob("*.pack"):
        content = pack.read_bytes()
        for each in (folder / ".git/objects/pack").iterdir():
            each.unlink()
        run_git(folder, "unpack-objects", "-q", stdin=content)


def _object(folder: Path, name: str) -> Path:
    _loose(folder)
    sha = run_git(folder, "rev-parse", name)
    return folder / ".git/objects" / sha[:2] / sha[2:]


def _without(name: str) -> Maker:
    return _harmed(lambda folder: _object(folder, name).unlink())


def _overwritten(name: str, content: bytes = b"") -> Maker:
    def overwrite(folder: Path) -> None:
        file = _object(folder, name)
        file.chmod(0o644)
        file.write_bytes(content)

    return _harmed(overwrite)


def _flip_pack(folder: Path) -> None:
    (pack,) = (folder / ".git/objects/pack").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 255
    pack.chmod(0o644)
    pack.write_bytes(content)


def _cut_pack(folder: Path) -> None:
    (pack,) = (folder / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, 100)


def _clone(*options: str) -> Maker:
    def make(folder: Path) -> Path:
        source = make_repository(folder / "source", _TWELVE)
        run_git(source, "config", "uploadpack.allowFilter", "true")
        run_git(folder, "clone", "-q", "--no-checkout", *options, f"file://{source}", "r")
        return folder / "r"

    return make


def _worktree(folder: Path) -> Path:
    made = make_repository(folder / "r", _TWELVE)
    run_git(made, "worktree", "add", "-q", "--detach", folder / "tree")
    return folder / "tree"


def _detached(folder: Path) -> Path:
    made = make_repository(folder / "r", _TWELVE)
    (made / ".git/HEAD").write_text(run_git(made, "rev-parse", "HEAD") + "\n")
    return made


def _linked(folder: Path) -> Path:
    made = make_repository(folder / "r", _TWELVE)
    (folder / "link").symlink_to(made)
    return folder / "link"


def _below(folder: Path) -> Path:
    made = make_repository(folder / "r", _TWELVE)
    (made / "deep/er").mkdir(parents=True)
    return made / "deep/er"


def _empty(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


def _tip(text: bytes) -> Maker:
    """Let the tip be a commit of a text in which TREE and PARENT stand for ids."""

    def make(folder: Path) -> Path:
        made = make_repository(folder / "r", _TWELVE)
        tree, parent = (run_git(made, "rev-parse", name).encode() for name in ("HEAD^{tree}", "HEAD"))
        content = text.replace(b"TREE", tree).replace(b"PARENT", parent)
        sha = run_git(made, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=content)
        (made / ".git/refs/heads/main").write_text(f"{sha}\n")
        return made

    return make


def _dated(date: bytes) -> Maker:
    return _tip(b"tree TREE\nparent PARENT\nauthor A <a> " + date + b"\ncommitter A <a> " + date + b"\n\nodd\n")


_READ: Mapping[str, Maker] = {
    "whole": _of(),
    "bare": _of(bare=True),
    "SHA-256": _of(object_format="sha256"),
    "a work tree of another": _worktree,
    "a detached HEAD": _detached,
    "through a link": _linked,
    "from a folder within": _below,
    "an index that is locked": _harmed(_write(".git/index.lock", "")),
    "an index of rubbish": _harmed(_write(".git/index", "rubbish")),
    "grafts": _harmed(_write(".git/info/grafts", "0" * 40 + "\n")),
    "a graft that cuts": _harmed(
        lambda folder: _write(".git/info/grafts", run_git(folder, "rev-parse", "HEAD"))(folder)
    ),
    "a replaced commit": _harmed(lambda folder: run_git(folder, "replace", "-f", "HEAD~1", "HEAD~3")),
    "a shallow clone": _clone("--depth=11"),
    "a clone without large files": _clone("--filter=blob:limit=1k"),
    "an empty file": _files(a=""),
    "a file of 5 MB": _files(a="x = 1\n" * 800_000),
    "a line of 2 MB": _files(a="x" * 2_000_000),
    "a file of NULs": _files(a=b"\0" * 1000),
    "UTF-16": _files(a="é\n".encode("utf-16")),
    "Latin-1": _files(a=b"caf\xe9\n"),
    "a byte order mark": _files(a=b"\xef\xbb\xbfx\n"),
    "line ends of all kinds": _files(a="a\r\nb\rc\n\r\n\v\f\x1c\u2028d"),
    "no last line end": _files(a="a"),
    "text like a patch": _files(a="--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n"),
    "names of options": _named("--output=x.rs", "-", "--"),
    "names with line feeds, tabs, quotes": _named("a\nb.rs", "c\td.rs", 'e"f.rs', "g\\h.rs"),
    "names that are not UTF-8": _named(b"\xff.rs", b"caf\xe9.rs"),
    "names with escape sequences": _named("\x1b[31mred.rs", "\x07.rs", "\u202egnp.rs"),
    "a name of 250 bytes": _named("n" * 250 + ".rs"),
    "400 folders deep": _named("d/" * 400 + "a.rs"),
    "names alike but for case, and composed or not": _named("A.rs", "a.rs", "\u00e9.rs", "e\u0301.rs"),
    "links to files beyond": _named("passwd.rs", mode="120000", content="/etc/passwd"),
    "submodules": _named("module", mode="160000", content="1" * 40),
    "files to run": _named("run.rs", mode="100755"),
    "a file that becomes a link": _of({"a.rs": "x\n"}, ({"a.rs": "b"}, {"modes": {"a.rs": "120000"}}), {"a.rs": "y\n"}),
    "a file that becomes a folder": _of({"a": "x\n"}, {"a": None, "a/b.rs": "x\n"}, {"a/b.rs": None, "a": "x\n"}),
    "a file that is renamed and changed": _of({"a.rs": "x\n" * 50}, {"a.rs": None, "b.rs": "x\n" * 50 + "y\n"}),
    "2,000 files in a commit": _of({f"{number}.txt": "x\n" for number in range(2000)}),
    "empty commits": _of({}, {}, {}),
    "a merge of nine": _of(
        *[({f"m{n}": "x"}, {"parents": [n]}) for n in range(9)], ({}, {"parents": [*range(12, 21)]})
    ),
    "two roots": _of(({"b.rs": "x\n"}, {"parents": []}), ({}, {"parents": [12, 11]})),
    "a message of 1 MB": _commit(message="m" * 1_000_000),
    "no message": _commit(message=""),
    "a message of escape sequences": _commit(message="\x1b[2J\x1b]0;title\x07"),
    "a message that is not UTF-8": _commit(message=b"\xff\xfe"),
    "an author of nothing": _commit(author=" <>"),
    "an author that is not UTF-8": _commit(author=b"\xff <a@example.org>"),
    "dates before 1970": _commit(time=-1),
    "dates of the year 2100": _commit(time=4_102_444_800),
    "a date of 2^64 - 1": _dated(b"18446744073709551615 +0000"),
    "a date of words": _dated(b"yesterday"),
    "an absurd time zone": _dated(b"1700000000 +9999"),
    "a commit without an author": _tip(b"tree TREE\nparent PARENT\n\nodd\n"),
    "a commit with a NUL in its message": _tip(
        b"tree TREE\nparent PARENT\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\na\0b\n"
    ),
    "a missing file": _without("HEAD:11.rs"),
    "a damaged file": _overwritten("HEAD:11.rs"),
    "attributes of all kinds": _files(
        **{".gitattributes": "* -diff\n* filter=x\n[attr]a b\n\xff\n", "sub/.gitattributes": "*"}
    ),
    "a .mailmap of rubbish": _files(**{".mailmap": b"\xff<\0>"}),
}
_REFUSED: Mapping[str, Maker] = {
    "a folder of nothing": _empty,
    "no commits": _harmed(lambda folder: None, ()),
    "HEAD to nowhere": _harmed(_write(".git/HEAD", "ref: refs/heads/gone\n")),
    "HEAD of rubbish": _harmed(_write(".git/HEAD", "rubbish")),
    "a configuration of rubbish": _harmed(_write(".git/config", "[core\n")),
    "an unknown extension": _harmed(
        _write(".git/config", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tunheard = 1\n")
    ),
    "nine commits": lambda folder: make_repository(folder / "r", _TWELVE[:9]),
    "a clone without files": _clone("--filter=blob:none"),
    "a clone without trees": _clone("--filter=tree:0"),
    "a .git that leads to itself": lambda folder: (_write("r/.git", "gitdir: .git\n")(folder), folder / "r")[1],
}
_DAMAGED: Mapping[str, Maker] = {
    "a missing commit": _without("HEAD~5"),
    "a missing tree": _without("HEAD~3^{tree}"),
    "an empty commit object": _overwritten("HEAD~5"),
    "a commit of rubbish": _overwritten("HEAD~5", b"rubbish"),
    "a damaged pack": _harmed(_flip_pack),
    "a pack without its end": _harmed(_cut_pack),
    "no objects at all": _harmed(lambda folder: shutil.rmtree(folder / ".git/objects/pack")),
}
ODD: list[tuple[str, Maker, frozenset[int]]] = [
    *((name, maker, frozenset({0})) for name, maker in _READ.items()),
    *((name, maker, frozenset({2})) for name, maker in _REFUSED.items()),
    *((name, maker, frozenset({2, 3})) for name, maker in _DAMAGED.items()),
]
"""Name, maker, and the statuses that are right: 0 read, 2 refused, 3 damaged."""
