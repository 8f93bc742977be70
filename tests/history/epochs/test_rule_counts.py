import numpy as np

from codelm.history.epochs.importance import Importance, author_digests
from codelm.history.epochs.rule_counts import rule_counts
from codelm.history.store import SAMPLE


def table(*rows):
    """Samples of these commits and paths."""
    found = np.zeros(len(rows), SAMPLE)
    found["commit"], found["path"] = zip(*rows, strict=True) if rows else ((), ())
    return found


def commit(sha, message, author="Jo"):
    return {"sha": sha, "message": message, "author": author_digests(sha, author, "jo@example.org")}


COMMITS = [commit("a", "Add a trait"), commit("b", "Fix an error, add a test"), commit("c", "Tidy", "Al")]
PATHS = ["src/lib.rs", "src/core/a.rs", "README.md", "src/unused.rs"]


def counted(importance, samples=((0, 0), (0, 0), (1, 1), (2, 2))):
    found = rule_counts(table(*samples), COMMITS, PATHS, importance)
    return [(each["rule"], each["count"], each["of"]) for each in found]


def test_of_the_rules_of_files_the_first_that_matches_counts_and_each_file_once():
    rules = {"lib.rs": 2.0, "src/": 1.3, "tests/": 0.7}
    assert counted(Importance(file_rules=rules)) == [("lib.rs", 1, 3), ("src/", 1, 3), ("tests/", 0, 3)]


def test_a_file_is_weighed_by_its_deepest_folder():
    assert counted(Importance(directories={"src": 2.0, "src/core/": 3.0})) == [("src", 1, 3), ("src/core/", 1, 3)]


def test_a_commit_is_weighed_by_each_rule_of_its_message_and_by_one_of_its_author():
    messages = Importance(message_rules={"trait|impl": 1.5, "add": 1.3})
    assert counted(messages) == [("trait|impl", 1, 3), ("add", 2, 3)]
    assert counted(Importance(authors={"al": 0.5, "jo@example.org": 2.0})) == [("al", 1, 3), ("jo@example.org", 2, 3)]


def test_without_rules_or_samples_there_is_nothing_to_count():
    assert counted(Importance()) == []
    assert counted(Importance(message_rules={"add": 1.3}), ()) == [("add", 0, 0)]
