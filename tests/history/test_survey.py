"""A survey finds what a store holds, without building it."""

from dataclasses import replace

import numpy as np
import pytest

from codelm.errors import InputError
from codelm.git.repository import open_repository
from codelm.history import sample_estimate
from codelm.history.build import build_store
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats
from codelm.history.store import new_store, open_store
from codelm.history.store_settings import StoreSettings, store_key, with_format
from codelm.history.survey import survey

SETTINGS = StoreSettings(256, Filters(ignore=["target/", "Cargo.lock"]), Formats(), 0.2, None, 1)
DECIDING = ["length", "targets", "contexts", "kind", "split", "commit", "path"]


def in_silence(items, total, description):
    return items


@pytest.fixture
def compared(encoder, tmp_path):
    """Survey a repository and build its store: ``compared(folder, max_commits=3)``."""

    def compare(folder, **changes):
        settings = replace(SETTINGS, **changes)
        repositories = [open_repository(folder)]
        found = survey(repositories, settings, encoder, tmp_path / "cache", in_silence)
        named = with_format(settings, encoder.wanted_format.name)
        target = tmp_path / "cache" / store_key(repositories, named, encoder.fingerprint)
        if not target.exists():
            with new_store(target) as (writer, facts):
                facts |= build_store(repositories, settings, encoder, writer, in_silence)
        return found, open_store(target)

    return compare


@pytest.mark.parametrize(
    "changes", [{}, {"max_commits": 3}, {"filters": Filters()}, {"formats": Formats(fim_rate=1.0, whole_files=False)}]
)
def test_of_a_small_history_it_finds_the_very_table_and_the_very_counts(compared, rust_repository, changes):
    found, store = compared(rust_repository, **changes)
    assert found.table.error == 0
    assert found.table.tokenised == found.table.of > 0
    np.testing.assert_array_equal(found.table.samples[DECIDING], store.samples[DECIDING])
    assert [found.commits, list(found.paths)] == [list(store.commits), store.facts["paths"]]
    assert found.scraped == {name: store.facts["scrape"][name] for name in ("repositories", "dropped", "table")}
    assert found.analysis[0]["languages"] == store.facts["analysis"]["repositories"][0]["languages"]


def test_of_a_larger_one_it_estimates_the_table_from_some(compared, rust_repository, monkeypatch):
    monkeypatch.setattr(sample_estimate, "_DRAWN", 12)
    found, store = compared(rust_repository)
    assert found.table.tokenised < found.table.of
    assert 0 < found.table.error < 0.5
    tokens = int(store.samples["length"].sum())
    assert int(found.table.samples["length"].sum()) == pytest.approx(tokens, rel=0.2)
    changes = {(int(row["commit"]), int(row["path"])) for row in store.samples}
    assert {(int(row["commit"]), int(row["path"])) for row in found.table.samples} == changes


def test_a_store_that_is_there_is_taken(compared, rust_repository):
    first, store = compared(rust_repository)
    second, _ = compared(rust_repository)
    assert not first.is_stored
    assert second.is_stored
    np.testing.assert_array_equal(second.table.samples, store.samples)
    assert second.scraped == first.scraped
    ids, roles = store.sample(0)
    encoded, commit, path = second.table.shown[0]
    assert [encoded.ids.tolist(), encoded.roles.tolist()] == [ids.tolist(), roles.tolist()]
    assert (commit, path) == (store.samples["commit"][0], store.samples["path"][0])


def test_lines_are_counted_by_language(compared, make_repository):
    commits = [{"a.rs": "fn a() {}\n" * (number + 1), "b.py": f"b = {number}\n"} for number in range(12)]
    found, _ = compared(make_repository(commits))
    (history,) = found.histories
    assert history.changed_lines == {"Rust": 12, "Python": 1 + 11 * 2}


def test_a_history_that_is_too_short_is_refused(compared, make_repository):
    with pytest.raises(InputError, match="give a longer history"):
        compared(make_repository([{"a.rs": "fn a() {}\n"}]))


def test_a_file_that_only_a_merge_brought_in_counts_among_the_newest(compared, rust_repository, git, tmp_path):
    folder = tmp_path / "merged"
    git(tmp_path, "clone", "-q", rust_repository, folder)
    git(folder, "checkout", "-q", "-b", "side", "HEAD~1")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Aside")
    git(folder, "checkout", "-q", "-")
    git(folder, "merge", "-q", "--no-ff", "--no-commit", "side")
    (folder / "merged.py").write_text("print('merged')\n")
    git(folder, "add", "merged.py")
    git(folder, "commit", "-q", "-m", "Merge side")
    found, store = compared(folder)
    for analysis in (found.analysis[0], store.facts["analysis"]["repositories"][0]):
        assert "Python" in analysis["languages"]


def test_files_that_no_read_commit_changed_count_among_the_newest(compared, rust_repository):
    found, store = compared(rust_repository, formats=Formats(whole_files=False), max_commits=1)
    every, _ = compared(rust_repository)
    assert found.analysis[0]["languages"] == every.analysis[0]["languages"]
    assert store.facts["analysis"]["repositories"][0]["languages"] == every.analysis[0]["languages"]
