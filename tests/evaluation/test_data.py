from itertools import groupby

import numpy as np
import pytest

from codelm.bases.tokenizer import load_tokenizer
from codelm.evaluation.data import language_of
from codelm.history.samples.formats import Formats
from codelm.history.samples.pieces import Kind, Role
from codelm.history.store import Split
from codelm.history.tokenization.encoder import Encoder


@pytest.mark.parametrize("sequence_length", [64, 1024])
def test_the_snapshot_is_the_files_as_they_stood_at_the_cut(make_data, git, rust_repository, sequence_length):
    data = make_data(rust_repository, sequence_length=sequence_length)
    cut = data.store.facts["scrape"]["repositories"][0]["split"]["cut"]
    assert len(data.snapshot) > 5
    for file, text in data.snapshot.items():
        assert text.rstrip("\n") == git(rust_repository, "show", f"{cut}:{file.path}")


def indented(number):
    return f"    let first = {number};\n\n" + "".join(
        f"    let value_{each} = compute({each});\n" for each in range(40)
    )


def test_a_file_is_as_it_was_where_a_token_joins_its_path_s_line_end_to_its_text(make_data, make_repository):
    encoder = Encoder(load_tokenizer("tiny", None))
    commits = [{"src/a.rs": indented(number), "src/b.rs": f"\n\nfn f() {{ {number} }}\n"} for number in range(12)]
    data = make_data(make_repository(commits), sequence_length=64, encoder=encoder)
    parts = data.store.samples["kind"] == Kind.FILE
    assert parts.sum() > 4
    assert set(data.snapshot.values()) == {indented(7), "\n\nfn f() { 7 }\n"}


def test_a_sample_without_a_heading_is_whole(make_data, make_repository):
    path = f"{'long' * 20}.rs"
    data = make_data(make_repository([{path: f"fn f() {{ {number} }}\n"} for number in range(12)]))
    assert list(data.snapshot.values()) == ["fn f() { 7 }\n"]
    assert data.store.sample(0)[1][0] == Role.IGNORED


def test_known_lines_are_those_of_the_snapshot_and_no_later_ones(data):
    assert "/// Adds 3 to a delta." in data.known_lines
    assert "}" in data.known_lines
    assert "/// Adds 39 to a kappa." not in data.known_lines


def test_without_whole_files_there_is_no_snapshot(make_data, rust_repository):
    data = make_data(rust_repository, formats=Formats(whole_files=False))
    assert data.snapshot == {}
    assert data.known_lines == frozenset()


def histories(make_repository, *names):
    """Repositories with a file of the same path each, whose commits take turns: times of one end in 0, of another in 1.

    The last commit of each has a clock that is years behind.
    """

    def commit(number, place, name):
        text = "".join(f"def {name.replace('/', '_')}_{each}():\n    return {each}\n" for each in range(number + 1))
        return {"src/lib.py": text}, {"time": 5 if number == 23 else 10 * number + place + 1_000_000}

    for place, name in enumerate(names):
        yield make_repository([commit(number, place, name) for number in range(24)], name=name)


@pytest.mark.parametrize("names", [("one", "two"), ("here/one", "there/one")])
def test_files_of_one_path_stay_apart_and_know_their_repository(make_data, make_repository, git, names):
    repositories = list(histories(make_repository, *names))
    data = make_data(*repositories)
    splits = [each["split"] for each in data.store.facts["scrape"]["repositories"]]
    assert [text.rstrip("\n") for text in data.snapshot.values()] == [
        git(repository, "show", f"{parts['cut']}:src/lib.py")
        for repository, parts in zip(repositories, splits, strict=True)
    ]
    assert [file.path for file in data.snapshot] == ["src/lib.py"] * 2
    found = [data.commit(file.commit)["repository"] for file in data.snapshot]
    assert found == [name.rpartition("/")[2] for name in names]


def test_commits_of_several_repositories_take_turns_by_time_each_repository_s_in_its_own_order(
    make_data, make_repository, git
):
    repositories = list(histories(make_repository, "one", "two"))
    data = make_data(*repositories)
    of_samples = [number for number, _ in groupby(sample.commit for sample in data.test_samples(1_000_000))]
    assert [number for number, _ in groupby(change.commit for change in data.test_changes())] == of_samples
    found = [data.commit(number) for number in of_samples]
    for repository, name in zip(repositories, ("one", "two"), strict=True):
        shas = [commit["sha"] for commit in found if commit["repository"] == name]
        assert shas == git(repository, "rev-list", "--reverse", "HEAD", f"-{len(shas)}").split()
    names = [commit["repository"] for commit in found]
    assert names[:4] == ["one", "two"] * 2


