import pytest


@pytest.fixture
def fit():
    """Return a function that trains a module on a list of batches, always alike, and returns the trainer."""
    from lightning.pytorch import Trainer, seed_everything
    from torch.utils.data import DataLoader

    def loader(batches):
        return None if batches is None else DataLoader(batches, batch_size=None)

    def fit(model, batches, held_out=None, *, ckpt_path=None, **settings):
        seed_everything(0, verbose=False)
        defaults = {"max_epochs": 1, "log_every_n_steps": 1, "num_sanity_val_steps": 0, "enable_checkpointing": False}
        trainer = Trainer(
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            **({"logger": False} | defaults | settings),
        )
        trainer.fit(model, loader(batches), loader(held_out), ckpt_path=ckpt_path)
        return trainer

    return fit


@pytest.fixture
def adapted(tiny_base):
    """Return a function that makes a built LoRACausalLM on the tiny base, always with the same adapters."""
    import torch

    from codelm.modules import LoRACausalLM

    def adapted(**settings):
        torch.manual_seed(0)
        model = LoRACausalLM(str(tiny_base), **({"quantization": "none"} | settings))
        model.configure_model()
        return model

    return adapted


@pytest.fixture
def make_batch():
    """Return a function that packs random samples of the given lengths, one list of lengths per row."""
    import torch

    from codelm.batch import IGNORE
    from codelm.special_tokens import SPECIAL_TOKENS

    def make(*rows, seed=0, length=32, step_weight=None):
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(len(SPECIAL_TOKENS), 262, (len(rows), length), generator=generator)
        positions = torch.zeros_like(ids)
        labels = torch.full_like(ids, IGNORE)
        for row, lengths in enumerate(rows):
            start = 0
            for size in lengths:
                positions[row, start : start + size] = torch.arange(size)
                labels[row, start + 1 : start + size] = ids[row, start + 1 : start + size]
                start += size
            positions[row, start:] = torch.arange(length - start)
        weights = torch.rand(ids.shape, generator=generator) + 0.5
        learned = (weights * (labels != IGNORE)).sum()
        return {
            "input_ids": ids,
            "position_ids": positions,
            "labels": labels,
            "weights": weights,
            "step_weight": learned if step_weight is None else step_weight,
        }

    return make
