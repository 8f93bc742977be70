"""Activations in the host's memory change no bit; without a GPU they are copied within it."""

import pytest
import torch
from torch.autograd.graph import save_on_cpu

from codelm.errors import InputError
from codelm.modules import LoRA, LoRACausalLM, causal_lm, offloading


@pytest.fixture
def model():
    made = LoRACausalLM("tiny", lora=LoRA(r=4, dropout=0.1), activation_offloading=True)
    made.configure_model()
    for name, parameter in made.trained():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return made


def gradients(model):
    ids = torch.arange(400, 528).view(2, 64)
    positions = torch.arange(64).repeat(2, 1)
    batch = {"input_ids": ids, "position_ids": positions, "labels": ids.clone(), "weights": torch.ones(2, 64)}
    torch.manual_seed(0)
    loss, _ = model.weighted_nll(batch)
    loss.backward()
    found = [parameter.grad.clone() for _, parameter in model.trained()]
    model.zero_grad()
    return [loss.detach(), *found]


def test_all_gradients_stay_as_they_are(model, monkeypatch):
    plain = gradients(model)
    kept = []

    class Recorded(save_on_cpu):
        def __init__(self, **arguments):
            super().__init__(**arguments | {"device_type": "cuda"})  # without one, memory is not pinned
            pack = self.pack_hook

            def recorded(tensor):
                kept.append(tensor.shape)
                return pack(tensor.clone())

            self.pack_hook = recorded

    monkeypatch.setattr(offloading, "can_offload", lambda device_type: True)
    monkeypatch.setattr(offloading, "save_on_cpu", Recorded)
    offloaded = gradients(model)
    layers = len(causal_lm.decoder_of(model.language_model).layers)
    assert sum(shape[-1] == model.language_model.config.hidden_size for shape in kept) >= layers
    assert all(torch.equal(one, other) for one, other in zip(plain, offloaded, strict=True))


def test_a_cpu_keeps_what_it_has(model, monkeypatch):
    monkeypatch.setattr(offloading, "save_on_cpu", None)
    assert len(gradients(model)) > 1


def test_without_checkpointing_there_is_nothing_to_keep():
    model = LoRACausalLM("tiny", gradient_checkpointing=False, activation_offloading=True)
    with pytest.raises(InputError, match=r"keeps what model\.gradient_checkpointing keeps: set both"):
        model.check()