def test_held_out_samples_are_those_of_the_test_split_oldest_commit_first(data, git, rust_repository):
    samples = data.test_samples(1_000_000)
    shas = [sha for sha, _ in groupby(data.commit(sample.commit)["sha"] for sample in samples)]
    newest = git(rust_repository, "rev-list", "--reverse", "HEAD", f"-{len(shas)}").split()
    assert shas == newest
    assert len(samples) == len(data.store.indices(Split.TEST))


def test_where_tokens_are_limited_whole_commits_spread_over_the_split_are_kept(data):
    everything = data.test_samples(1_000_000)
    half = data.test_samples(sum(len(sample.ids) for sample in everything) // 2)
    commits = {sample.commit for sample in half}
    assert [sample.commit for sample in half] == [sample.commit for sample in everything if sample.commit in commits]
    assert len(commits) == len({sample.commit for sample in everything}) // 2
    assert len({sample.commit for sample in data.test_samples(1)}) == 1


def test_the_text_of_an_infilling_sample_is_in_the_order_of_its_file(make_data, git, rust_repository):
    data = make_data(rust_repository, sequence_length=512, formats=Formats(fim_rate=1.0, context_lines=3))
    table = data.store.samples
    filled = np.flatnonzero(table["kind"] == Kind.FIM)
    assert len(filled) > 10
    for index in filled.tolist():
        commit, path = data.commit(table["commit"][index]), data.store.facts["paths"][table["path"][index]]
        assert data.sample_text(index) in git(rust_repository, "show", f"{commit['sha']}:{path}") + "\n"


def test_training_changes_are_those_of_the_training_split_alone(data, git, rust_repository):
    found = data.training_changes(1000)
    assert len(found) > 10
    cut = data.store.facts["scrape"]["repositories"][0]["split"]["cut"]
    for path, text in found:
        assert text in git(rust_repository, "show", f"{cut}:{path}") + "\n"
    assert len(data.training_changes(3)) == 3


@pytest.mark.parametrize("split", [Split.TRAIN, Split.TEST])
def test_the_second_half_of_a_window_is_what_authors_wrote(data, split):
    windows = data.windows(split, 40, limit=50)
    assert windows
    runs = [tuple(data.store.sample(index)[0].tolist()) for index in data.store.indices(split).tolist()]
    roles = [data.store.sample(index)[1] for index in data.store.indices(split).tolist()]
    for window in windows:
        found = [
            (number, start)
            for number, ids in enumerate(runs)
            for start in range(len(ids) - 39)
            if ids[start : start + 40] == tuple(window.tolist())
        ]
        assert any((roles[number][start + 20 : start + 40] == Role.TARGET).all() for number, start in found)


def test_windows_of_training_are_of_learned_samples_and_the_same_for_a_seed(make_data, rust_repository):
    data = make_data(rust_repository)
    index = next(i for i in data.store.indices(Split.TRAIN).tolist() if data.store.samples["targets"][i] > 60)
    learned = type(data)(data.store, data.encoder, [index])
    (window,) = learned.windows(Split.TRAIN, 40, limit=50)
    ids = data.store.sample(index)[0].tolist()
    assert any(ids[start : start + 40] == window.tolist() for start in range(len(ids)))
    one, two = (data.windows(Split.TRAIN, 40, limit=5, seed=4) for _ in range(2))
    assert [window.tolist() for window in one] == [window.tolist() for window in two]
    assert len(one) == 5


def test_no_window_is_longer_than_its_sample(data):
    assert data.windows(Split.TRAIN, 10_000, limit=5) == []


def test_changes_of_the_test_split_are_the_files_after_the_commits(data, git, rust_repository):
    changes = data.test_changes()
    assert [change.commit for change in changes] == sorted((change.commit for change in changes), reverse=True)
    for change in changes:
        sha = data.commit(change.commit)["sha"]
        assert change.text.rstrip("\n") == git(rust_repository, "show", f"{sha}:{change.path}")


@pytest.mark.parametrize(
    ("path", "language"), [("a/b.rs", "rust"), ("c.pyi", "python"), ("d.go", "go"), ("e.d/Makefile", "Makefile")]
)
def test_the_language_of_a_file_follows_from_its_name(path, language):
    assert language_of(path) == language
