import shutil
import signal
from itertools import count
from pathlib import Path

import pytest

from experiments.torture.fast_import import make_repository as write_commits
from experiments.torture.fast_import import run_git
from experiments.torture.subjects import write_base, write_repository

pytest_plugins = ["tests.training", "tests.stopped_runs", "tests.saved_runs"]


@pytest.fixture(autouse=True)
def ctrl_c_works():
    """Take Ctrl-C: in the background of a shell it is ignored, and whatever is started inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def git():
    """Run git in a folder and return what it says: ``git(folder, "rev-parse", "HEAD")``."""

    return run_git


@pytest.fixture
def make_repository(tmp_path):
    """Make a repository from a list of commits and return its folder; nothing is checked out.

    A commit is ``{path: text, bytes, or None to delete}``, or a pair of that and its options: ``message`` and
    ``author`` ("Name <mail>"; text or bytes), ``time`` (seconds), ``parents`` (numbers of earlier commits; by default
    the one before), ``modes`` ({path: "100755", "120000" for a link, "160000" for a submodule}). Paths may be bytes.
    """
    numbers = count()

    def make(commits, *, name=None, **options):
        return write_commits(tmp_path / (name or f"repository-{next(numbers)}"), commits, **options)

    return make


@pytest.fixture
def read():
    """Read every commit that is no merge, oldest first: ``read(folder)``."""
    from codelm.git.repository import open_repository, read_commits, read_graph

    def commits(folder, revision="HEAD", drop_path=lambda path: None, limit=1_000_000):
        repository = open_repository(folder, revision)
        shas = [node.sha for node in read_graph(repository) if not node.is_merge]
        return list(read_commits(repository, shas, drop_path, limit))

    return commits


@pytest.fixture
def rust_repository(shared_rust_repository, tmp_path):
    """A copy of `shared_rust_repository`, which a test may change."""
    return Path(shutil.copytree(shared_rust_repository, tmp_path / shared_rust_repository.name))


@pytest.fixture(scope="session")
def shared_rust_repository(tmp_path_factory):
    """A small Rust project: 40 commits that each add a function, with a lock file and build output beside the code."""
    return write_repository(tmp_path_factory.mktemp("repositories") / "numbers")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory):
    """A folder with a StarCoder2 of two layers and some ten thousand random parameters, and a byte tokenizer."""
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def few_texts(monkeypatch):
    """Let general code be one line: with a tokenizer of bytes all of it is 66,000 tokens."""
    from codelm.evaluation.general import Text

    for task in ("forgetting", "infilling"):
        monkeypatch.setattr(
            f"codelm.evaluation.tasks.{task}.own_texts", lambda: [Text("a.rs", "rust", "own rust", "fn a() {}\n")]
        )
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.library_texts", list)
