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
