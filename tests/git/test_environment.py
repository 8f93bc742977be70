"""Nothing but the objects of a repository decides what is read, and reading runs nothing."""

import os
import subprocess

import pytest

HOSTILE_SETTINGS = """
[diff]
    noprefix = true
    renames = false
    algorithm = patience
    interHunkContext = 9
    context = 7
    suppressBlankEmpty = true
    orderFile = {folder}/order
    external = touch {marker}
    submodule = log
    mnemonicPrefix = true
[diff "rust"]
    textconv = touch {marker}; cat
    command = touch {marker}
    binary = true
    xfuncname = "^never"
[filter "evil"]
    clean = touch {marker}
    smudge = touch {marker}
[color]
    ui = always
    diff = always
[core]
    quotePath = false
    abbrev = 4
    bigFileThreshold = 1
    fsmonitor = touch {marker}
    attributesFile = {folder}/attributes
    hooksPath = {folder}/hooks
    pager = touch {marker}
    sshCommand = touch {marker}
    excludesFile = {folder}/attributes
[i18n]
    logOutputEncoding = UTF-16
[log]
    showSignature = true
    showRoot = false
    mailmap = false
[mailmap]
    file = {folder}/mailmap
[gpg]
    program = {folder}/hooks/post-checkout
"""
RICH_HISTORY = [
    {"a.rs": "fn a() {\n    1\n}\n", "b.rs": "é\n\nx\n", "ü.rs": "x\n", "z": b"\0"},
    {"a.rs": "fn a() {\n    2\n}\n\nfn b() {}\n", "b.rs": "é\n\ny\n\n"},
    ({"b.rs": None, "moved.rs": "é\n\ny\n\n", "ü.rs": "y\n"}, {"message": "é"}),
]


def set_traps(folder, marker):
    """Write attributes and hooks, and return settings, that change what git prints or leave a mark."""
    (folder / "hooks").mkdir()
    (folder / "order").write_text("z*\n*.rs\n")
    (folder / "attributes").write_text("*.rs diff=rust filter=evil\n")
    (folder / "mailmap").write_text("Wrong <wrong@example.org> <ann@example.org>\n")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (folder / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (folder / "hooks" / hook).chmod(0o755)
    return HOSTILE_SETTINGS.format(folder=folder, marker=marker)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


@pytest.fixture
def traps(tmp_path, marker):
    (tmp_path / "traps").mkdir()
    return set_traps(tmp_path / "traps", marker)


def test_the_users_settings_change_nothing(make_repository, read, traps, marker, tmp_path, monkeypatch):
    folder = make_repository(RICH_HISTORY)
    expected = read(folder)
    (tmp_path / ".gitconfig").write_text(traps)
    monkeypatch.setenv("HOME", str(tmp_path))
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    plain = subprocess.run(["git", "-C", folder, "log", "-p", "--ext-diff"], env=own, capture_output=True, check=False)
    assert marker.exists(), f"the traps do not work: {plain.stderr!r}"
    marker.unlink()
    assert read(folder) == expected
    assert not marker.exists()


def test_the_repositorys_own_settings_and_attributes_run_and_change_nothing(
    make_repository, read, read_files, git, traps, marker
):
    folder = make_repository(RICH_HISTORY)
    expected = read(folder)
    tree = read_files(folder)
    own = '[core]\n    worktree = /\n[remote "origin"]\n    promisor = true\n    url = ext::touch%20x\n'
    with (folder / ".git/config").open("a") as file:
        file.write(traps + own)
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("*.rs diff=rust -text\n* -diff\n")
    (folder / ".gitattributes").write_text("* -diff\n")
    git(folder, "replace", "-f", "HEAD~1", "HEAD~2")
    (folder / ".git/info/grafts").write_text(git(folder, "rev-parse", "HEAD") + "\n")
    git(folder, "-c", "core.worktree=", "log", "-p", "--ext-diff", check=False)
    git(folder, "status", check=False)
    assert marker.exists(), "the traps do not work"
    marker.unlink()
    assert read(folder) == expected
    assert read_files(folder) == tree
    assert not marker.exists()


def test_attributes_in_the_history_hide_nothing(last_change):
    change = last_change([{".gitattributes": "*.rs -diff\n", "a.rs": "x\n"}, {"a.rs": "y\n"}])
    assert (change.before, change.after) == ("x\n", "y\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "{other}/.git"),
        ("GIT_WORK_TREE", "{other}"),
        ("GIT_INDEX_FILE", "{other}/index"),
        ("GIT_COMMON_DIR", "{other}/.git"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere"),
        ("GIT_DIFF_OPTS", "-u5"),
        ("GIT_EXTERNAL_DIFF", "touch {marker}"),
        ("GIT_CONFIG_COUNT", "bad"),
        ("GIT_CONFIG_PARAMETERS", "'diff.noprefix'='true'"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_NAMESPACE", "other"),
        ("GIT_SHALLOW_FILE", "{other}/shallow"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
        ("GIT_TRACE", "1"),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("GIT_DEFAULT_HASH", "sha256"),
        ("GIT_PAGER", "touch {marker}"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("XDG_CONFIG_HOME", "{other}"),
    ],
)
def test_no_variable_changes_what_is_read(make_repository, read, marker, monkeypatch, name, value):
    folder = make_repository(RICH_HISTORY)
    other = make_repository([{"other": "x"}])
    (other / "git").mkdir()
    (other / "git/attributes").write_text("* -diff\n")
    expected = read(folder)
    monkeypatch.setenv(name, value.format(other=other, marker=marker))
    assert read(folder) == expected
    assert os.environ[name] == value.format(other=other, marker=marker)
    assert not marker.exists()
