import re

import pytest
import torch

from codelm.errors import DamagedDataError, InputError
from codelm.modules import LoRA


@pytest.fixture
def saved(make_module, tmp_path):
    """A module with an adapter of random weights, saved in the folder ``adapter``."""
    module = make_module()
    module.configure_model()
    for name, parameter in module.trained():
        torch.nn.init.normal_(parameter, std=0.3) if "lora_B" in name else None
    module.save_adapter(tmp_path / "adapter")
    return module


def test_a_training_begins_with_the_weights_of_a_saved_adapter(saved, make_module, tmp_path):
    module = make_module(adapter=str(tmp_path / "adapter"))
    module.configure_model()
    began = dict(module.trained())
    for name, weight in saved.trained():
        assert torch.equal(began[name], weight)
        assert torch.equal(module.first_weights[name], weight)
        assert module.first_weights[name] is not began[name]
    assert all(weight.dtype == torch.float32 for weight in began.values())


def test_a_new_adapter_began_with_none(saved):
    assert saved.first_weights == {}


def test_an_adapter_that_was_saved_scaled_is_what_it_was_in_validation(make_module, make_rows, tmp_path):
    lora = LoRA(r=2, dropout=0.0, targets=["q_proj", "c_fc"], inference_scale=0.5)
    scaled = make_module(lora=lora)
    scaled.configure_model()
    for name, parameter in scaled.trained():
        torch.nn.init.normal_(parameter, std=0.3) if "lora_B" in name else None
    scaled.save_adapter(tmp_path / "adapter")
    again = make_module(lora=lora, adapter=str(tmp_path / "adapter"))
    again.configure_model()
    [batch] = make_rows(1)
    for mode in (True, False):
        one, two = (each.train(mode).token_nll(batch) for each in (scaled, again))
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize(
    "lora", [{"r": 4}, {"targets": ["q_proj"]}, {"rslora": True}, {"dora": True}], ids=lambda lora: next(iter(lora))
)
def test_one_of_another_shape_is_refused_before_weights_are_loaded(saved, make_module, tmp_path, monkeypatch, lora):
    monkeypatch.setattr("codelm.modules.lora_causal_lm.load_base", lambda *_, **__: pytest.fail("loaded"))
    shape = {"r": 2, "dropout": 0.0, "targets": ["q_proj", "v_proj", "c_fc"]} | lora
    module = make_module(adapter=str(tmp_path / "adapter"), lora=LoRA(**shape))
    with pytest.raises(InputError, match="has r, rslora, dora, targets"):
        module.configure_model()


def test_one_of_another_base_is_refused_unless_the_names_are_of_the_same(saved, make_module, tmp_path, tiny_base):
    config = tmp_path / "adapter/adapter_config.json"
    config.write_text(config.read_text().replace(f'"{tiny_base.name}"', '"someone/larger"'))
    said = f"is of base someone/larger, not of {tiny_base.name}: give that one, or --model.base_name someone/larger"
    with pytest.raises(InputError, match=said):
        make_module(adapter=str(tmp_path / "adapter")).check()
    make_module(adapter=str(tmp_path / "adapter"), base_name="larger").check()


def test_a_folder_that_is_not_there_is_refused_in_a_line(make_module, tmp_path):
    said = f"model.adapter {tmp_path / 'nowhere'}: no such folder; give the adapter folder of a run"
    with pytest.raises(InputError, match=re.escape(said)):
        make_module(adapter=str(tmp_path / "nowhere")).check()


def test_a_folder_without_an_adapter_is_damaged(make_module, tmp_path):
    with pytest.raises(DamagedDataError, match="is damaged or not whole"):
        make_module(adapter=str(tmp_path)).check()
