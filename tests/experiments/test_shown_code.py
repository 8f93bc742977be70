import re
from types import SimpleNamespace

import numpy as np
import pytest

from codelm.evaluation.data import HeldOutSample
from codelm.history.samples.pieces import Role
from experiments.shown_code import earlier_samples, main, nearest_samples


def sample(commit, *ids, context=0):
    roles = np.full(len(ids), Role.TARGET, np.uint8)
    roles[:context] = Role.CONTEXT
    return HeldOutSample(commit, np.array(ids), roles)


def test_a_sample_is_shown_those_before_it_in_its_commit():
    one, two, three, other = sample(1, 1), sample(1, 2), sample(1, 3), sample(2, 4)
    shown = list(earlier_samples([one, two, three, other], 9))
    assert [(each.sample, each.before) for each in shown] == [(two, [1]), (three, [1, 2])]


def test_of_more_than_a_row_holds_the_nearest_are_shown():
    one, two, three = sample(1, 1, 1), sample(1, 2), sample(1, 3)
    assert [each.before for each in earlier_samples([one, two, three], 3)] == [[1, 1], [2]]
    assert list(earlier_samples([one, two], 2)) == []


def test_the_training_sample_that_shares_the_most_words_is_shown_and_what_is_to_be_written_decides_on_nothing():
    words = ["alder", "birch", "cedar", "dogwood"]
    pieces = [[0, 1], [2, 3], [1, 2]]
    data = SimpleNamespace(
        store=SimpleNamespace(sample=lambda index: (np.array(pieces[index]), None), indices=lambda split: np.arange(3)),
        encoder=SimpleNamespace(decode=lambda ids: " ".join(words[token] for token in ids)),
    )
    asked = sample(1, *[2, 3] * 10, *[0, 1] * 50, context=20)
    assert [each.before for each in nearest_samples(data, [asked], 1000)] == [[2, 3]]
    assert list(nearest_samples(data, [asked], 400)) == []
    assert list(nearest_samples(data, [sample(1, *[2, 3] * 9, context=18)], 1000)) == []


@pytest.mark.slow
def test_both_kinds_of_code_make_a_change_likelier_to_the_bundled_base(make_repository, capsys):
    words = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gingko", "hazel", "ivy", "juniper", "larch", "maple"]

    def files(number):
        body = "".join(
            f"pub fn {word}(height: u32) -> Tree {{\n    Tree::{word}(height)\n}}\n\n" for word in words[:number]
        )
        return {"a.rs": body, "b.rs": body.replace("Tree", "Bush")}

    assert main([str(make_repository([files(number) for number in range(1, 13)]))]) == 0
    changes = re.findall(r"nats, (\S+) %", capsys.readouterr().out)
    assert len(changes) == 2
    assert all(float(change) < 0 for change in changes)


def test_a_folder_that_is_no_repository_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) != 0
    assert capsys.readouterr().err.startswith("experiments.shown_code: ")
