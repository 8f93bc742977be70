from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from codelm.batch import IGNORE
from codelm.callbacks import MemoryPeaks, TokensPerSecond


@pytest.fixture
def scalars(fit):
    """Train with a callback and return what it logged: name to pairs of step and value."""

    def read(callback, **options):
        trainer, _ = fit(callback, **options)
        events = EventAccumulator(trainer.log_dir)
        events.Reload()
        return {
            name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]
        }

    return read


def test_tokens_read_and_learned_are_counted_apart(make_rows, monkeypatch):
    clock, logged = iter([0.0, 2.0, 2.0]), {}
    monkeypatch.setattr("codelm.callbacks.monitors.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    logger = SimpleNamespace(log_metrics=lambda found, step: logged.update(found))
    trainer = SimpleNamespace(
        loggers=[logger], global_step=1, log_every_n_steps=1, accumulate_grad_batches=2, num_training_batches=9
    )
    batches = make_rows(2)
    for batch in batches:
        batch["labels"][:, :3] = IGNORE
        batch["weights"][:, 3:5] = 0
    callback = TokensPerSecond()
    for index, batch in enumerate(batches):
        callback.on_train_batch_end(trainer, None, None, batch, index)
    positions = 2 * batches[0]["labels"].numel()
    assert logged == {
        "train/tokens_per_second": positions / 2,
        "train/learned_tokens_per_second": (positions - 10) / 2,
    }


def test_speed_is_logged_at_each_step_and_how_full_the_rows_are_once(scalars):
    found = scalars(TokensPerSecond(), max_epochs=1)
    for name in ("train/tokens_per_second", "train/learned_tokens_per_second"):
        assert [step for step, _ in found[name]] == [1, 2, 3, 4, 5, 6]
    assert found["train/packing_efficiency"][0][1] == pytest.approx(0.99)


def test_only_every_nth_step_is_logged(scalars):
    for callback, name in ((TokensPerSecond(), "train/tokens_per_second"), (MemoryPeaks(), "memory/ram_gib")):
        found = scalars(callback, max_epochs=1, accumulate_grad_batches=2, log_every_n_steps=2)
        assert [step for step, _ in found[name]] == [2, 3]
