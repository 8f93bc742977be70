from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from codelm.callbacks import FinishRun
from codelm.errors import DamagedDataError, ResourceError
from codelm.modules import LoRACausalLM
from codelm.runs.finish import ExportAdapter


def export():
    return FinishRun([ExportAdapter()])


def saved_weights(folder):
    return load_file(folder / "adapter_model.safetensors")


def by_peft_name(state):
    return {name.removeprefix("model.").replace(".default", ""): value for name, value in state.items()}


def checkpoint_weights(trainer):
    return by_peft_name(torch.load(trainer.checkpoint_callback.best_model_path, weights_only=True)["state_dict"])


def assert_same(one, two):
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_best_checkpoint_is_what_is_saved(fit):
    callback = export()
    trainer, module = fit(callback)
    adapter = Path(trainer.log_dir) / "adapter"
    assert callback.record.adapter == adapter
    assert callback.record.weights == "best"
    assert_same(saved_weights(adapter), checkpoint_weights(trainer))
    assert_same(saved_weights(adapter), by_peft_name(dict(trained(module))))
    assert (adapter / "tokenizer.json").is_file()


def trained(module):
    return [(name, value.detach()) for name, value in module.named_parameters() if value.requires_grad]


@pytest.fixture
def spoil():
    """A callback that makes the second epoch's weights worse than the first's."""

    class Spoil(Callback):
        def on_validation_start(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                for _, parameter in pl_module.trained():
                    parameter.data = torch.full_like(parameter, 3.0)

    return Spoil()


def test_a_best_checkpoint_that_is_not_the_last_is_the_one_saved(fit, spoil):
    callback = export()
    trainer, _ = fit(callback, spoil)
    assert trainer.checkpoint_callback.best_model_score < trainer.callback_metrics["val/loss"]
    assert_same(saved_weights(callback.record.adapter), checkpoint_weights(trainer))


def test_a_process_that_saves_nothing_gets_the_best_weights_too(fit, spoil, monkeypatch, tmp_path):
    monkeypatch.setattr("codelm.runs.finish.export_adapter.writes_files", lambda trainer: False)
    trainer, module = fit(export(), spoil)
    assert_same(by_peft_name(dict(trained(module))), checkpoint_weights(trainer))
    assert not list(tmp_path.rglob("adapter"))


def test_peft_alone_loads_what_was_saved_and_finds_the_same_loss(fit, tiny_base, make_rows):
    callback = export()
    trainer, _ = fit(callback)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), callback.record.adapter).eval()
    nll, weight = 0.0, 0.0
    for batch in make_rows(2, start=9):
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"]).logits
        each = torch.nn.functional.cross_entropy(logits[0, :-1], batch["labels"][0, 1:], reduction="none")
        nll += float((each * batch["weights"][0, 1:]).sum())
        weight += float(batch["weights"][0, 1:].sum())
    assert nll / weight == pytest.approx(float(trainer.checkpoint_callback.best_model_score), abs=1e-3)


def test_without_checkpoints_the_weights_are_saved_as_they_are(make_module, make_data, tmp_path):
    callback, module = export(), make_module()
    options = {"enable_checkpointing": False, "logger": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = Trainer(
        max_epochs=1, callbacks=[callback], default_root_dir=tmp_path, enable_model_summary=False, **options
    )
    trainer.fit(module, datamodule=make_data())
    assert callback.record.weights == "last"
    assert_same(saved_weights(tmp_path / "adapter"), by_peft_name(dict(trained(module))))


def test_a_stopped_run_saves_the_best_so_far_and_goes_on_with_its_own_weights(fit, make_module, stop_at):
    callback, module = export(), make_module()
    with pytest.raises(SystemExit):
        fit(callback, stop_at(9, KeyboardInterrupt()), module=module)
    assert callback.record.weights == "best"
    now = by_peft_name(dict(trained(module)))
    saved = saved_weights(callback.record.adapter)
    assert any(not now[name].equal(saved[name]) for name in now)


def test_a_run_stopped_before_its_first_validation_saves_what_it_has(fit, stop_at):
    callback = export()
    with pytest.raises(SystemExit):
        fit(callback, stop_at(3, KeyboardInterrupt()))
    assert callback.record.weights == "last"
    assert callback.record.adapter.is_dir()


def test_a_run_that_failed_before_its_first_validation_saves_nothing(fit, stop_at):
    callback = export()
    with pytest.raises(ValueError, match="broken"):
        fit(callback, stop_at(3, ValueError("broken")))
    assert callback.record.adapter is None


def test_an_export_that_fails_does_not_hide_why_the_run_failed(fit, stop_at, monkeypatch, caplog):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(LoRACausalLM, "save_adapter", full)
    callback = export()
    with pytest.raises(ValueError, match="broken"):
        fit(callback, stop_at(9, ValueError("broken")))
    assert "no space left" in caplog.text


def test_a_rehearsal_leaves_nothing(fit, tmp_path):
    callback = export()
    fit(callback, fast_dev_run=True)
    assert callback.record.adapter is None
    assert not list(tmp_path.rglob("adapter"))


def test_a_checkpoint_without_a_trained_weight_is_refused(fit, monkeypatch):
    monkeypatch.setattr("codelm.runs.finish.export_adapter.read_weights", lambda checkpoint: {})
    with pytest.raises(DamagedDataError, match=r"lacks 12 trained weights"):
        fit(export(), max_epochs=1)


@pytest.mark.parametrize("kind", [RuntimeError, Exception])
def test_a_disk_that_is_full_for_a_library_in_rust_is_an_error_of_the_system(fit, monkeypatch, kind):
    def full(*_):
        raise kind("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(LoRACausalLM, "save_adapter", full)
    with pytest.raises(ResourceError, match=r"^output folder .*: No space left on device; make room there, or choose"):
        fit(export(), max_epochs=1)


def test_another_failure_of_the_export_is_not_taken_for_one_of_the_system(fit, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such layer")

    monkeypatch.setattr(LoRACausalLM, "save_adapter", fail)
    with pytest.raises(RuntimeError, match="no such layer"):
        fit(export(), max_epochs=1)
