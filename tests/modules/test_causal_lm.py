import math
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from torch.optim import SGD
from transformers import AutoModelForCausalLM

from codelm.errors import CodelmError, InputError
from codelm.modules import CausalLM
from codelm.modules.finite import report_failure


@pytest.fixture
def make_model(tiny_base):
    """Return a function that makes a CausalLM which trains all of the tiny base."""

    class Everything(CausalLM):
        def build(self):
            return AutoModelForCausalLM.from_pretrained(tiny_base)

    return Everything


@pytest.fixture
def recorder():
    """Return a callback that keeps every step's logged numbers."""

    class Recorder(Callback):
        def __init__(self):
            self.steps = []

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            self.steps.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    return Recorder()


def weights_of(model):
    return {name: parameter.detach().clone() for name, parameter in model.trained()}


def one_by_one(batch):
    """Split a batch into its rows; each keeps the weight of the whole step."""
    return [
        {name: part if name == "step_weight" else part[row : row + 1] for name, part in batch.items()}
        for row in range(len(batch["input_ids"]))
    ]


UNEVEN = [[32], [3], [2, 2, 5], [20, 10], [4], [30], [7, 8, 9], [2]]


def test_eight_small_batches_learn_what_one_large_batch_learns(make_model, fit, make_batch):
    batch = make_batch(*UNEVEN)
    together, apart = make_model(), make_model()
    for model in (together, apart):
        model.configure_optimizers = lambda model=model: SGD(model.parameters(), lr=1.0)
    fit(together, [batch])
    fit(apart, one_by_one(batch), accumulate_grad_batches=8)
    torch.testing.assert_close(weights_of(apart), weights_of(together), rtol=1e-5, atol=1e-6)


def test_the_logged_loss_of_a_step_is_the_mean_over_its_label_weights(make_model, fit, make_batch, recorder):
    batch = make_batch(*UNEVEN)
    model = make_model()
    fit(model, one_by_one(batch), accumulate_grad_batches=8, callbacks=[recorder], max_epochs=1)
    untrained = make_model()
    untrained.configure_model()
    total, weight = (part.detach() for part in untrained.weighted_nll(batch))
    assert recorder.steps[-1]["train/loss"] == pytest.approx(float(total / weight), rel=1e-5)


def test_held_out_loss_is_the_mean_over_tokens_not_over_batches(make_model, fit, make_batch):
    held_out = [make_batch([2], seed=1), make_batch([32], [30], seed=2)]
    model = make_model()
    trainer = fit(model, [make_batch([8])], held_out)
    with torch.no_grad():
        total, weight = map(sum, zip(*map(model.eval().weighted_nll, held_out), strict=True))
    assert trainer.callback_metrics["val/loss"] == pytest.approx(float(total / weight), rel=1e-6)
    assert trainer.callback_metrics["val/perplexity"] == pytest.approx(math.exp(total / weight), rel=1e-5)


def test_the_first_token_of_a_sample_is_not_learned(make_model, make_batch):
    model = make_model()
    model.configure_model()
    batch = make_batch([10, 20])
    expected = model.weighted_nll(batch)
    batch["labels"] = torch.where(batch["position_ids"] == 0, batch["input_ids"], batch["labels"])
    torch.testing.assert_close(model.weighted_nll(batch), expected)


def test_the_gradient_norm_is_logged_before_clipping(make_model, fit, make_batch, recorder):
    fit(make_model(), [make_batch([30])], callbacks=[recorder], gradient_clip_val=1e-3)
    assert recorder.steps[0]["train/gradient_norm"] > 0.1


def test_the_learning_rate_rises_and_falls_over_the_whole_run(make_model, fit, make_batch, recorder):
    fit(make_model(learning_rate=1.0, warmup=0.2), [make_batch([9])] * 5, max_epochs=2, callbacks=[recorder])
    rates = [step["train/learning_rate"] for step in recorder.steps]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert 0 < rates[-1] < 0.1


def test_the_datamodule_knows_the_number_of_steps_best(make_model, make_batch):
    model = make_model()
    model._trainer = SimpleNamespace(datamodule=SimpleNamespace(total_steps=7), estimated_stepping_batches=99)
    assert model.total_steps() == 7


@pytest.mark.filterwarnings("ignore:.*max_epochs. was not set")
def test_a_run_without_an_end_is_refused(make_model, fit, make_batch):
    with pytest.raises(InputError, match=r"trainer\.max_epochs"):
        fit(make_model(), [make_batch([9])], max_epochs=-1)


def broken(batch):
    return batch | {"weights": batch["weights"] * math.nan}


