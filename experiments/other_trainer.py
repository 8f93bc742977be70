"""The held-out loss of TRL's `SFTTrainer` on what ``codelm data`` writes, beside that of codelm's own training.

    .venv/bin/python -m experiments.other_trainer REPOSITORY [--columns prompt-completion] [--max_commits 300]

One epoch of the same samples with the bundled base in float32: the same adapter, optimizer, rates and number of steps.
A step of codelm has packed rows, one of TRL as many rows of the dataset as those hold on average, padded. Completions
are what codelm learns at ``data.context_weight 0``. Both are measured alike, by the added lines of the validation
commits, token by token. It needs TRL: ``pip install 'codelm[ablation]'``.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything

from codelm.bases.tokenizer import load_tokenizer
from codelm.datamodules import GitCommitDataModule
from codelm.export.dataset.folder import Form, write_dataset
from codelm.export.dataset.rows import Columns
from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.adapters import lora_config
from codelm.modules.base_model import load_base
from codelm.modules.four_bits import kernel_warning_hidden
from experiments.program import print_lines, run_program

__all__ = ["compare", "lines", "main"]

_BASE = "tiny"
_ADAPTER = LoRA(r=16, alpha=32, dropout=0.0)
_RATE, _DECAY, _WARMUP, _CLIP, _SEED = 2e-3, 0.01, 0.1, 1.0, 42
_LENGTH, _ROWS = 1024, 2

Row = Mapping[str, Any]


def compare(repository: str, folder: Path, *, columns: str = "tokens", max_commits: int = 300) -> dict[str, Any]:
    """Return the losses of the base and of both trainings, in nats a token, and how much each learned from.

    Args:
        repository: The repository.
        folder: A folder for what is made.
        columns: Those of the dataset: tokens, or prompt-completion.
        max_commits: Commits to train on.
    """
    weight = 1.0 if columns == "tokens" else 0.0
    data = GitCommitDataModule(
        _BASE,
        repository,
        sequence_length=_LENGTH,
        batch_size=_ROWS,
        max_commits=max_commits,
        context_weight=weight,
        curriculum="none",
        cache=str(folder / "cache"),
    )
    for name in dict.fromkeys((columns, "tokens")):
        write_dataset(data, Form(Columns(name), "jsonl"), folder / name, base_name=_BASE, force=False)
    held_out = _rows(folder / "tokens" / "validation.jsonl")
    rows = _rows(folder / columns / "train.jsonl")
    ours, steps = _train(data)
    theirs = _train_with_trl(rows, steps, folder)
    with ours.base_disabled():
        base = _loss(ours.language_model, held_out)
    losses = {"base": base, "codelm": _loss(ours.language_model, held_out), "TRL": _loss(theirs, held_out)}
    labels = sum(label >= 0 for row in held_out for label in row["labels"])
    return {"losses": losses, "steps": steps, "rows": len(rows), "held_out": len(held_out), "labels": labels}


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _train(data: GitCommitDataModule) -> tuple[LoRACausalLM, int]:
    """Train with codelm for an epoch, and return the model and the number of steps."""
    seed_everything(_SEED, verbose=False)
    module = LoRACausalLM(
        _BASE,
        quantization="none",
        lora=_ADAPTER,
        gradient_checkpointing=False,
        learning_rate=_RATE,
        weight_decay=_DECAY,
        warmup=_WARMUP,
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        gradient_clip_val=_CLIP,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, datamodule=data)
    return module, trainer.global_step


@kernel_warning_hidden()  # TRL imports peft
def _train_with_trl(rows: Sequence[Row], steps: int, folder: Path) -> Any:
    """Train with TRL on the rows of a dataset, and return the model."""
    import datasets
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    arguments = SFTConfig(
        output_dir=str(folder / "trl"),
        seed=_SEED,
        max_length=_LENGTH,
        max_steps=steps,
        per_device_train_batch_size=math.ceil(len(rows) / steps),
        learning_rate=_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=round(_WARMUP * steps),
        weight_decay=_DECAY,
        max_grad_norm=_CLIP,
        loss_type="nll",
        gradient_checkpointing=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        bf16=False,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = SFTTrainer(
        model=load_base(_BASE, dtype=torch.float32, quantization="none", attention="sdpa"),
        args=arguments,
        train_dataset=datasets.Dataset.from_list([_trainable(row) for row in rows]),
        processing_class=load_tokenizer(_BASE),
        peft_config=lora_config(_ADAPTER),
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for the table
    trainer.train()
    return trainer.model


def _trainable(row: Row) -> dict[str, Any]:
    names = ("input_ids", "attention_mask", "labels", "prompt", "completion")
    return {name: row[name] for name in names if name in row}


@torch.no_grad()
def _loss(model: Any, rows: Sequence[Row]) -> float:
    """Return the mean nll of all labels, in nats, of each row by itself."""
    model.eval()
    total, count = 0.0, 0
    for row in rows:
        labels = torch.tensor(row["labels"])
        logits = model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False).logits[0]
        total += float(torch.nn.functional.cross_entropy(logits[:-1], labels[1:], reduction="sum"))
        count += int((labels[1:] >= 0).sum())
    return total / count


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed."""
    base = found["losses"]["base"]
    yield f"{found['steps']} steps, {found['rows']:,} rows; {found['held_out']:,} held out, {found['labels']:,} labels"
    for name, loss in found["losses"].items():
        yield f"{name:<8}{loss:.4f} nats a token ({loss / base - 1:+.2%})"
    yield f"TRL beside codelm {found['losses']['TRL'] / found['losses']['codelm'] - 1:+.2%}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser("experiments.other_trainer", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository")
    parser.add_argument("--columns", choices=("tokens", "prompt-completion"), default="tokens")
    parser.add_argument("--max_commits", type=int, default=300)
    given = parser.parse_args(arguments)

    def work() -> None:
        with TemporaryDirectory() as folder:
            settings = {"columns": given.columns, "max_commits": given.max_commits}
            print_lines(lines(compare(given.repository, Path(folder), **settings)))

    return run_program("experiments.other_trainer", work)


if __name__ == "__main__":
    sys.exit(main())
