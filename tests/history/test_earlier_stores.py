import json
import shutil
from dataclasses import replace

import pytest

from codelm.git.repository import open_repository
from codelm.history import sample_writer
from codelm.history.build import build_store
from codelm.history.earlier_stores import newest_store
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats
from codelm.history.store import Split, new_store, open_store
from codelm.history.store_settings import StoreSettings, family_of, store_key
from codelm.history.tokenization.encoder import encode_within

SETTINGS = StoreSettings(256, Filters(), Formats(context_lines=4), held_out=0.2, max_commits=None, seed=1)
FUNCTION = "\npub fn number_{n}(value: u64) -> Option<u64> {{\n    value.checked_mul({n} * 7919)\n}}\n"


def in_silence(items, total, description):
    return items


def without_seconds(facts):
    if isinstance(facts, dict):
        return {name: without_seconds(each) for name, each in facts.items() if name != "seconds"}
    return [without_seconds(each) for each in facts] if isinstance(facts, list) else facts


def content_of(store):
    """Return all that a store holds but for times, and for the checksums, which depend on them."""
    files = {path.name: path.read_bytes() for path in store.folder.iterdir() if path.name != "sums.txt"}
    return files | {"facts.json": without_seconds(json.loads(files["facts.json"]))}


def commits(count, start=0):
    """Return commits that each add a function to one of three files, with renames, reverts and copies among them.

    A commit with a copy changes another place as well: the change stays, without the copy, when a newer one comes.
    """
    files = {f"src/{name}.rs": f"//! All about {name}.\n" for name in ("one", "two", "three")}
    made = []
    for n in range(count):
        path = list(files)[n % len(files)]
        files[path] += FUNCTION.format(n=n if n % 7 else 0)
        if n % 7 == 0:
            files[path] = f"//! Number {n} of all about something.\n" + files[path]
        made.append(({path: files[path]}, {"message": f"Add {n + start}"}))
        if n % 10 == 4:
            new = f"src/renamed_{n}.rs"
            files[new] = files.pop(path)
            made.append(({path: None, new: files[new] + FUNCTION.format(n=1000 + n)}, {"message": f"Rename {n}"}))
            files[new] += FUNCTION.format(n=1000 + n)
        if n % 10 == 8:
            files[path] = files[path].removesuffix(FUNCTION.format(n=n))
            made.append(({path: files[path]}, {"message": f'Revert "Add {n + start}"'}))
    return made


def with_merges(made):
    """Return commits with a branch of two at every ninth."""
    result = []
    for number, (files, options) in enumerate(made):
        result.append((files, options | ({"parents": [len(result) - 1]} if result else {})))
        if number % 9 == 5:
            tip = len(result) - 1
            side = {"branch.rs": "".join(FUNCTION.format(n=5000 + number + each) for each in range(number))}
            result.append((side, {"message": "On a branch", "parents": [tip]}))
            result.append((side, {"message": "Merge", "parents": [tip, tip + 1]}))
    return result


@pytest.fixture
def build(encoder, tmp_path):
    """Build a store as the command does: ``build(folder, "HEAD~3", cache="other")`` returns it and the earlier one."""

    def make(folder, revision="HEAD", *, cache="cache", encoder=encoder, **changes):
        repositories, settings = [open_repository(folder, revision)], replace(SETTINGS, **changes)
        place = tmp_path / cache
        earlier = newest_store(place, family_of(repositories, settings, encoder))
        target = place / store_key(repositories, settings, encoder.fingerprint)
        with new_store(target) as (writer, facts):
            facts |= build_store(repositories, settings, encoder, writer, in_silence, earlier)
        return open_store(target), earlier

    return make


@pytest.mark.parametrize("appended", [1, 3, 10])
@pytest.mark.parametrize("history", [commits(40), with_merges(commits(40))], ids=["line", "merges"])
def test_a_history_that_moved_on_gives_the_store_that_is_built_whole(build, make_repository, history, appended):
    folder = make_repository(history)
    before, nothing = build(folder, f"HEAD~{appended}")
    after, earlier = build(folder)
    whole, _ = build(folder, cache="other")
    assert nothing is None
    assert earlier.store.folder == before.folder
    assert 0 < earlier.found < earlier.asked
    assert content_of(after) == content_of(whole)


def test_the_split_moves_with_the_history(build, make_repository):
    folder = make_repository(commits(40))
    before, _ = build(folder, "HEAD~10")
    after, earlier = build(folder)
    cuts = {store.facts["scrape"]["repositories"][0]["split"]["cut"] for store in (before, after)}
    assert len(cuts) == 2
    commit_of = {
        split: {before.commits[row]["sha"] for row in before.samples["commit"][before.indices(split)]}
        for split in Split
    }
    learned = {after.commits[row]["sha"] for row in after.samples["commit"][after.indices(Split.TRAIN)]}
    assert commit_of[Split.VALIDATION] & learned
    assert earlier.found


def test_only_what_is_new_is_encoded(build, make_repository, monkeypatch):
    folder = make_repository(commits(40))
    counts = []

    def counted(makers, *arguments):
        counts.append(len(makers))
        return encode_within(makers, *arguments)

    monkeypatch.setattr(sample_writer, "encode_within", counted)
    build(folder, "HEAD~2", max_commits=1000)
    whole, counts[:] = sum(counts), []
    build(folder, "HEAD~2")  # another store of the same samples
    assert (sum(counts), len(counts) > 0) == (0, True)
    _, earlier = build(folder)
    assert 0 < sum(counts) == earlier.asked - earlier.found < whole / 3


