"""The rows of a git history in a bare PyTorch loop: no trainer, no adapter, nothing of codelm but the rows.

    .venv/bin/python examples/bare_loop.py ~/src/ripgrep

The base is the one that travels with codelm; ``--base`` takes another. The loss of each optimizer step is printed.
"""

import argparse
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from codelm.bases import locate
from codelm.batch import Batch, learned_labels, learned_weights
from codelm.datamodules import GitCommitDataModule

BATCHES_OF_A_STEP = 2


def weighted_nll(model: Any, batch: Batch) -> Tensor:
    """Return the sum of weight times nll over the learned tokens, in nats; a scalar."""
    # Without attention mask and cache, the samples of a row are kept apart by their positions.
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    labels, weights = learned_labels(batch)[:, 1:], learned_weights(batch)[:, 1:]
    return cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), reduction="none") @ weights.flatten()


def train(model: Any, data: GitCommitDataModule) -> Iterator[float]:
    """Take one optimizer step after the other, without end, and yield the loss of each, in nats a token."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    for epoch in count():  # each is drawn anew
        loader, loss = data.epoch_dataloader(epoch, accumulate=BATCHES_OF_A_STEP), 0.0
        for number, batch in enumerate(loader, 1):
            share = weighted_nll(model, batch) / batch["step_weight"]  # the weight of all batches of the step
            share.backward()
            loss += share.item()
            if number % BATCHES_OF_A_STEP == 0 or number == len(loader):
                optimizer.step()
                optimizer.zero_grad()
                yield loss
                loss = 0.0


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("--base", default="tiny")
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()

    data = GitCommitDataModule(given.base, given.repository, sequence_length=512, batch_size=2, max_commits=100)
    data.prepare_data()
    data.setup()
    model: Any = AutoModelForCausalLM.from_pretrained(locate(given.base), dtype=torch.float32).train()
    for number, loss in enumerate(islice(train(model, data), given.steps), 1):
        print(f"step {number:3d}  loss {loss:.3f} nats a token")


if __name__ == "__main__":
    main()
