import numpy as np
import pytest

from codelm.errors import InputError
from codelm.history.epochs.curriculum import draw_epoch
from codelm.history.epochs.importance import Importance
from codelm.history.epochs.refresh import Refresh, training_draw
from codelm.history.samples.pieces import Kind
from codelm.history.store import SAMPLE

PATHS = ["src/a.rs", "src/b.rs"]
CUT, NEW, OLD = range(3)
COMMITS = [
    {"sha": "1", "repository": "x", "time": time, "author": "Jo <jo@example.org>", "message": "Add"}
    for time in (None, 2, 1)
]
COMMITS[OLD]["learned"] = True


def table(*rows):
    """Samples by kind, commit and path."""
    samples = np.zeros(len(rows), SAMPLE)
    for sample, (kind, commit, path) in zip(samples, rows, strict=True):
        sample["kind"], sample["commit"], sample["path"] = kind, commit, path
    return samples


def changes(old, new):
    return table(*[(Kind.CHANGE, OLD, 0)] * old, *[(Kind.CHANGE, NEW, 1)] * new)


def draw(samples, replay=0.25, importance=Importance(), learned=("0" * 40,), commits=COMMITS):
    return training_draw(samples, commits, PATHS, importance, Refresh(list(learned), replay))


@pytest.mark.parametrize(("replay", "again"), [(0.0, 0), (0.25, 10), (0.5, 30), (0.75, 90)])
def test_each_new_sample_is_drawn_once_and_old_ones_are_a_share_of_an_epoch(replay, again):
    weights, draws = draw(changes(old=300, new=30), replay)
    assert draws == 30 + again
    for seed in range(5):
        (drawn,) = draw_epoch(weights, np.zeros(330), seed=seed, epoch=0, curriculum_epochs=0, draws=draws)
        assert (np.bincount(drawn, minlength=330)[300:] == 1).all()
        assert len(drawn) == draws


def test_each_epoch_replays_others():
    weights, draws = draw(changes(old=300, new=30))
    epochs = [
        set(draw_epoch(weights, np.zeros(330), seed=1, epoch=epoch, curriculum_epochs=0, draws=draws)[0].tolist())
        for epoch in range(5)
    ]
    assert len(set.union(*epochs)) > 30 + 3 * 10


def test_no_more_is_replayed_than_there_is():
    weights, draws = draw(changes(old=5, new=90), replay=0.5)
    assert draws == 95
    np.testing.assert_allclose(weights, 1.0)


def test_what_has_no_weight_is_neither_replayed_nor_new():
    without = Importance(file_rules={"a.rs": 0.0})
    samples = table(*[(Kind.CHANGE, OLD, path) for path in (0, 0, 0, 1)], *[(Kind.CHANGE, NEW, 1)] * 3)
    weights, draws = draw(samples, replay=0.5, importance=without)
    assert draws == 3 + 1
    assert weights.tolist() == [0, 0, 0, 1, 1, 1, 1]
    with pytest.raises(InputError, match="nothing is new to learn"):
        draw(table((Kind.CHANGE, OLD, 1), (Kind.CHANGE, NEW, 0)), importance=without)


def test_whole_files_are_new_where_a_new_commit_changed_them():
    files = [(Kind.FILE, CUT, path) for path in (0, 1)]
    weights, draws = draw(table(*files, (Kind.CHANGE, OLD, 0), (Kind.FIM, NEW, 1)), replay=0.0)
    assert weights.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert draws == 2


def test_a_file_of_another_repository_is_another_file():
    other = COMMITS[CUT] | {"repository": "y"}
    samples = table((Kind.FILE, CUT, 1), (Kind.FILE, 3, 1), (Kind.CHANGE, NEW, 1))
    assert draw(samples, replay=0.0, commits=[*COMMITS, other])[0].tolist() == [1.0, 0.0, 1.0]


def test_the_rules_of_importance_count_among_the_new_and_among_the_old():
    samples = table((Kind.CHANGE, OLD, 0), (Kind.CHANGE, OLD, 1), (Kind.CHANGE, NEW, 0), (Kind.CHANGE, NEW, 1))
    weights, draws = draw(samples, replay=0.5, importance=Importance(file_rules={"a.rs": 3.0}))
    np.testing.assert_allclose(weights, [1.5, 0.5, 1.5, 0.5])
    assert draws == 4


def test_a_training_that_begins_anew_draws_all():
    weights, draws = draw(changes(old=3, new=2), learned=())
    assert weights.tolist() == [1.0] * 5
    assert draws == 5


def test_where_all_that_is_new_was_left_out_a_line_says_so():
    with pytest.raises(InputError, match="nothing is new to learn"):
        draw(changes(old=3, new=0))


@pytest.mark.parametrize("replay", [-0.1, 1, float("nan")])
def test_an_impossible_share_is_refused(replay):
    with pytest.raises(InputError, match=r"data.refresh.replay is .*: give a share from 0 to below 1"):
        Refresh(replay=replay)
