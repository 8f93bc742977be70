from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from codelm.errors import DamagedDataError, InputError
from codelm.git.repository import open_repository, read_graph
from codelm.history.build import build_store
from codelm.history.completeness import has_been_completed
from codelm.history.filters.settings import Filters
from codelm.history.held_out_changes import held_out_changes
from codelm.history.samples.formats import Formats
from codelm.history.samples.pieces import Kind
from codelm.history.store import Split, new_store, open_store
from codelm.history.store_settings import StoreSettings, store_key
from tests.git.test_blobs import remove_blob

IGNORE = ["target/", "Cargo.lock"]
SETTINGS = StoreSettings(256, Filters(ignore=IGNORE), Formats(), held_out=0.2, max_commits=None, seed=1)


def in_silence(items, total, description):
    return items


@pytest.fixture
def store_of(encoder, tmp_path):
    """Build a store, each in a folder of its own: ``store_of(open_repository(folder), max_commits=3)``."""
    numbers = count()

    def make(*repositories, **changes):
        folder = tmp_path / f"store-{next(numbers)}"
        with new_store(folder) as (writer, facts):
            facts |= build_store(repositories, replace(SETTINGS, **changes), encoder, writer, in_silence)
        return open_store(folder)

    return make


@pytest.fixture
def store_of_rust(store_of, rust_repository):
    """Build a store of the small project: ``store_of_rust(max_commits=3)``."""
    return partial(store_of, open_repository(rust_repository))


def test_every_commit_is_kept_or_dropped_for_one_reason(store_of_rust, git, rust_repository):
    scrape = store_of_rust().facts["scrape"]
    (history,) = scrape["repositories"]
    assert history["non_merges"] == int(git(rust_repository, "rev-list", "--count", "--no-merges", "HEAD"))
    for split in ("train", "validation", "test"):
        dropped = sum(scrape["dropped"][split]["commits"].values())
        assert history["kept"][split] + dropped == history["split"][split]


def test_commits_beyond_the_newest_so_many_are_counted(store_of_rust):
    scrape = store_of_rust(max_commits=5).facts["scrape"]
    (history,) = scrape["repositories"]
    assert history["kept"]["train"] == 5
    assert scrape["dropped"]["train"]["commits"]["older than the newest 5"] == history["split"]["train"] - 5


def test_without_training_commits_files_alone_are_learned_and_the_held_out_splits_stay(store_of_rust):
    store = store_of_rust(max_commits=0)
    kinds = set(store.samples["kind"][store.indices(Split.TRAIN)].tolist())
    assert kinds == {Kind.FILE}
    assert len(store.indices(Split.TEST))


def test_no_sample_comes_from_an_ignored_path(store_of_rust):
    assert [path for path in store_of_rust().facts["paths"] if not path.startswith("src/")] == []


def test_held_out_commits_are_the_newest_and_share_nothing_with_training(store_of_rust, rust_repository):
    store = store_of_rust()
    order = [node.sha for node in read_graph(open_repository(rust_repository))]
    commits = store.commits
    places = {
        split: {order.index(commits[row["commit"]]["sha"]) for row in store.samples[store.indices(split)]}
        for split in Split
    }
    assert max(places[Split.TRAIN]) < min(places[Split.VALIDATION])
    assert max(places[Split.VALIDATION]) < min(places[Split.TEST])


def test_training_commits_of_a_fork_are_not_held_out_of_another_repository(store_of, rust_repository):
    store = store_of(*(open_repository(rust_repository, revision) for revision in ("HEAD~8", "HEAD")))
    commits = store.commits
    shas = [
        {commits[row["commit"]]["sha"] for row in store.samples[store.indices(split)] if row["kind"] != Kind.FILE}
        for split in Split
    ]
    assert not shas[0] & shas[1] | shas[0] & shas[2] | shas[1] & shas[2]
    dropped = store.facts["scrape"]["dropped"]
    for split in ("train", "validation", "test"):
        histories = store.facts["scrape"]["repositories"]
        kept, total = (sum(history[fact][split] for history in histories) for fact in ("kept", "split"))
        assert kept + sum(dropped[split]["commits"].values()) == total
    assert dropped["validation"]["commits"]["shared with another repository"] > 0


def test_held_out_holes_are_whole_hunks_whatever_share_of_those_in_training_is_at_a_cursor(store_of_rust):
    found = []
    for rate in (0.0, 1.0):
        store = store_of_rust(formats=Formats(fim_rate=1.0, cursor_rate=rate))
        found.append([[store.sample(index)[0].tolist() for index in store.indices(split).tolist()] for split in Split])
    (training, *held_out), (at_cursors, *held_out_too) = found
    assert training != at_cursors
    assert held_out == held_out_too


