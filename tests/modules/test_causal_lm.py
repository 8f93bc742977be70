import math

import pytest

pytestmark = [
    # lightning 2.6 asks torch 2.13 for a name it deprecates
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    # a list in memory needs no workers
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]


@pytest.fixture
def make_model(tiny_base):
    """Return a function that makes a CausalLM training all of the tiny base."""
    from transformers import AutoModelForCausalLM

    from codelm.modules.causal_lm import CausalLM

    class Everything(CausalLM):
        def build(self):
            return AutoModelForCausalLM.from_pretrained(tiny_base)

    return Everything


@pytest.fixture
def fit():
    """Return a function that trains a module on a list of batches, deterministically, and returns the trainer."""
    from lightning.pytorch import Trainer, seed_everything
    from torch.utils.data import DataLoader

    def loader(batches):
        return None if batches is None else DataLoader(batches, batch_size=None)

    def fit(model, batches, *, held_out=None, callbacks=(), ckpt_path=None, **settings):
        seed_everything(0, verbose=False)
        settings = {"max_epochs": 1, "log_every_n_steps": 1, "logger": False, "enable_checkpointing": False} | settings
        trainer = Trainer(
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=list(callbacks),
            **settings,
        )
        trainer.fit(model, loader(batches), loader(held_out), ckpt_path=ckpt_path, weights_only=True)
        return trainer

    return fit


def test_smoke(make_model, fit, make_batch):
    model = make_model()
    trainer = fit(model, [make_batch([10, 20])] * 4, held_out=[make_batch([30])] * 2)
    print(trainer.callback_metrics)
    assert math.isfinite(trainer.callback_metrics["val/loss"])
