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
from experiments.bench.children.steps import CLIP, LEARNING_RATE, StepSettings, adapter, outcome

__all__ = ["train_with_transformers", "train_with_trl"]


@kernel_warning_hidden()  # TRL imports peft
def train_with_trl(**settings: Any) -> dict[str, Any]:
    """Do what `steps.train` does with TRL's `SFTTrainer`; ``settings`` are those of `StepSettings`."""
    import datasets
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    given = StepSettings(**settings)
    texts = datasets.Dataset.from_dict({"input_ids": given.token_rows()})
    with TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=_base(given.base),
            args=SFTConfig(max_length=given.tokens, loss_type="nll", **_arguments(given, folder)),
            train_dataset=texts,
            processing_class=load_tokenizer(given.base),
            peft_config=lora_config(adapter()),
        )
        return _timed(trainer, given.rows * given.tokens)


@kernel_warning_hidden()
def train_with_transformers(**settings: Any) -> dict[str, Any]:
    """Do what `steps.train` does with the trainer of transformers, whose loss makes all logits."""
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    given = StepSettings(**settings)
    texts: Any = [{"input_ids": torch.tensor(row), "labels": torch.tensor(row)} for row in given.token_rows()]
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            model=get_peft_model(_base(given.base), lora_config(adapter())),
            args=TrainingArguments(**_arguments(given, folder)),
            train_dataset=texts,
        )
        return _timed(trainer, given.rows * given.tokens)


def _base(base: str) -> Any:
    """Return the base in 4 bits, with products in the precision of ours."""
    return load_base(base, dtype=compute_dtype(auto_precision("cpu")), quantization="nf4", attention="sdpa")


def _arguments(settings: StepSettings, folder: str) -> dict[str, Any]:
    """Return the arguments of a trainer, whose output goes to ``folder``."""
    return {
        "output_dir": folder,
        "max_steps": settings.steps + 1,
        "per_device_train_batch_size": settings.rows,
        "gradient_checkpointing": settings.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if settings.checkpointing else None,
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
