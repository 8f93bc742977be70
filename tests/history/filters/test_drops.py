import json
from collections import Counter

from codelm.history.filters.drops import DropCounts, format_table


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
