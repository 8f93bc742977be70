from itertools import groupby

import numpy as np
import pytest

from codelm.bases.tokenizer import load_tokenizer
from codelm.evaluation.data import language_of, pieces
from codelm.history.samples.formats import Formats, Kind, Role
from codelm.history.store import Part
from codelm.history.tokenization.encoding import Encoder


def places(material, part):
    """The numbers of a part's commits as the store has them."""
    return np.unique(material.store.samples["commit"][material.store.part(part)])


def test_the_snapshot_is_the_files_as_they_stood_at_the_cut(material, git, rust_repository):
    cut = material.store.facts["scrape"]["repositories"][0]["split"]["cut"]
    assert len(material.snapshot) > 5
    for place, text in material.snapshot.items():
        assert text.rstrip("\n") == git(rust_repository, "show", f"{cut}:{place.path}")


def test_files_longer_than_a_row_are_whole_again(make_material, git, rust_repository):
    material = make_material(rust_repository, sequence_length=64)
    cut = material.store.facts["scrape"]["repositories"][0]["split"]["cut"]
    assert all(
        text.rstrip("\n") == git(rust_repository, "show", f"{cut}:{place.path}")
        for place, text in material.snapshot.items()
    )


def indented(number):
    return f"    let first = {number};\n\n" + "".join(
        f"    let value_{each} = compute({each});\n" for each in range(40)
    )


def test_a_file_is_what_was_written_where_a_token_joins_its_path_s_line_end_to_its_text(make_material, make_repository):
    encoder = Encoder(load_tokenizer("tiny", None))
    commits = [{"src/a.rs": indented(number), "src/b.rs": f"\n\nfn f() {{ {number} }}\n"} for number in range(12)]
    material = make_material(make_repository(commits), sequence_length=64, encoder=encoder)
    parts = material.store.samples["kind"] == Kind.FILE
    assert parts.sum() > 4
    assert set(material.snapshot.values()) == {indented(7), "\n\nfn f() { 7 }\n"}


def test_a_sample_without_a_heading_is_whole(make_material, make_repository):
    path = f"{'long' * 20}.rs"
    material = make_material(make_repository([{path: f"fn f() {{ {number} }}\n"} for number in range(12)]))
    assert list(material.snapshot.values()) == ["fn f() { 7 }\n"]
    assert material.store.sample(0)[1][0] == Role.SILENT


def test_known_are_the_lines_of_the_snapshot_and_no_later_ones(material):
    assert "/// Adds 3 to a delta." in material.known_lines
    assert "}" in material.known_lines
    assert "/// Adds 39 to a kappa." not in material.known_lines


def test_without_whole_files_there_is_no_snapshot(make_material, rust_repository):
    material = make_material(rust_repository, formats=Formats(whole_files=False))
    assert material.snapshot == {}
    assert material.known_lines == frozenset()


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
def test_files_of_one_path_stay_apart_and_know_their_repository(make_material, make_repository, git, names):
    repositories = list(histories(make_repository, *names))
    material = make_material(*repositories)
    splits = [each["split"] for each in material.store.facts["scrape"]["repositories"]]
    assert [text.rstrip("\n") for text in material.snapshot.values()] == [
        git(repository, "show", f"{parts['cut']}:src/lib.py")
        for repository, parts in zip(repositories, splits, strict=True)
    ]
    assert [place.path for place in material.snapshot] == ["src/lib.py"] * 2
    found = [material.commit(place.commit)["repository"] for place in material.snapshot]
    assert found == [name.rpartition("/")[2] for name in names]


def test_commits_of_several_repositories_take_turns_by_time_each_repository_s_in_its_own_order(
    make_material, make_repository, git
):
    repositories = list(histories(make_repository, "one", "two"))
    material = make_material(*repositories)
    of_chunks = [number for number, _ in groupby(chunk.commit for chunk in material.test_chunks(1_000_000))]
    assert [number for number, _ in groupby(change.commit for change in material.test_changes())] == of_chunks
    found = [material.commit(number) for number in of_chunks]
    for repository, name in zip(repositories, ("one", "two"), strict=True):
        shas = [commit["sha"] for commit in found if commit["repository"] == name]
        assert shas == git(repository, "rev-list", "--reverse", "HEAD", f"-{len(shas)}").split()
    names = [commit["repository"] for commit in found]
    assert names[:4] == ["one", "two"] * 2


