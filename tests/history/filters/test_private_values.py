from collections import Counter
from itertools import islice

from codelm.git.commits import Change, Commit, File, Hunk
from codelm.history.filters.drops import DropCounts
from codelm.history.filters.people import people_of
from codelm.history.filters.selection import filter_commits, filter_files
from codelm.history.filters.settings import Filters
from codelm.lines import lines_of

LINE = 'authors = ["Jo Li <jo@corp.com>"]\n'
CLEAN = 'authors = ["Jo Li <name@example.com>"]\n'


def change(added, *, removed="", path="Cargo.toml"):
    return Change(path, path, "M", "1", "2", added, (Hunk(0, 0, tuple(lines_of(removed)), tuple(lines_of(added))),))


def commit(*changes, message="Add a"):
    return Commit("c", (), "Jo Li", "jo@corp.com", 0, message, changes)


def kept_and_dropped(*commits, people=None, **settings):
    drops = DropCounts()
    return list(filter_commits(commits, Filters(**settings), drops, people=people)), drops


def test_an_address_is_replaced_in_code_message_and_path_and_the_hunk_is_learned():
    given = commit(
        change(f"[package]\n{LINE}", path="jo@corp.com/Cargo.toml"), message="Add\n\nAcked-by: Jo <jo@corp.com>"
    )
    (kept,), drops = kept_and_dropped(given)
    assert kept.message == "Add\n\nAcked-by: Jo <name@example.com>"
    assert kept.changes[0].after == f"[package]\n{CLEAN}"
    assert kept.changes[0].hunks[0].added == ("[package]\n", CLEAN)
    assert kept.changes[0].path == "name@example.com/Cargo.toml"
    reasons = ("personal", "personal in message", "personal in path")
    assert drops.values == Counter(f"{reason}: e-mail address" for reason in reasons)
    assert "corp.com" not in str(drops.places)


def test_a_hunk_that_changes_nothing_else_is_left_out():
    other = change("fn b() {}\n", path="b.rs")
    (kept,), drops = kept_and_dropped(commit(change(LINE, removed=LINE.replace("jo@", "li@")), other))
    assert kept.changes == (other,)
    assert drops.hunks == drops.files == {"only what names people": 1}


def test_names_are_replaced_by_choice():
    people = people_of(["emails", "names"], [(("Jo Li",), "")])
    (kept,), _ = kept_and_dropped(commit(change("// by Jo Li\n"), message="Thank Jo Li"), people=people)
    assert (kept.changes[0].after, kept.message) == ("// by Jane Doe\n", "Thank Jane Doe")


def test_nothing_is_replaced_where_nothing_is_chosen():
    given = commit(change(LINE))
    assert kept_and_dropped(given, redact=[])[0] == [given]


def test_the_places_of_what_is_dropped_name_nobody():
    dropped = Change("jo@corp.com.bin", "jo@corp.com.bin", "A", "1", "2", dropped="binary")
    _, drops = kept_and_dropped(commit(dropped))
    (place,) = islice(drops.places["files", "binary"].values(), 1)
    assert place.path == "name@example.com.bin"


def test_a_whole_file_is_learned_without_them():
    drops = DropCounts()
    files = [File("jo@corp.com.rs", "1", "fn a() {}\n// jo@corp.com\n"), File("jo@corp.com.png", "2", dropped="binary")]
    (kept,) = filter_files(files, Filters(), drops)
    assert kept == File("name@example.com", "1", "fn a() {}\n// name@example.com\n")
    assert drops.places["values", "personal: e-mail address"]["name@example.com"].line == 2
    assert "corp.com" not in str(drops.places)
