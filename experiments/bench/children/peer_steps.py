"""Training steps of peers: TRL's trainer, and that of transformers with an adapter of PEFT, on the same tokens.

They see each row as one text, where codelm's samples do not see each other.
"""

import time
from contextlib import redirect_stdout
from os import devnull
from tempfile import TemporaryDirectory
from typing import Any

import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.modules.adapters import lora_config
from codelm.modules.base_model import load_base
from codelm.modules.four_bits import kernel_warning_hidden
from codelm.modules.precision import auto_precision, compute_dtype
from experiments.bench.children.packed_rows import token_rows
from experiments.bench.children.steps import CLIP, LEARNING_RATE, adapter, outcome

__all__ = ["train_with_transformers", "train_with_trl"]


@kernel_warning_hidden()  # TRL imports peft
def train_with_trl(base: str, rows: int, tokens: int, checkpointing: bool, steps: int) -> dict[str, Any]:
    """Do what `steps.train` does with TRL's `SFTTrainer`.

    Args:
        base: Name or folder of the base.
        rows: Rows in a batch.
        tokens: Tokens in a row.
        checkpointing: Whether activations are computed again in the backward pass.
        steps: Timed steps.
    """
    import datasets
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    tokenizer = load_tokenizer(base)
    texts = datasets.Dataset.from_dict({"input_ids": token_rows(tokenizer, rows * (steps + 1), tokens)})
    with TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=_base(base),
            args=SFTConfig(max_length=tokens, loss_type="nll", **_arguments(rows, checkpointing, steps, folder)),
            train_dataset=texts,
            processing_class=tokenizer,
            peft_config=lora_config(adapter()),
        )
        return _timed(trainer, rows * tokens)


@kernel_warning_hidden()
def train_with_transformers(base: str, rows: int, tokens: int, checkpointing: bool, steps: int) -> dict[str, Any]:
    """Do what `steps.train` does with the trainer of transformers, whose loss makes all logits.

    Args:
        base: Name or folder of the base.
        rows: Rows in a batch.
        tokens: Tokens in a row.
        checkpointing: Whether activations are computed again in the backward pass.
        steps: Timed steps.
    """
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    ids = token_rows(load_tokenizer(base), rows * (steps + 1), tokens)
    texts: Any = [{"input_ids": torch.tensor(row), "labels": torch.tensor(row)} for row in ids]
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            model=get_peft_model(_base(base), lora_config(adapter())),
            args=TrainingArguments(**_arguments(rows, checkpointing, steps, folder)),
            train_dataset=texts,
        )
        return _timed(trainer, rows * tokens)


def _base(base: str) -> Any:
    """Return the base in 4 bits, with products in the precision of ours."""
    return load_base(base, dtype=compute_dtype(auto_precision("cpu")), quantization="nf4", attention="sdpa")


def _arguments(rows: int, checkpointing: bool, steps: int, folder: str) -> dict[str, Any]:
    """Return the arguments of a trainer.

    Args:
        rows: Rows in a batch.
        checkpointing: Whether activations are computed again in the backward pass.
        steps: Timed steps.
        folder: The trainer's output folder.
    """
    return {
        "output_dir": folder,
        "max_steps": steps + 1,
        "per_device_train_batch_size": rows,
        "gradient_checkpointing": checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if checkpointing else None,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.01,
        "max_grad_norm": CLIP,
        "bf16": auto_precision("cpu") == "bf16-mixed",
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "save_strategy": "no",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _timed(trainer: Any, tokens: int) -> dict[str, Any]:
    """Train, and return speed and losses; a step has so many ``tokens``."""
    from transformers import TrainerCallback

    ends: list[float] = []

    class Ends(TrainerCallback):
        def on_step_end(self, *arguments: Any, **state: Any) -> None:
            ends.append(time.monotonic())

    trainer.add_callback(Ends())
    with open(devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        trainer.train()
    return outcome(ends, [each["loss"] for each in trainer.state.log_history if "loss" in each], tokens)