def test_each_added_line_of_the_training_commits_is_a_target_once(store_of_rust, encoder, rust_repository, read):
    store = store_of_rust(formats=Formats(whole_files=False), filters=Filters(ignore=IGNORE, duplicates=False))
    learned = {store.commits[row["commit"]]["sha"] for row in store.samples[store.indices(Split.TRAIN)]}
    changes = [change for commit in read(rust_repository) if commit.sha in learned for change in commit.changes]
    hunks = [hunk for change in changes if change.path.startswith("src/") for hunk in change.hunks]
    rows = store.samples[store.indices(Split.TRAIN)]
    ends = sum(row["kind"] == Kind.FIM for row in rows)
    tokens = sum(encoder.count(["".join(line for hunk in hunks for line in hunk.added)]))
    # Each end of text is one target more, and tokens at the seams may be cut otherwise.
    assert rows["targets"].sum() == pytest.approx(tokens + ends, rel=0.1)


def test_no_sample_is_longer_than_a_row(store_of_rust):
    assert store_of_rust(sequence_length=64).samples["length"].max() <= 64


def test_the_newest_files_are_learned_whole_as_they_stood_at_the_cut(store_of_rust, git, rust_repository):
    store = store_of_rust()
    (history,) = store.facts["scrape"]["repositories"]
    listed = git(rust_repository, "ls-tree", "-r", "--name-only", history["split"]["cut"]).splitlines()
    rows = store.samples[store.samples["kind"] == Kind.FILE]
    names = {store.facts["paths"][row["path"]] for row in rows}
    assert names == {path for path in listed if path.startswith("src/")}
    assert {row["split"] for row in rows} == {Split.TRAIN}


def test_the_counts_agree_with_the_table(store_of_rust):
    store = store_of_rust()
    for split in Split:
        rows = store.samples[store.indices(split)]
        counts = store.facts["tokenize"][split.name.lower()]
        totals = len(rows), rows["length"].sum(), rows["targets"].sum()
        assert (counts["samples"], counts["tokens"], counts["targets"]) == totals
        assert Counter(rows["kind"].tolist()) == {kind: n for kind in Kind if (n := counts["kinds"][kind.name.lower()])}


@pytest.mark.parametrize(
    "change",
    [{"sequence_length": 128}, {"held_out": 0.3}, {"seed": 2}, {"formats": Formats(0.1)}, {"filters": Filters()}],
)
def test_the_key_of_a_store_depends_on_all_that_decides_its_content(rust_repository, change):
    repositories = [open_repository(rust_repository)]
    key = store_key(repositories, SETTINGS, "tokenizer")
    assert key == store_key([open_repository(rust_repository, "main")], SETTINGS, "tokenizer")
    assert key != store_key(repositories, replace(SETTINGS, **change), "tokenizer")
    assert key != store_key(repositories, SETTINGS, "another tokenizer")
    assert key != store_key([open_repository(rust_repository, "HEAD~1")], SETTINGS, "tokenizer")


def test_a_history_too_short_to_split_is_refused(make_repository, store_of):
    folder = make_repository([{"a.rs": "fn a() {}\n"}])
    with pytest.raises(InputError, match="at least 10") as refused:
        store_of(open_repository(folder))
    assert str(refused.value).startswith(f"{folder}: 1 commit ")