def test_a_history_that_was_rewritten_gives_the_store_that_is_built_whole(build, make_repository):
    made = commits(40)
    build(make_repository([*made[:30], *commits(12, start=100)], name="a/numbers"))
    folder = make_repository(made, name="b/numbers")
    after, earlier = build(folder)
    assert 0 < earlier.found < earlier.asked
    assert content_of(after) == content_of(build(folder, cache="other")[0])


@pytest.mark.parametrize(
    "change",
    [{"filters": Filters(duplicates=False)}, {"held_out": 0.4}, {"max_commits": 9}],
    ids=["filters", "held_out", "max_commits"],
)
def test_other_filters_and_splits_use_the_same_samples(build, make_repository, change):
    folder = make_repository(commits(40))
    build(folder)
    after, earlier = build(folder, **change)
    assert earlier.found
    assert content_of(after) == content_of(build(folder, cache="other", **change)[0])


@pytest.mark.parametrize(
    "change", [{"sequence_length": 128}, {"seed": 2}, {"formats": Formats(context_lines=5)}, {"formats": Formats(0.1)}]
)
def test_settings_that_make_other_samples_use_none_of_an_earlier_store(build, rust_repository, change):
    build(rust_repository)
    assert build(rust_repository, **change)[1] is None


def test_another_tokenizer_uses_none_of_an_earlier_store(build, rust_repository, plain_encoder):
    build(rust_repository)
    assert build(rust_repository, encoder=plain_encoder)[1] is None


def test_another_repository_uses_none_of_an_earlier_store(build, make_repository):
    build(make_repository(commits(20), name="one"))
    assert build(make_repository(commits(20), name="two"))[1] is None


@pytest.mark.parametrize("cut", [True, False], ids=["truncated", "one byte changed"])
@pytest.mark.parametrize("name", ["tokens.bin", "roles.bin", "samples.npy", "groups.*.npy", "judged.bin", "sums.txt"])
def test_of_a_damaged_store_nothing_is_used_and_one_line_says_so(build, make_repository, caplog, name, cut):
    folder = make_repository(commits(30))
    older, _ = build(folder, "HEAD~5")
    damaged, _ = build(folder, "HEAD~2")
    [path] = damaged.folder.glob(name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if cut else content)
    after, earlier = build(folder)
    assert earlier.store.folder == older.folder
    [line] = [record.message for record in caplog.records]
    assert f"ignoring the cache {damaged.folder}, which is damaged (not as in sums.txt: " in line
    assert "what it holds is made anew" in line
    assert content_of(after) == content_of(build(folder, cache="other")[0])


def test_a_store_without_its_groups_is_not_used_and_nothing_said(build, make_repository, caplog):
    folder = make_repository(commits(20))
    store, _ = build(folder, "HEAD~1")
    [path] = store.folder.glob("groups.*.npy")
    path.unlink()
    assert build(folder)[1] is None
    assert not caplog.records


def test_a_store_that_is_removed_when_it_is_opened_is_not_named(build, make_repository, caplog, monkeypatch):
    folder = make_repository(commits(20))
    build(folder, "HEAD~1")

    def removed_first(path):
        shutil.rmtree(path, ignore_errors=True)
        return open_store(path)

    monkeypatch.setattr("codelm.history.earlier_stores.open_store", removed_first)
    assert build(folder)[1] is None
    assert not caplog.records


def test_a_store_may_be_removed_while_its_samples_are_used(build, make_repository, encoder, tmp_path):
    folder = make_repository(commits(30))
    store, _ = build(folder, "HEAD~5")
    repositories = [open_repository(folder)]
    earlier = newest_store(store.folder.parent, family_of(repositories, SETTINGS, encoder))
    shutil.rmtree(store.folder)
    key = store_key(repositories, SETTINGS, encoder.fingerprint)
    with new_store(tmp_path / "third" / key) as (writer, facts):
        facts |= build_store(repositories, SETTINGS, encoder, writer, in_silence, earlier)
    assert earlier.found
    assert content_of(open_store(tmp_path / "third" / key)) == content_of(build(folder, cache="other")[0])


def test_of_a_store_that_is_being_built_nothing_is_used_and_two_builders_make_one(build, make_repository, encoder):
    folder = make_repository(commits(30))
    store, _ = build(folder, "HEAD~5")
    repositories = [open_repository(folder)]
    family, key = family_of(repositories, SETTINGS, encoder), store_key(repositories, SETTINGS, encoder.fingerprint)
    with new_store(store.folder.parent / key) as (writer, facts):
        facts |= build_store(repositories, SETTINGS, encoder, writer, in_silence)
        assert newest_store(store.folder.parent, family).store.folder == store.folder
        after, earlier = build(folder)
        assert earlier.store.folder == store.folder
    assert content_of(open_store(after.folder)) == content_of(build(folder, cache="other")[0])


def test_without_a_cache_nothing_is_found(tmp_path):
    assert newest_store(tmp_path / "nowhere", "family") is None
