import math
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM

from codelm.callbacks import BaseReference
from codelm.runs.trainer import sum_over_ranks


@pytest.fixture
def true_loss(tiny_base, make_rows):
    """What the base loses on the held-out rows, from its plain logits."""

    model, nll, weight = AutoModelForCausalLM.from_pretrained(tiny_base), 0.0, 0.0
    for batch in make_rows(2, start=9):
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"]).logits
        each = torch.nn.functional.cross_entropy(logits[0, :-1], batch["labels"][0, 1:], reduction="none")
        nll += float((each * batch["weights"][0, 1:]).sum())
        weight += float(batch["weights"][0, 1:].sum())
    return nll / weight


def test_the_loss_is_the_bases_own_whatever_the_adapter_has_learned(fit, make_module, true_loss):
    module = make_module()
    module.configure_model()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter += "lora_B" in name
    callback = BaseReference()
    fit(callback, module=module, max_epochs=1)
    assert callback.record.base_loss == pytest.approx(true_loss, rel=1e-5)


def test_training_with_and_without_it_ends_with_the_same_bits(fit):
    _, without = fit()
    _, with_it = fit(BaseReference())
    after = dict(with_it.named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in without.named_parameters())


def test_a_resumed_run_remembers_the_loss_and_does_not_measure_again(fit, monkeypatch):
    first, second = BaseReference(), BaseReference()
    trainer, _ = fit(first, max_epochs=1)
    monkeypatch.setattr("codelm.callbacks.base_reference._base_loss", None)
    fit(second, max_epochs=2, ckpt_path=trainer.checkpoint_callback.best_model_path)
    assert second.record.base_loss == first.record.base_loss


def test_tensorboard_draws_the_base_as_a_line(fit):
    callback = BaseReference()
    trainer, _ = fit(callback)
    events = EventAccumulator(trainer.log_dir)
    events.Reload()
    line = events.Scalars("val/base_loss")
    assert [event.step for event in line] == [0, 6, 12]
    assert all(math.isclose(event.value, callback.record.base_loss, rel_tol=1e-6) for event in line)


def test_base_and_tuned_loss_stand_at_the_same_steps_of_tensorboard(fit):
    trainer, _ = fit(BaseReference(), accumulate_grad_batches=2)
    events = EventAccumulator(trainer.log_dir)
    events.Reload()
    assert [event.step for event in events.Scalars("val/loss")] == [3, 6]
    assert [event.step for event in events.Scalars("val/base_loss")] == [0, 3, 6]
    assert "step" not in events.Tags()["scalars"]


def test_only_as_many_batches_count_as_validation_takes(fit):
    limited, whole = BaseReference(), BaseReference()
    fit(limited, limit_val_batches=1, max_epochs=1)
    fit(whole, max_epochs=1)
    assert limited.record.base_loss != whole.record.base_loss


def test_the_base_is_measured_at_step_0_also_where_validations_are_rare(fit):
    often, rarely = BaseReference(), BaseReference()
    fit(often, max_epochs=1)
    fit(rarely, max_epochs=2, check_val_every_n_epoch=2)
    assert rarely.record.base_loss == often.record.base_loss


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
def test_without_held_out_rows_there_is_no_loss(fit):
    callback = BaseReference()
    fit(callback, limit_val_batches=0, max_epochs=1)
    assert callback.record.base_loss is None


def test_a_sum_of_float64_never_goes_to_a_device_without_it():
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("mps")))
    sums = torch.tensor([0.1, 2.0], dtype=torch.float64)
    assert sum_over_ranks(trainer, sums).equal(sums)