def test_the_end_of_a_shallow_clone_is_no_empty_commit(store_of, rust_repository, git, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=20", f"file://{rust_repository}", "cut")
    facts = store_of(open_repository(tmp_path / "cut")).facts
    assert facts["scrape"]["dropped"]["train"]["commits"] == {"shallow boundary": 1}


@pytest.mark.parametrize(("number", "dropped"), [(0, 2), (77, 0)])
def test_a_quoted_revert_is_judged_by_what_it_undoes(make_repository, store_of, git, number, dropped):
    code = "fn number_{n}() -> u32 {{ {n} * {n} }}\n"
    files = [{f"src/{n}.rs": code.format(n=n)} for n in range(14)]
    begun = [*files[:5], {"src/0.rs": code.format(n=99)}]
    quoted = git(make_repository(begun), "rev-parse", "HEAD")
    message = f"Tidy up (#7)\n\n* Revert the last\n\nThis reverts commit {quoted}.\n\n* Rename"
    later = {"src/0.rs": code.format(n=number)}, {"message": message}
    facts = store_of(open_repository(make_repository([*begun, later, *files[5:]]))).facts
    assert facts["scrape"]["dropped"]["train"]["commits"].get("reverted pair", 0) == dropped


def test_attributes_of_the_tip_hold_for_all_commits(make_repository, store_of):
    code = "fn number_{n}() -> u32 {{ {n} * {n} }}\n"
    commits = [{f"src/{n}.rs": code.format(n=n), "src/made.rs": code.format(n=100 + n)} for n in range(12)]
    folder = make_repository([*commits, {".gitattributes": "src/made.rs linguist-generated\n"}])
    paths = store_of(open_repository(folder)).facts["paths"]
    assert "src/made.rs" not in paths
    assert "src/0.rs" in paths


def test_attributes_below_the_root_count_and_may_take_a_vendored_folder_back_in(make_repository, store_of):
    code = "fn number_{n}() -> u32 {{ {n} * {n} }}\n"
    paths = ("src/{n}.rs", "third_party/ours/{n}.rs", "api/{n}.rs")
    commits = [{path.format(n=n): code.format(n=f"{n}{path[0]}") for path in paths} for n in range(12)]
    attributes = {
        ".gitattributes": "third_party/ours/** -linguist-vendored\n[attr]made linguist-generated=1\n",
        "api/.gitattributes": "*.rs made\n",
    }
    learned = store_of(open_repository(make_repository([*commits, attributes]))).facts["paths"]
    assert {path.rpartition("/")[0] for path in learned if path.endswith(".rs")} == {"src", "third_party/ours"}


def test_the_git_that_read_the_history_is_named(store_of_rust, git, rust_repository):
    assert git(rust_repository, "version") == f"git version {store_of_rust().facts['scrape']['git']}"


def test_attributes_that_cannot_be_read_are_counted_and_awaited(make_repository, store_of, git):
    code = "fn number_{n}() -> u32 {{ {n} * {n} }}\n"
    commits = [{f"src/{n}.rs": code.format(n=n), f"made/{n}.rs": code.format(n=100 + n)} for n in range(12)]
    source = make_repository([*commits, {"made/.gitattributes": "*.rs linguist-generated\n"}])
    whole = store_of(open_repository(source)).facts
    assert [path for path in whole["paths"] if path.startswith("made/")] == ["made/.gitattributes"]
    repository = open_repository(remove_blob(source, git, "HEAD:made/.gitattributes"))
    store = store_of(repository)
    (history,) = store.facts["scrape"]["repositories"]
    assert history["read"]["attributes"] == ["made/.gitattributes"]
    assert "made/0.rs" in store.facts["paths"]
    assert not has_been_completed(store.folder, [repository])
    git(source, "hash-object", "-w", "--stdin", stdin=b"*.rs linguist-generated\n")
    assert has_been_completed(store.folder, [repository])


@pytest.mark.parametrize("damaged", [1, 9])
def test_a_little_damage_is_counted_and_much_is_refused(make_repository, store_of, git, damaged):
    code = "fn number_{n}() -> u32 {{ {n} * {n} }}\n"
    folder = make_repository([{f"src/{n}.rs": code.format(n=n)} for n in range(20)])
    for n in range(damaged):
        sha = git(folder, "rev-parse", f"HEAD:src/{n}.rs")
        if n == 0:
            remove_blob(folder, git, f"HEAD:src/{n}.rs")
        (folder / ".git/objects" / sha[:2]).mkdir(exist_ok=True)
        (folder / ".git/objects" / sha[:2] / sha[2:]).unlink(missing_ok=True)
        (folder / ".git/objects" / sha[:2] / sha[2:]).write_bytes(b"garbage")
    if damaged == 1:
        (history,) = store_of(open_repository(folder)).facts["scrape"]["repositories"]
        # The damaged file was asked for as a file and as a change.
        assert history["read"] == {"contents": 36, "missing": 0, "damaged": 2, "attributes": []}
    else:
        with pytest.raises(DamagedDataError, match="file contents are damaged; run git fsck"):
            store_of(open_repository(folder))


def test_the_changes_of_the_test_split_are_kept_as_text(store_of_rust, git, rust_repository):
    store = store_of_rust()
    changes = list(held_out_changes(store.folder))
    tested = set(store.samples["commit"][store.indices(Split.TEST)].tolist())
    assert {change.commit for change in changes} >= tested
    kept = store.facts["scrape"]["repositories"][0]["kept"]["test"]
    assert len({change.commit for change in changes}) == kept
    for change in changes:
        sha = store.commits[change.commit]["sha"]
        shown = git(rust_repository, "show", "-U0", "--format=", sha, "--", change.path).split("\n")
        lines = change.text.split("\n")
        added = [line for start, stop in change.spans for line in lines[start:stop]]
        assert set(added) <= {line[1:] for line in shown if line.startswith("+")}
        assert change.text.rstrip("\n") == git(rust_repository, "show", f"{sha}:{change.path}")


def test_the_languages_of_a_repository_are_those_that_people_write_there(store_of, make_repository):
    rust, c = "fn main() {\n    work();\n}\n", "int work(void) { return 1; }\n"
    files = {"src/main.rs": rust, "vendor/sqlite3.c": c * 50, "src/bindings.c": "/* Generated by a tool */\n" + c * 50}
    repository = make_repository([{**files, "src/main.rs": rust + f"// {number}\n"} for number in range(10)])
    (analysis,) = store_of(open_repository(repository)).facts["analysis"]["repositories"]
    assert list(analysis["languages"]) == ["Rust"]
    assert (analysis["rust_share_of_code"], analysis["recommended_config"]) == (1.0, "configs/rust.yaml")