def test_chunks_are_those_of_the_test_part_oldest_commit_first(material, git, rust_repository):
    chunks = material.test_chunks(1_000_000)
    shas = [sha for sha, _ in groupby(material.commit(chunk.commit)["sha"] for chunk in chunks)]
    newest = git(rust_repository, "rev-list", "--reverse", "HEAD", f"-{len(shas)}").split()
    assert shas == newest
    assert len(chunks) == len(material.store.part(Part.TEST))


def test_where_time_is_short_whole_commits_spread_over_the_part_are_read(material):
    everything = material.test_chunks(1_000_000)
    half = material.test_chunks(sum(len(chunk.ids) for chunk in everything) // 2)
    commits = {chunk.commit for chunk in half}
    assert [chunk.commit for chunk in half] == [chunk.commit for chunk in everything if chunk.commit in commits]
    assert len(commits) == len(places(material, Part.TEST)) // 2
    assert len({chunk.commit for chunk in material.test_chunks(1)}) == 1


def test_a_change_that_is_learned_by_filling_in_is_written_in_the_order_of_its_file(
    make_material, git, rust_repository
):
    material = make_material(rust_repository, sequence_length=512, formats=Formats(fim_rate=1.0, context_lines=3))
    table = material.store.samples
    filled = np.flatnonzero(table["kind"] == Kind.FIM)
    assert len(filled) > 10
    for index in filled.tolist():
        commit, path = material.commit(table["commit"][index]), material.store.facts["paths"][table["path"][index]]
        assert material.written(index) in git(rust_repository, "show", f"{commit['sha']}:{path}") + "\n"


def test_pieces_are_of_training_changes_alone(material, git, rust_repository):
    found = list(pieces(material, 1000))
    assert len(found) > 10
    cut = material.store.facts["scrape"]["repositories"][0]["split"]["cut"]
    for path, text in found:
        assert text in git(rust_repository, "show", f"{cut}:{path}") + "\n"
    assert len(list(pieces(material, 3))) == 3


@pytest.mark.parametrize("part", [Part.TRAIN, Part.TEST])
def test_the_second_half_of_a_window_is_what_authors_wrote(material, part):
    windows = material.windows(part, 40, most=50)
    assert windows
    runs = [tuple(material.store.sample(index)[0].tolist()) for index in material.store.part(part).tolist()]
    roles = [material.store.sample(index)[1] for index in material.store.part(part).tolist()]
    for window in windows:
        found = [
            (number, start)
            for number, ids in enumerate(runs)
            for start in range(len(ids) - 39)
            if ids[start : start + 40] == tuple(window.tolist())
        ]
        assert any((roles[number][start + 20 : start + 40] == Role.TARGET).all() for number, start in found)


def test_windows_of_training_are_of_what_was_drawn_and_the_same_for_a_seed(make_material, rust_repository):
    material = make_material(rust_repository)
    index = next(i for i in material.store.part(Part.TRAIN).tolist() if material.store.samples["targets"][i] > 60)
    drawn = type(material)(material.store, material.encoder, [index])
    (window,) = drawn.windows(Part.TRAIN, 40, most=50)
    ids = material.store.sample(index)[0].tolist()
    assert any(ids[start : start + 40] == window.tolist() for start in range(len(ids)))
    one, two = (material.windows(Part.TRAIN, 40, most=5, seed=4) for _ in range(2))
    assert [window.tolist() for window in one] == [window.tolist() for window in two]
    assert len(one) == 5


def test_no_window_is_longer_than_its_sample(material):
    assert material.windows(Part.TRAIN, 10_000, most=5) == []


def test_changes_of_the_test_part_are_the_files_after_the_commits(material, git, rust_repository):
    changes = material.test_changes()
    assert [change.commit for change in changes] == sorted((change.commit for change in changes), reverse=True)
    for change in changes:
        sha = material.commit(change.commit)["sha"]
        assert change.text.rstrip("\n") == git(rust_repository, "show", f"{sha}:{change.path}")


@pytest.mark.parametrize(
    ("path", "language"), [("a/b.rs", "rust"), ("c.pyi", "python"), ("d.go", "go"), ("Makefile", "Makefile")]
)
def test_the_language_of_a_file_is_told_by_its_name(path, language):
    assert language_of(path) == language