def test_a_step_that_is_not_finite_changes_nothing(make_model, fit, make_batch, recorder):
    good, bad = make_batch([20]), broken(make_batch([20]))
    model = make_model()
    fit(model, [good, bad, bad, good], callbacks=[recorder])
    assert model.skipped_steps == 2
    assert recorder.steps[1]["train/learning_rate"] == recorder.steps[2]["train/learning_rate"]
    assert all(torch.isfinite(weight).all() for weight in weights_of(model).values())
    assert model.optimizers().state_dict()["state"][0]["step"] == 2


def test_weights_that_are_not_finite_are_not_saved(make_model, fit, make_batch, tmp_path):
    trainer = fit(make_model(), [make_batch([20])])
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    written = (tmp_path / "last.ckpt").read_bytes()
    next(trainer.lightning_module.parameters()).data[0] = math.inf
    with pytest.raises(CodelmError, match="the weights of step 1 are not saved: 1 are not finite, first "):
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == written


def test_a_step_that_is_left_out_is_told_with_its_commits(make_model, fit, make_batch, caplog):
    named = SimpleNamespace(datamodule=SimpleNamespace(commits_of_step=lambda step: [f"{n:040x}" for n in range(9)]))
    report_failure(named, 4, math.nan, 1.5, left=1)
    assert caplog.messages == [
        "left out step 4: loss nan, gradient norm 1.5; its rows are of the commits "
        "000000000000, 000000000000, 000000000000, 000000000000, 000000000000 and 4 more"
    ]
    with pytest.raises(CodelmError, match="gave up at step 5: loss nan, gradient norm inf; too many steps"):
        report_failure(SimpleNamespace(), 5, math.nan, math.inf, left=0)


def test_a_resumed_run_goes_on_counting_skipped_steps(make_model, fit, make_batch, tmp_path):
    good, bad = make_batch([20]), broken(make_batch([20]))
    fit(make_model(), [good, bad, good]).save_checkpoint(tmp_path / "last.ckpt")
    model = make_model()
    fit(model, [good, bad, good], max_epochs=2, ckpt_path=tmp_path / "last.ckpt")
    assert model.skipped_steps == 2


def test_three_steps_in_a_row_that_are_not_finite_end_the_run(make_model, fit, make_batch):
    good, bad = make_batch([20]), broken(make_batch([20]))
    with pytest.raises(CodelmError, match="step 6") as failure:
        fit(make_model(), [good, bad, bad, good, bad, bad, bad, good])
    assert failure.value.exit_status == 1


@pytest.mark.parametrize(("scale", "failures"), [(65536.0, 0), (0.5, 2)])
def test_a_float16_scaler_may_overflow_while_its_scale_can_fall(make_model, scale, failures):
    model = make_model()
    model._trainer = SimpleNamespace(scaler=SimpleNamespace(get_scale=lambda: scale), global_step=0)
    for _ in range(2):
        model._count_failure(loss=1.0, norm=math.inf)
    assert (model.failures, model.skipped_steps) == (failures, 2)


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_gradients_can_be_clipped_in_every_precision(make_model, fit, make_batch, precision):
    trainer = fit(make_model(), [make_batch([30])], gradient_clip_val=1.0, precision=precision)
    assert trainer.global_step == 1


def test_a_held_out_loss_that_is_not_finite_ends_the_run(make_model, fit, make_batch):
    with pytest.raises(CodelmError, match="val/loss is nan"):
        fit(make_model(), [make_batch([20])], [broken(make_batch([20]))])


@pytest.mark.parametrize(("device", "dtype"), [("mps", "float32"), ("cpu", "float64"), ("cuda", "float64")])
def test_held_out_losses_are_summed_in_the_widest_type_of_the_device(make_model, device, dtype):
    model = make_model()
    model._trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    model.setup("fit")
    for metric in (model.held_out_nll, model.held_out_weight):
        metric.update(torch.tensor(1.5))
        assert metric.compute().dtype is getattr(torch, dtype)
        metric.reset()
        assert {state.dtype for state in metric.metric_state.values()} == {getattr(torch, dtype)}


def test_held_out_rows_without_any_label_are_no_broken_model(make_model, fit, make_batch):
    with pytest.raises(InputError, match=r"none of the held-out rows has a label; .*data\.held_out"):
        fit(make_model(), [make_batch([20])], [make_batch([1]), make_batch([1, 1])])


def test_rows_without_targets_are_no_failure(make_model, fit, make_batch):
    silent = make_batch([1])
    model = make_model()
    fit(model, [silent, make_batch([20])], [make_batch([20]), silent], max_epochs=1)
    assert model.skipped_steps == 0
    assert all(torch.isfinite(weight).all() for weight in weights_of(model).values())
