"""Which checkpoints a training leaves, when, and where a run goes on from them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from codelm.batch import learned_weights
from codelm.callbacks import Checkpoints, SaveWhenStopped, TrainingHistory
from codelm.runs.checkpoints import load

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
]


class Losses(Callback):
    """Logs a score of our own after each validation."""

    def __init__(self, *losses):
        self.losses = iter(losses)

    def on_validation_epoch_end(self, trainer, pl_module):
        pl_module.log("val/score", next(self.losses))


class Spy(Callback):
    """Notes the step of ``last.ckpt``, if there is one, when a batch begins, and after the training."""

    def __init__(self):
        self.steps = []

    def on_train_batch_start(self, trainer, *_):
        self.steps.append(step_of_last(trainer))


def step_of_last(trainer):
    path = Path(trainer.checkpoint_callback.dirpath) / "last.ckpt"
    return load(path)["global_step"] if path.is_file() else None


@pytest.fixture
def checkpointed(make_trainer, make_module, make_data):
    """Return a function that trains with some checkpoints, in epochs of six batches; returns the trainer."""

    def train(checkpoints, *callbacks, ckpt_path=None, **options):
        trainer = make_trainer(*callbacks, **options)
        trainer.callbacks[trainer.callbacks.index(trainer.checkpoint_callback)] = checkpoints
        trainer.fit(make_module(), datamodule=make_data(), ckpt_path=ckpt_path)
        return trainer

    return train


def names(trainer):
    return {path.name for path in Path(trainer.checkpoint_callback.dirpath).iterdir()}


def test_last_is_where_the_run_stopped_also_after_an_epoch_that_got_worse(checkpointed):
    spy, checkpoints = Spy(), Checkpoints(monitor="val/score", filename="{step}")
    trainer = checkpointed(checkpoints, Losses(1.0, 2.0, 3.0), spy, max_epochs=3)
    assert spy.steps == [None] * 6 + [6] * 6 + [12] * 6
    assert step_of_last(trainer) == 18
    assert names(trainer) == {"last.ckpt", "step=6.ckpt"}


def test_last_is_written_within_an_epoch_behind_whole_steps_as_often_as_asked_for(checkpointed):
    spy = Spy()
    checkpoints = Checkpoints(monitor="val/loss", last_every_minutes=0)
    checkpointed(checkpoints, spy, max_epochs=1, accumulate_grad_batches=2)
    assert spy.steps == [None, None, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, [None] * 6),
        ({"every_n_train_steps": 2}, [None, None, 2, 2, 4, 4]),
        ({"train_time_interval": timedelta(0)}, [None, 1, 2, 3, 4, 5]),
    ],
    ids=["minutes", "steps", "time"],
)
def test_with_a_metric_of_validation_steps_and_time_are_those_of_last_and_the_best_is_kept(
    checkpointed, settings, steps
):
    spy = Spy()
    trainer = checkpointed(Checkpoints(monitor="val/loss", filename="{step}", **settings), spy, max_epochs=1)
    assert spy.steps == steps
    assert names(trainer) == {"last.ckpt", "step=6.ckpt"}


def test_last_is_not_written_where_nobody_wants_it(checkpointed):
    assert names(checkpointed(Checkpoints(monitor="val/loss", filename="best", save_last=False))) == {"best.ckpt"}


def test_old_versions_of_last_are_removed_once_there_is_a_newer_one(checkpointed, tmp_path):
    folder = tmp_path / "runs/demo/version_0/checkpoints"
    folder.mkdir(parents=True)
    for name in ("last.ckpt", "last-v1.ckpt", "last-v12.ckpt", "lasting.ckpt"):
        (folder / name).write_text("old")
    trainer = checkpointed(Checkpoints(dirpath=folder, monitor="val/loss", filename="best"), max_epochs=1)
    assert names(trainer) == {"last.ckpt", "best.ckpt", "lasting.ckpt"}
    assert step_of_last(trainer) == 6


def test_a_training_goes_on_from_any_of_its_checkpoints_to_the_same_end(checkpointed, tmp_path):
    class Keep(Callback):
        """Keeps each ``last.ckpt``."""

        def on_train_batch_start(self, trainer, *_):
            path = Path(trainer.checkpoint_callback.dirpath) / "last.ckpt"
            if path.is_file():
                shutil.copy(path, tmp_path / f"at-{step_of_last(trainer)}.ckpt")

    def train(*callbacks, **options):
        history = TrainingHistory()
        seen = []

        class Steps(Callback):
            def on_train_batch_end(self, trainer, *_):
                seen.append(
                    (trainer.current_epoch, trainer.global_step, trainer.fit_loop.epoch_loop._batches_that_stepped)
                )

        checkpoints = Checkpoints(monitor="val/loss", filename="best", last_every_minutes=0)
        checkpointed(checkpoints, history, Steps(), *callbacks, max_epochs=2, val_check_interval=3, **options)
        return [(each.epoch, each.step) for each in history.record.history], seen

    whole = train(Keep())
    assert whole[0] == [(epoch, 6 * epoch - left) for epoch in (1, 2) for left in (3, 0)]
    assert len(list(tmp_path.glob("at-*.ckpt"))) == 11
    for step in (2, 3, 6, 8):
        assert train(ckpt_path=tmp_path / f"at-{step}.ckpt") == (whole[0], whole[1][step:])


@pytest.mark.parametrize("limits", [{}, {"max_steps": 40}], ids=["epochs", "steps"])
def test_a_run_that_a_limit_of_steps_ended_is_measured_there_and_can_be_extended(checkpointed, limits):
    checkpoints = [Checkpoints(monitor="val/loss", filename="{step}", save_top_k=-1) for _ in range(2)]
    histories = TrainingHistory(), TrainingHistory()
    stopping = [EarlyStopping("val/loss", patience=9) for _ in range(2)]
    trainer = checkpointed(checkpoints[0], histories[0], stopping[0], max_epochs=2, max_steps=4)
    assert [each.step for each in histories[0].record.history] == [4]
    assert {"last.ckpt", "step=4.ckpt"} <= names(trainer)
    last = Path(checkpoints[0].dirpath) / "last.ckpt"
    trainer = checkpointed(checkpoints[1], histories[1], stopping[1], max_epochs=2, **limits, ckpt_path=last)
    assert [(each.epoch, each.step) for each in histories[1].record.history] == [(1, 4), (1, 6), (2, 12)]
    assert trainer.current_epoch == 2


def test_a_moved_run_goes_on_with_its_own_files_and_scores(checkpointed, tmp_path):
    first = Checkpoints(monitor="val/score", filename="{step}", save_top_k=2)
    checkpointed(first, Losses(1.0, 2.0, 3.0), max_epochs=3)
    moved = tmp_path / "moved"
    shutil.move(Path(first.dirpath), moved)
    second = Checkpoints(dirpath=moved, monitor="val/score", filename="{step}", save_top_k=2)
    trainer = checkpointed(second, Losses(1.5, 9.0), max_epochs=5, ckpt_path=moved / "last.ckpt")
    assert second.best_model_path == str(moved / "step=6.ckpt")
    assert float(second.best_model_score) == 1.0
    assert names(trainer) == {"last.ckpt", "step=6.ckpt", "step=24.ckpt"}


def test_a_best_checkpoint_that_is_gone_is_not_taken_for_the_best(checkpointed, tmp_path):
    first = Checkpoints(monitor="val/score", filename="{step}")
    checkpointed(first, Losses(1.0, 2.0), max_epochs=2)
    (Path(first.dirpath) / "step=6.ckpt").unlink()
    second = Checkpoints(dirpath=first.dirpath, monitor="val/score", filename="{step}")
    checkpointed(second, Losses(3.0), max_epochs=3, ckpt_path=Path(first.dirpath) / "last.ckpt")
    assert Path(second.best_model_path).name == "step=18.ckpt"


def test_checkpoints_of_lightning_s_own_class_are_gone_on_from(checkpointed):
    theirs = ModelCheckpoint(monitor="val/score", filename="{step}", save_last=True)
    trainer = checkpointed(theirs, Losses(1.0), max_epochs=1)
    ours, history = Checkpoints(dirpath=theirs.dirpath, monitor="val/score", filename="{step}"), TrainingHistory()
    trainer = checkpointed(ours, Losses(2.0), history, max_epochs=2, ckpt_path=theirs.last_model_path)
    assert (trainer.current_epoch, trainer.global_step) == (2, 12)
    assert [each.step for each in history.record.history] == [12]
    assert Path(ours.best_model_path).name == "step=6.ckpt"


def test_a_stop_within_an_accumulation_keeps_the_training_loss_of_whole_steps(checkpointed):
    weights = []

    class Stop(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            weights.append(float(learned_weights(batch)[:, 1:].sum()))
            if batch_idx == 4:
                trainer.checkpoint_callback.write_last(trainer)
                raise KeyboardInterrupt

    checkpoints = Checkpoints(monitor="val/loss")
    with pytest.raises(SystemExit):
        checkpointed(checkpoints, TrainingHistory(), Stop(), max_epochs=1, accumulate_grad_batches=3)
    saved = load(checkpoints.last_model_path)
    assert saved["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"] == 3
    assert float(saved["callbacks"]["Manifest"]["train_loss"][1]) == pytest.approx(sum(weights[:3]))


@pytest.mark.parametrize(
    "options", [{"val_check_interval": 2, "max_epochs": 1}, {"max_epochs": 3}], ids=["within", "epochs"]
)
@pytest.mark.parametrize("written", [True, False])
def test_a_stop_while_the_best_is_saved_leaves_what_no_stop_leaves(
    checkpointed, monkeypatch, tmp_path, written, options
):
    def train(name, *scores, stop_at=0, ckpt_path=None):
        saves = []

        def save(checkpoints, trainer, path):
            saves.append(path)
            if len(saves) != stop_at or written:
                save_checkpoint(checkpoints, trainer, path)
            if len(saves) == stop_at:
                raise KeyboardInterrupt

        monkeypatch.setattr(ModelCheckpoint, "_save_checkpoint", save)
        checkpoints = Checkpoints(dirpath=tmp_path / name, monitor="val/score", filename="{step}")
        callbacks = Losses(*scores), SaveWhenStopped()
        trainer = checkpointed(checkpoints, *callbacks, ckpt_path=ckpt_path, **options)
        return names(trainer), float(checkpoints.best_model_score), Path(checkpoints.best_model_path).name

    save_checkpoint = ModelCheckpoint._save_checkpoint
    with pytest.raises(SystemExit):
        train("stopped", 6.0, 5.0, stop_at=2)
    resumed = train("stopped", 5.0, 5.5, ckpt_path=tmp_path / "stopped/last.ckpt")  # the validation is done anew
    assert resumed == train("whole", 6.0, 5.0, 5.5)
