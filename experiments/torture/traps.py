"""Repositories whose settings, hooks and attributes run a program as soon as git does more with them than read objects.

All of it is git's documented behaviour in a repository that one trusts; each trap makes an empty file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.torture.fast_import import Commit, make_repository, run_git

__all__ = ["TRAPS", "Trap"]

_COMMITS: list[Commit] = [{"a.rs": f"fn a() {{ {number} }}\n", "b.rs": "b\n"} for number in range(12)]
_SHOW = [["log", "-p", "--ext-diff", "--textconv"], ["diff", "--ext-diff", "--textconv", "HEAD~1", "HEAD"]]
_WORK = [
    ["status"],
    ["checkout", "-f", "main"],
    ["diff", "HEAD"],
    ["add", "-A"],
    ["commit", "-m", "x", "--allow-empty"],
]
_FETCH = [["fetch", "origin"], ["cat-file", "-p", "HEAD:a.rs"], ["log", "-p"]]


@dataclass(frozen=True, slots=True)
class Trap:
    """A way in which a repository runs a program.

    Attributes:
        name: What it is.
        config: What is added to ``.git/config``; MARK stands for the file that is made, FOLDER for the repository.
        commands: Git commands, one of which has to spring it.
        attributes: The content of ``.git/info/attributes``.
        hook: The hook that makes the file.
        lacks: The object that is missing, so that git would fetch it.
    """

    name: str
    config: str
    commands: Sequence[list[str]] = field(default_factory=lambda: _WORK)
    attributes: str = ""
    hook: str = ""
    lacks: str = ""

    def make(self, folder: Path, mark: Path) -> Path:
        """Make the repository and return its folder."""
        made = make_repository(folder, _COMMITS)
        config = self.config.replace("MARK", str(mark)).replace("FOLDER", str(made))
        with (made / ".git/config").open("a") as file:
            file.write(config)
        (made / ".git/info").mkdir(exist_ok=True)
        (made / ".git/info/attributes").write_text(self.attributes)
        (made / ".git/more").write_text(f"[core]\n\tfsmonitor = touch {mark}\n")
        if self.hook:
            hook = made / ".git/hooks" / self.hook
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
            hook.chmod(0o755)
        if self.lacks:
            self._remove(made)
        return made

    def _remove(self, folder: Path) -> None:
        sha = run_git(folder, "rev-parse", self.lacks)
        for pack in (folder / ".git/objects/pack").glob("*.pack"):
            content = pack.read_bytes()
            for each in (folder / ".git/objects/pack").iterdir():
                each.unlink()
            run_git(folder, "unpack-objects", "-q", stdin=content)
        (folder / ".git/objects" / sha[:2] / sha[2:]).unlink()

    def spring(self, folder: Path) -> None:
        """Do with the repository what a careless program does."""
        for command in self.commands:
            run_git(folder, *command, check=False)


_DRIVER = "*.rs diff=trap filter=trap merge=trap\n"
_EXT = '[protocol "ext"]\n\tallow = always\n'
_LAST = "HEAD:a.rs"


def _promisor(url: str, more: str = "") -> str:
    return (
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n"
        f'[remote "origin"]\n\turl = {url}\n\tpromisor = true\n{more}' + _EXT
    )


TRAPS = (
    Trap("core.fsmonitor", "[core]\n\tfsmonitor = touch MARK\n"),
    Trap("core.fsmonitor by include.path", "[include]\n\tpath = more\n"),
    Trap("core.fsmonitor by includeIf", '[includeIf "gitdir:FOLDER/"]\n\tpath = more\n'),
    Trap("diff.external", "[diff]\n\texternal = touch MARK\n", _SHOW),
    Trap("a diff driver's command", '[diff "trap"]\n\tcommand = touch MARK\n', _SHOW, _DRIVER),
    Trap("a diff driver's textconv", '[diff "trap"]\n\ttextconv = touch MARK; cat\n', _SHOW, _DRIVER),
    Trap("a filter's clean", '[filter "trap"]\n\tclean = touch MARK; cat\n', _WORK, _DRIVER),
    Trap("a filter's smudge", '[filter "trap"]\n\tsmudge = touch MARK; cat\n', _WORK, _DRIVER),
    Trap("a filter's process", '[filter "trap"]\n\tprocess = touch MARK\n', _WORK, _DRIVER),
    Trap("the hook post-checkout", "", _WORK, hook="post-checkout"),
    Trap("the hook post-index-change", "", _WORK, hook="post-index-change"),
    Trap("the hook reference-transaction", "", _WORK, hook="reference-transaction"),
    Trap("the hook pre-commit", "", _WORK, hook="pre-commit"),
    Trap("the hook commit-msg", "", _WORK, hook="commit-msg"),
    Trap("core.hooksPath", "[core]\n\thooksPath = FOLDER/.git/hooks\n", _WORK, hook="post-checkout"),
    Trap("core.editor", "[core]\n\teditor = touch MARK;\n", [["checkout", "-f", "main"], ["commit", "--allow-empty"]]),
    Trap("core.sshCommand", '[core]\n\tsshCommand = touch MARK;\n[remote "origin"]\n\turl = ssh://nobody/x\n', _FETCH),
    Trap("a remote of another program", _EXT + '[remote "origin"]\n\turl = ext::touch MARK\n', _FETCH),
    Trap("a missing file, to be fetched by another program", _promisor("ext::touch MARK"), _FETCH, lacks=_LAST),
    Trap(
        "a missing file, to be fetched by uploadpack",
        _promisor("FOLDER", "\tuploadpack = touch MARK;\n"),
        _FETCH,
        lacks=_LAST,
    ),
    Trap(
        "a missing file, to be fetched by ssh",
        _promisor("ssh://nobody/x") + "[core]\n\tsshCommand = touch MARK;\n",
        _FETCH,
        lacks=_LAST,
    ),
    Trap(
        "gpg.program",
        "[gpg]\n\tprogram = FOLDER/.git/hooks/gpg\n",
        [["checkout", "-f", "main"], ["commit", "-S", "--allow-empty", "-m", "x"]],
        hook="gpg",
    ),
    Trap(
        "a merge driver",
        '[merge "trap"]\n\tdriver = touch MARK\n',
        [
            ["checkout", "-f", "main"],
            ["config", "user.name", "x"],
            ["checkout", "-b", "other", "HEAD~2"],
            ["commit", "--allow-empty", "-m", "x"],
            ["cherry-pick", "main"],
            ["merge", "main"],
        ],
        _DRIVER,
    ),
)
