"""The rows of a git history in a LightningModule of your own: here one that tunes all weights of a base, no adapter.

    .venv/bin/python examples/own_module.py ~/src/ripgrep

The base is the one that travels with codelm; ``--base`` takes another. The held-out loss before and after is printed.
"""

import argparse

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW
from transformers import AutoModelForCausalLM

from codelm.bases import locate
from codelm.batch import Batch, learned_labels, learned_weights
from codelm.datamodules import GitCommitDataModule


class WholeModel(LightningModule):
    """A module that knows nothing of codelm but what a batch holds (docs/data.md, "A batch")."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.model = AutoModelForCausalLM.from_pretrained(locate(base), dtype=torch.float32).train()

    def weighted_nll(self, batch: Batch) -> Tensor:
        """Return the sum of weight times nll over the learned tokens, in nats; a scalar."""
        # Without attention mask and cache, the samples of a row are kept apart by their positions.
        logits = self.model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
        labels, weights = learned_labels(batch)[:, 1:], learned_weights(batch)[:, 1:]
        return cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), reduction="none") @ weights.flatten()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's share in the mean loss of its optimizer step."""
        # ``step_weight`` is that of all batches of the step, and Lightning divides by their number once more.
        return self.weighted_nll(batch) / batch["step_weight"] * self.trainer.accumulate_grad_batches

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the mean nll of the held-out lines, each token counted alike."""
        tokens = int(learned_weights(batch).sum())
        if tokens:
            self.log("val/loss", self.weighted_nll(batch) / tokens, batch_size=tokens)

    def configure_optimizers(self) -> AdamW:
        """Return the optimizer."""
        return AdamW(self.parameters(), lr=2e-4)


def main() -> None:
    """Tune as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("--base", default="tiny")
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()

    seed_everything(0, verbose=False)
    data = GitCommitDataModule(given.base, given.repository, sequence_length=512, batch_size=2, max_commits=100)
    module = WholeModel(given.base)
    trainer = Trainer(
        max_steps=given.steps,
        accumulate_grad_batches=2,
        limit_val_batches=10,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    [before] = trainer.validate(module, datamodule=data, verbose=False)
    trainer.fit(module, datamodule=data)
    [after] = trainer.validate(module, datamodule=data, verbose=False)
    print(f"held-out loss {before['val/loss']:.3f} -> {after['val/loss']:.3f} nats a token in {given.steps} steps")


if __name__ == "__main__":
    main()
