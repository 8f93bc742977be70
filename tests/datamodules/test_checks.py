import math

import pytest

from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.checks import open_repositories
from codelm.errors import InputError

REFUSED = [
    {"repo": []},
    {"sequence_length": 1},
    {"batch_size": 0},
    {"max_commits": -1},
    {"curriculum_epochs": -1.0},
    {"curriculum_epochs": math.inf},
    {"seed": -1},
    {"num_workers": -1},
    {"context_weight": -0.1},
    {"context_weight": 2.0},
    {"context_weight": math.nan},
    {"held_out": 0.0},
    {"held_out": 1.0},
]


@pytest.mark.parametrize("settings", REFUSED, ids=str)
def test_a_value_that_cannot_work_is_refused_at_once_and_by_name(settings):
    with pytest.raises(InputError, match=f"data.{next(iter(settings))} is "):
        GitCommitDataModule("tiny", **settings)


def test_the_ends_of_the_ranges_are_taken():
    GitCommitDataModule("tiny", context_weight=0.0, curriculum_epochs=0.0, max_commits=1, batch_size=1, seed=0)
    GitCommitDataModule("tiny", context_weight=1.0, max_commits=None)


def test_a_repository_that_two_paths_lead_to_is_refused(make_repository, tmp_path):
    folder = make_repository([{"a": "x"}], name="one")
    (tmp_path / "link").symlink_to(folder)
    for other in (str(tmp_path / "link"), f"{folder}/.git", f"{folder}/"):
        with pytest.raises(InputError, match="one repository twice"):
            open_repositories([str(folder), other], "HEAD")


def test_two_repositories_of_one_content_are_both_read(make_repository):
    folders = [str(make_repository([{"a": "x"}], name=name)) for name in ("one", "two")]
    assert [repository.path for repository in open_repositories(folders, "HEAD")] == folders
