"""A training by the public recipe, with the trainer it would be run with today: TRL's `SFTTrainer`.

The recipe's own settings are kept (weight decay, course of the learning rate, clipping) but for what the comparison
holds equal: the base in 4 bits, the adapters' shape, the learning rate, length of rows and tokens read. TRL keeps the
adapters of a 4-bit base in bfloat16; whether that matters, the row "peer-fp32" tells.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.evaluation.data import Material
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import lora_config, save_adapter
from codelm.modules.base import Loading, load_base
from codelm.modules.precision import auto_precision, compute_dtype
from experiments.ablation.objects import make, material_of
from experiments.ablation.recipe import Ids, split, training_documents, validation_documents
from experiments.ablation.settings import Settings, accumulated, trainer_setting
from experiments.ablation.trained import ADAPTER, Trained

WEIGHT_DECAY = 0.1
WARMUP = 0.1
CLIP = 1.0
VALIDATION_ROWS = 32


def train_peer(settings: Settings, measured: Settings, folder: Path, *, precise: bool) -> Trained:
    """Train on the files of the training snapshot, leave the adapter in ``folder`` and return what it took.

    Args:
        settings: Of ours, for what is held equal.
        measured: The settings that all rows are measured with: they give the snapshot.
        folder: Where the adapter goes.
        precise: Keep the adapters in float32.
    """
    model, data = make(settings)
    with TemporaryDirectory() as scratch:
        trainer = sft_trainer(settings, model, documents_of(settings, material_of(make(measured).data)), scratch)
        if precise:
            lift(trainer.model)
        before = trainer.evaluate()["eval_loss"]
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        save_adapter(trainer.model, folder / ADAPTER)
        notes = {"base_val_loss": before, "final_val_loss": trainer.evaluate()["eval_loss"]}
        tokens = int(trainer.state.num_input_tokens_seen)
    return Trained(tokens, tokens, seconds, notes | {"sequence_length": data.sequence_length})


def documents_of(settings: Settings, material: Material) -> tuple[list[Ids], list[Ids]]:
    """Return what is read in training, and in the recipe's own validation."""
    data, seed = make(settings).data, settings["seed_everything"]
    batches = trainer_setting(settings, "max_steps") * accumulated(settings)
    texts, held_out = split(material.snapshot, seed)
    tokens = batches * data.batch_size * data.sequence_length
    validation = validation_documents(held_out, material.encoder, VALIDATION_ROWS * data.sequence_length)
    return training_documents(texts, material.encoder, seed, tokens), validation


def sft_trainer(settings: Settings, model: LoRACausalLM, documents: tuple[list[Ids], list[Ids]], scratch: str) -> Any:
    """Return TRL's trainer with model and data in it."""
    from transformers import PrinterCallback
    from trl import SFTTrainer

    precision = trainer_setting(settings, "precision") or auto_precision()
    loading = Loading(
        dtype=compute_dtype(precision),
        quantization=model.quantization,
        double_quantization=model.double_quantization,
        attention=model.attention,
        device="cuda:0" if torch.cuda.is_available() else "cpu",
    )
    train, validation = map(dataset, documents)
    trainer = SFTTrainer(
        model=load_base(model.base, loading, revision=model.revision),
        args=sft_config(settings, model, precision, scratch),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=load_tokenizer(model.base, model.revision),
        peft_config=lora_config(model.lora),
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for the table
    return trainer


def dataset(documents: Sequence[Ids]) -> Any:
    """Return documents as TRL takes what is tokenised already."""
    import datasets

    datasets.disable_progress_bars()
    return datasets.Dataset.from_dict({"input_ids": list(documents)})


def sft_config(settings: Settings, model: LoRACausalLM, precision: str, scratch: str) -> Any:
    """Return the recipe's settings, and those that are held equal."""
    from trl import SFTConfig

    data, steps = make(settings).data, trainer_setting(settings, "max_steps")
    return SFTConfig(
        output_dir=scratch,
        seed=settings["seed_everything"],
        max_steps=steps,
        per_device_train_batch_size=data.batch_size,
        per_device_eval_batch_size=data.batch_size,
        gradient_accumulation_steps=accumulated(settings),
        gradient_checkpointing=model.gradient_checkpointing,
        max_length=data.sequence_length,
        packing=True,
        packing_strategy="wrapped",
        learning_rate=model.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(WARMUP * steps),
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=CLIP,
        include_num_input_tokens_seen="non_padding",
        save_strategy="no",
        logging_steps=10,
        report_to="none",
        disable_tqdm=True,
        **computing(precision),
    )


def computing(precision: str) -> dict[str, Any]:
    """Return how TRL is told where to compute, and in which numbers."""
    gpu = torch.cuda.is_available()
    numbers = {"bf16": precision == "bf16-mixed", "fp16": precision == "16-mixed"}
    return numbers | {"use_cpu": not gpu, "dataloader_pin_memory": gpu}


def lift(model: Any) -> None:
    """Keep what is trained in float32."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
