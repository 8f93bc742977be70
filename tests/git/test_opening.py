import os

import pytest

from codelm.errors import InputError, ResourceError
from codelm.git.repository import open_repository


def test_folders_within_bare_repositories_and_work_trees_are_found(make_repository, git, tmp_path):
    folder = make_repository([{"a/b": "x"}], name="parser")
    git(folder, "checkout", "-q", "-f", "main")
    git(folder, "worktree", "add", "-q", "--detach", tmp_path / "elsewhere")
    git(tmp_path, "clone", "-q", "--bare", folder, "lexer.git")
    git(tmp_path, "clone", "-q", "--bare", folder, "tool/.bare")
    (tmp_path / "tool/.git").write_text("gitdir: ./.bare\n")
    names = {"parser": "parser", "parser/a": "parser", "parser/.git": "parser", "elsewhere": "parser"}
    names |= {"lexer.git": "lexer", "tool": "tool", "tool/.bare": "tool"}
    found = {place: open_repository(tmp_path / place) for place in names}
    assert {place: repository.name for place, repository in found.items()} == names
    assert {repository.tip for repository in found.values()} == {git(folder, "rev-parse", "main")}


@pytest.mark.parametrize("generic", ["git", "repo", "bare"])
def test_a_folder_with_a_generic_name_has_that_of_its_origin_or_its_own(make_repository, git, tmp_path, generic):
    folder = make_repository([{"a": "x"}], name="parser")
    git(tmp_path, "clone", "-q", "--no-checkout", folder, f"clones/{generic}")
    git(tmp_path, "clone", "-q", "--bare", folder, f"mirror/{generic}")
    assert [open_repository(tmp_path / place / generic).name for place in ("clones", "mirror")] == ["parser"] * 2
    for place in ("clones", "mirror"):
        git(tmp_path / place / generic, "remote", "remove", "origin")
    assert open_repository(tmp_path / "clones" / generic).name == generic
    assert open_repository(tmp_path / "mirror" / generic).name == "mirror"
    git(tmp_path / "clones" / generic, "remote", "add", "origin", "https://ann:word@example.org/tools/lexer.git/")
    assert open_repository(tmp_path / "clones" / generic).name == "lexer"


def test_a_submodule_is_a_repository_of_its_own(make_repository, git, tmp_path):
    inner = make_repository([{"a": "x"}], name="inner")
    outer = make_repository([{"b": "y"}], name="outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "part")
    repository = open_repository(outer / "part")
    assert (repository.name, repository.tip) == ("part", open_repository(inner).tip)


def refusal(path, revision="HEAD", error=InputError):
    with pytest.raises(error) as caught:
        open_repository(path, revision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    assert "no such folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "no such folder" in refusal(tmp_path / "file")
    assert "no such folder" in refusal("nul\0")


@pytest.mark.parametrize("path", ["", " "])
def test_a_name_that_is_empty_does_not_mean_the_folder_we_are_in(path):
    assert "empty name" in refusal(path)


def test_a_folder_without_a_repository_is_refused(tmp_path):
    assert "not a git repository" in refusal(tmp_path)
    (tmp_path / ".git").write_text("gitdir: .git\n")
    assert "not a git repository" in refusal(tmp_path)


def test_a_repository_without_commits_is_refused(make_repository):
    assert "no commits yet" in refusal(make_repository([]))


def test_a_head_that_points_nowhere_is_refused(make_repository):
    folder = make_repository([{"a": "x"}])
    (folder / ".git/HEAD").write_text("ref: refs/heads/gone\n")
    assert "HEAD does not point" in refusal(folder)


@pytest.mark.parametrize(
    "extension", ["[extensions]\n\tunheardOf = true\n[core]\n\trepositoryformatversion = 1\n", "[core\n"]
)
def test_what_git_cannot_open_is_refused_in_its_words(make_repository, extension):
    folder = make_repository([{"a": "x"}])
    (folder / ".git/config").write_text(extension)
    assert "git cannot read this repository: " in refusal(folder)


@pytest.mark.parametrize(
    "revision", ["nope", "--help", "--all", "-1", "nope..HEAD", "HEAD..nope", "0" * 39, "", "^HEAD", "a\nb"]
)
def test_a_revision_that_is_unknown_is_refused(make_repository, revision):
    folder = make_repository([{"a": "x"}])
    assert "git branch --all" in refusal(folder, revision)


@pytest.mark.parametrize("revision", ["0" * 40, "f" * 64, f"HEAD..{'a' * 40}"])
def test_a_commit_of_another_repository_is_refused_as_one_that_a_run_may_have_recorded(make_repository, revision):
    folder = make_repository([{"a": "x"}])
    assert "where a run's config.yaml names it: add --data.revision HEAD" in refusal(folder, revision)


def test_a_revision_that_is_no_commit_is_refused(make_repository):
    folder = make_repository([{"a": "x"}])
    assert "is a blob" in refusal(folder, "HEAD:a")
    assert "A..B" in refusal(folder, "HEAD...HEAD")
    assert "A..B" in refusal(folder, "HEAD\0")


def test_a_branch_that_looks_like_an_option_is_a_branch(make_repository, git, tmp_path):
    folder = make_repository([{"a": "x"}])
    (folder / ".git/refs/heads/--output=pwned").write_text(git(folder, "rev-parse", "HEAD") + "\n")
    assert open_repository(folder, "--output=pwned").tip == open_repository(folder).tip
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_somebody_elses_repository_needs_the_users_word(make_repository, read, tmp_path, monkeypatch):
    folder = make_repository([{"a": "x"}])
    for place in (folder, folder / ".git"):
        os.chown(place, 12345, 12345)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "dubious ownership" in refusal(folder)
    (tmp_path / ".gitconfig").write_text(f"[safe]\n\tdirectory = {folder}\n")
    assert len(read(folder)) == 1


def test_without_git_the_user_is_told_to_install_it(make_repository, monkeypatch):
    folder = make_repository([{"a": "x"}])
    monkeypatch.setenv("PATH", "")
    assert "install git" in refusal(folder, error=ResourceError)
