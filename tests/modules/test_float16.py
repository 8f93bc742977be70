"""Training steps in float16 with a gradient scaler, as on GPUs before Ampere; Lightning refuses that on a CPU."""

import pytest
import torch
from torch.amp import GradScaler

from codelm.modules import LoRA

DTYPES = {"float32": torch.float32, "float16": torch.float16}


@pytest.fixture
def train(adapted, make_batch):
    """Train a few steps in a precision, and return the losses, the scaler and whether each step was taken."""

    def run(precision, *, scale=2.0**10, checkpointing=False, steps=4):
        lora = LoRA(r=4, dropout=0.0)
        model = adapted(lora=lora, quantization="nf4", gradient_checkpointing=checkpointing)
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad and parameter.is_floating_point():
                parameter.data = parameter.data.to(DTYPES[precision])  # what a base's other weights are loaded in
            assert parameter.dtype == torch.float32 or not parameter.requires_grad, name
        trained = [parameter for _, parameter in model.trained()]
        optimizer = torch.optim.AdamW(trained, lr=5e-3)
        scaler = GradScaler("cpu", init_scale=scale, enabled=precision == "float16")
        losses, taken = [], []
        for step in range(steps):
            batch = make_batch([30, 34], [64], length=64, seed=step)
            with torch.autocast("cpu", DTYPES[precision], enabled=precision == "float16"):
                total, weight = model.weighted_nll(batch)
            before = torch.cat([parameter.detach().flatten() for parameter in trained])
            scaler.scale(total / weight).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            taken.append(not torch.equal(before, torch.cat([parameter.detach().flatten() for parameter in trained])))
            losses.append(float(total.detach() / weight))
        return losses, scaler, taken

    return run


@pytest.mark.parametrize("checkpointing", [False, True])
def test_losses_are_those_of_float32(train, checkpointing):
    (wide, _, _), (narrow, scaler, taken) = (train(each, checkpointing=checkpointing) for each in DTYPES)
    assert narrow == pytest.approx(wide, rel=2e-3)
    assert all(taken)
    assert scaler.get_scale() == 2.0**10


def test_gradients_that_overflow_are_not_taken_and_the_scale_falls(train):
    losses, scaler, taken = train("float16", scale=2.0**40)
    assert taken[0] is False
    assert losses[0] == pytest.approx(train("float32", steps=1)[0][0], rel=2e-3)
    assert scaler.get_scale() < 2.0**40
