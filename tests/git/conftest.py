import pytest

from codelm.git.repository import open_repository, read_tree


@pytest.fixture
def last_change(make_repository, read):
    """Make a repository and return the only change of its last commit: ``last_change([{"a": "x"}, {"a": "y"}])``."""

    def change(commits, **options):
        (only,) = read(make_repository(commits), **options)[-1].changes
        return only

    return change


@pytest.fixture
def read_files():
    """Read every file of the newest commit's tree: ``read_files(folder)``."""

    def files(folder, limit=1_000_000):
        repository = open_repository(folder)
        return list(read_tree(repository, repository.tip, lambda path: None, limit))

    return files
