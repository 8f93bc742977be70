import json
from collections import Counter

from codelm.history.filters.drops import DropCounts, Place, format_table


def test_columns_are_aligned_and_the_largest_count_is_first_and_nothing_dropped_is_a_sentence():
    assert format_table(DropCounts()) == "nothing was dropped"
    drops = DropCounts(Counter({"bot": 2, "no kept file": 31}), Counter({"ignored by pattern target/": 1234}))
    assert format_table(drops).splitlines() == [
        "dropped  reason                      count",
        "commits  no kept file                   31",
        "commits  bot                             2",
        "files    ignored by pattern target/  1,234",
    ]


def test_counts_survive_json():
    drops = DropCounts(files=Counter(binary=3, deleted=4))
    assert json.loads(json.dumps(drops.as_dict())) == {
        "commits": {},
        "files": {"deleted": 4, "binary": 3},
        "hunks": {},
        "values": {},
    }


def test_places_are_the_first_in_each_file_or_each_commit_and_at_most_a_hundred():
    drops = DropCounts()
    drops.add("hunks", "deleted", Place("new", "a.rs", 7))
    drops.add("hunks", "deleted", Place("old", "a.rs", 9))
    drops.add("commits", "bot", Place("old"))
    assert drops.without_commits(["old", "new"], {"new"}, "shallow boundary") == ["old"]
    assert drops == DropCounts(Counter({"bot": 1, "shallow boundary": 1}), hunks=Counter(deleted=2))
    assert drops.places == {
        ("hunks", "deleted"): {"a.rs": Place("new", "a.rs", 7)},
        ("commits", "bot"): {"old": Place("old")},
        ("commits", "shallow boundary"): {"new": Place("new")},
    }
    for number in range(150):
        drops.add("files", "empty", Place("", str(number)))
    assert drops.files["empty"] == 150
    assert len(drops.places["files", "empty"]) == 100
