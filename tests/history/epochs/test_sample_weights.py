import numpy as np

from codelm.history.epochs.importance import Importance, author_digests
from codelm.history.epochs.sample_weights import sample_weights
from codelm.history.samples.pieces import Kind
from codelm.history.store import SAMPLE


def test_a_commit_of_forty_files_gives_each_its_own_weight():
    samples = np.zeros(40, SAMPLE)
    samples["path"], samples["kind"] = range(40), Kind.CHANGE
    author = author_digests("c1", "Jo", "jo@example.org")
    commit = {"repository": "a", "sha": "c1", "time": 0, "author": author, "message": "A trait"}
    paths = [f"src/{number}.rs" for number in range(40)]
    rules = Importance(file_rules={"src/": 1.3}, message_rules={"trait": 1.5}, authors={"jo": 2.0})
    np.testing.assert_allclose(sample_weights(samples, [commit], paths, rules), 1.3 * 1.5 * 2.0)
