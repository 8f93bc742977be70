"""The held-out loss of TRL's `SFTTrainer` on what ``codelm data`` writes, beside that of codelm's own training.

    .venv/bin/python -m experiments.other_trainer REPOSITORY [--columns prompt-completion] [--max_commits 300]

About one epoch of the same samples with the bundled base in float32: the same adapters, optimizer, rates and number of
steps. A step of codelm has packed rows; one of TRL as many rows of the dataset as those hold on average, padded.
Completions are what codelm learns at ``data.context_weight 0``. All are measured alike: on the added lines of the
validation commits, as the dataset has them, each row by itself. It needs the extra ``ablation``.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything

from codelm.bases.tokenizer import load_tokenizer
from codelm.batch import IGNORE
from codelm.cli.logging import run_logging
from codelm.datamodules import GitCommitDataModule
from codelm.errors import InputError
from codelm.export.dataset.columns import Columns
from codelm.export.dataset.folder import Form, write_dataset
from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.adapters import lora_config
from codelm.modules.base_model import load_base
from codelm.modules.four_bits import kernel_warning_hidden
from experiments.program import installed_version, print_lines, run_program

__all__ = ["compare", "lines", "main"]

_BASE = "tiny"
_ADAPTERS = LoRA(r=16, alpha=32, dropout=0.0)
_RATE, _DECAY, _CLIP, _SEED = 2e-3, 0.01, 1.0, 42
_LENGTH, _ROWS = 1024, 2
_LIBRARIES = ("trl", "datasets", "transformers", "peft", "torch")

Row = Mapping[str, Any]


def compare(
    repository: str, folder: Path, *, columns: str = Columns.TOKENS, max_commits: int = 300, max_steps: int = -1
) -> dict[str, Any]:
    """Return the held-out losses of the base and of both trainings, in nats a token, and how much was learned from.

    Args:
        repository: The repository.
        folder: A folder for what is made.
        columns: Those of the dataset: tokens, or prompt-completion.
        max_commits: Commits to train on.
        max_steps: Optimizer steps at most; -1 for an epoch.
    """
    if installed_version("trl") is None:
        raise InputError("this needs TRL: .venv/bin/python -m pip install -c constraints.txt -e '.[ablation]'")
    data = GitCommitDataModule(
        _BASE,
        repository,
        sequence_length=_LENGTH,
        batch_size=_ROWS,
        max_commits=max_commits,
        context_weight=1.0 if columns == Columns.TOKENS else 0.0,
        curriculum="none",
        cache=str(folder / "cache"),
    )
    rows = {name: _dataset(data, name, folder) for name in dict.fromkeys((columns, Columns.TOKENS))}
    train, held_out = rows[columns]["train"], rows[Columns.TOKENS]["validation"]
    ours, steps, share = _train(data, max_steps)
    theirs = _train_with_trl(train, steps, max(1, round(share * len(train) / steps)), folder)
    with ours.base_disabled():
        base = _loss(ours.language_model, held_out)
    losses = {"base": base, "codelm": _loss(ours.language_model, held_out), "TRL": _loss(theirs, held_out)}
    labels = sum(label != IGNORE for row in held_out for label in row["labels"])
    return {"losses": losses, "steps": steps, "rows": len(train), "held_out": len(held_out), "labels": labels}


def _dataset(data: GitCommitDataModule, columns: str, folder: Path) -> Any:
    """Write the samples as ``codelm data`` does, in Parquet, and return them as the library datasets reads them."""
    import datasets

    datasets.disable_progress_bars()
    write_dataset(data, Form(Columns(columns), "parquet"), folder / columns, base_name=_BASE, force=False)
    return datasets.load_dataset(str(folder / columns), cache_dir=str(folder / "datasets"))


def _train(data: GitCommitDataModule, max_steps: int) -> tuple[LoRACausalLM, int, float]:
    """Train with codelm for an epoch at most; return the model, the steps, and their share of the epoch."""
    seed_everything(_SEED, verbose=False)
    module = LoRACausalLM(
        _BASE,
        quantization="none",
        lora=_ADAPTERS,
        gradient_checkpointing=False,
        learning_rate=_RATE,
        weight_decay=_DECAY,
        warmup=0.0,  # transformers begins one with a step at rate 0, codelm does not
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        max_steps=max_steps,
        gradient_clip_val=_CLIP,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, datamodule=data)
    return module, trainer.global_step, trainer.global_step / data.optimizer_steps(1)


@kernel_warning_hidden()  # TRL imports peft
def _train_with_trl(rows: Any, steps: int, batch_size: int, folder: Path) -> Any:
    """Train with TRL on the rows of a dataset, and return the model.

    Args:
        rows: The dataset.
        steps: Optimizer steps.
        batch_size: Rows in a step.
        folder: Where TRL may write.
    """
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        output_dir=str(folder / "trl"),
        seed=_SEED,
        max_length=_LENGTH,
        max_steps=steps,
        per_device_train_batch_size=batch_size,
        learning_rate=_RATE,
        lr_scheduler_type="cosine",
        warmup_steps=0,
        weight_decay=_DECAY,
        max_grad_norm=_CLIP,
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
        train_dataset=rows,
        processing_class=load_tokenizer(_BASE),
        peft_config=lora_config(_ADAPTERS),
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for the result
    trainer.train()
    return trainer.model


@torch.no_grad()
def _loss(model: Any, rows: Sequence[Row]) -> float:
    """Return the mean nll of all labels, in nats, each row by itself."""
    model.eval()
    total, count = 0.0, 0
    for row in rows:
        labels = torch.tensor(row["labels"])[1:]
        logits = model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False).logits[0, :-1]
        total += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        count += int((labels != IGNORE).sum())
    return total / count


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed."""
    base = found["losses"]["base"]
    yield ", ".join(f"{name} {installed_version(name)}" for name in _LIBRARIES)
    yield f"{found['steps']} steps, {found['rows']:,} rows; {found['held_out']:,} held out, {found['labels']:,} labels"
    for name, loss in found["losses"].items():
        yield f"{name:<8}{loss:.4f} nats a token ({loss / base - 1:+.2%})"
    yield f"TRL beside codelm {found['losses']['TRL'] / found['losses']['codelm'] - 1:+.2%}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare as the command line says, and return the exit status."""
    parser = argparse.ArgumentParser("experiments.other_trainer", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository")
    parser.add_argument("--columns", choices=(Columns.TOKENS, Columns.PROMPT_COMPLETION), default=Columns.TOKENS)
    parser.add_argument("--max_commits", type=int, default=300)
    parser.add_argument("--max_steps", type=int, default=-1)
    given = vars(parser.parse_args(arguments))
    repository = given.pop("repository")

    def work() -> None:
        with TemporaryDirectory() as folder, run_logging(quiet=True, debug=False):
            print_lines(lines(compare(repository, Path(folder), **given)))

    return run_program("experiments.other_trainer", work)


if __name__ == "__main__":
    sys.exit(main())
