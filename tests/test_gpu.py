"""What only a machine with CUDA can show: ``scripts/test -m gpu``."""

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA on this machine"),
]


def test_the_saved_weights_are_evaluated_on_the_gpu_that_trained_them(run_history, monkeypatch):
    from codelm.runs import evaluation as module

    devices, original = [], module.evaluate

    def spied(evaluated, *rest):
        devices.append({parameter.device.type for parameter in evaluated.module.parameters()})
        return original(evaluated, *rest)

    monkeypatch.setattr(module, "evaluate", spied)
    _, _, record = run_history(max_epochs=1, accelerator="gpu", devices=1)
    assert devices == [{"cuda"}]
    assert record.evaluation_failure is None


def test_dropout_draws_on_the_gpu_as_before_when_a_feed_forward_part_is_computed_again():
    from codelm.modules.mlp_chunks import chunk_mlps

    model = torch.nn.ModuleDict({"mlp": torch.nn.Dropout(0.5)})
    chunk_mlps(model, chunk_tokens=4)
    x = torch.ones(1, 10, 8, device="cuda", requires_grad=True)
    output = model["mlp"](x)
    torch.rand(1, device="cuda")
    [gradient] = torch.autograd.grad(output.sum(), x)
    assert torch.equal(gradient, output)
    assert set(output.flatten().tolist()) == {0.0, 2.0}


def test_activations_come_back_from_the_host_as_they_were():
    from codelm.modules.offloading import activations_on_host

    torch.manual_seed(0)
    layers = torch.nn.ModuleList(torch.nn.Linear(256, 256) for _ in range(8)).cuda()
    x = torch.randn(4096, 256, device="cuda", requires_grad=True)

    def step(*, wanted):
        state = x
        with activations_on_host(x.device, wanted=wanted):
            for layer in layers:
                state = torch.utils.checkpoint.checkpoint(layer, state, use_reentrant=False).tanh()
        kept = torch.cuda.memory_allocated()
        return kept, torch.autograd.grad(state.sum(), [x, *layers.parameters()])

    (kept, plain), (offloaded_kept, offloaded) = step(wanted=False), step(wanted=True)
    assert all(torch.equal(one, other) for one, other in zip(plain, offloaded, strict=True))
    assert offloaded_kept < kept
