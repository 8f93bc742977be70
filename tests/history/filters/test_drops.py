import json
from collections import Counter

from codelm.history.filters.drops import DropCounts, format_table


def test_nothing_dropped_is_a_sentence():
    assert format_table(DropCounts()) == "nothing was dropped"


def test_columns_are_aligned_and_the_largest_count_is_first():
    drops = DropCounts(Counter({"bot": 2, "no kept file": 31}), Counter({"ignored by pattern target/": 1234}))
    lines = format_table(drops).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[-1] for line in lines] == ["count", "31", "2", "1,234"]


def test_counts_survive_json():
    drops = DropCounts(files=Counter(binary=3, deleted=4))
    assert json.loads(json.dumps(drops.as_dict())) == {"commits": {}, "files": {"deleted": 4, "binary": 3}, "hunks": {}}
