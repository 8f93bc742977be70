"""A training by the public recipe, with the trainer it would be run with today: TRL's `SFTTrainer`.

The recipe's own settings are kept (weight decay, learning rate schedule, clipping) but for what the comparison
holds equal: the base in 4 bits, the adapters' shape, the learning rate, length of rows and tokens read. TRL keeps the
adapters of a 4-bit base in bfloat16; whether that matters, the row "peer-fp32" tells.
"""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.evaluation.data import EvaluationData
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import lora_config, save_adapter
from codelm.modules.base_model import load_base
from codelm.modules.four_bits import kernel_warning_hidden
from codelm.modules.precision import auto_precision, compute_dtype
from experiments.ablation.objects import instantiate, open_evaluation_data
from experiments.ablation.recipe import Ids, documents, first_tokens, split
from experiments.ablation.settings import Settings, batches_of_step, trainer_setting
from experiments.ablation.trained import ADAPTER, Trained

__all__ = ["peer_documents", "train_peer"]

_WEIGHT_DECAY = 0.1
_WARMUP = 0.1
_CLIP = 1.0
_VALIDATION_ROWS = 32


def train_peer(
    settings: Settings,
    evaluation_settings: Settings,
    folder: Path,
    *,
    rate_factor: float = 1.0,
    float32_adapters: bool = False,
) -> Trained:
    """Train on the files of the training snapshot, leave the adapter in ``folder`` and return the training's figures.

    Args:
        settings: Of ours, for what is held equal.
        evaluation_settings: The settings that all rows are evaluated with: they give the snapshot.
        folder: Where the adapter goes.
        rate_factor: The learning rate is so many times the geometric mean of the rates of our two matrices.
        float32_adapters: Keep the adapters in float32.
    """
    model, data = instantiate(settings)
    model.learning_rate *= rate_factor * model.lora.loraplus_ratio**0.5
    with TemporaryDirectory() as scratch:
        evaluation_data = open_evaluation_data(instantiate(evaluation_settings).data)
        trainer = _sft_trainer(settings, model, peer_documents(settings, evaluation_data), scratch)
        if float32_adapters:
            for parameter in trainer.model.parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.to(torch.float32)
        before = trainer.evaluate()["eval_loss"]
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        save_adapter(trainer.model, folder / ADAPTER)
        notes = {"base_val_loss": before, "final_val_loss": trainer.evaluate()["eval_loss"]}
        tokens = int(trainer.state.num_input_tokens_seen)
    return Trained(tokens, tokens, seconds, notes | {"sequence_length": data.sequence_length})


def peer_documents(settings: Settings, evaluation_data: EvaluationData) -> tuple[list[Ids], list[Ids]]:
    """Return the documents read in training, and in the recipe's own validation."""
    data, seed = instantiate(settings).data, settings["seed_everything"]
    batches = trainer_setting(settings, "max_steps") * batches_of_step(settings)
    texts, held_out = split(evaluation_data.snapshot, seed)
    tokens = batches * data.batch_size * data.sequence_length
    training = documents(texts, evaluation_data.encoder, seed)
    validation = islice(documents(held_out, evaluation_data.encoder, 0), len(held_out))
    return first_tokens(training, tokens), first_tokens(validation, _VALIDATION_ROWS * data.sequence_length)


@kernel_warning_hidden()  # TRL imports peft
def _sft_trainer(settings: Settings, model: LoRACausalLM, documents: tuple[list[Ids], list[Ids]], scratch: str) -> Any:
    """Return TRL's trainer, with model and data.

    Args:
        settings: Of ours, for what is held equal.
        model: Its settings give base and adapters; it is not loaded itself.
        documents: For training and for validation.
        scratch: TRL's output folder.
    """
    from transformers import PrinterCallback
    from trl import SFTTrainer

    precision = trainer_setting(settings, "precision") or auto_precision()
    base = load_base(
        model.base,
        revision=model.revision,
        dtype=compute_dtype(precision),
        quantization=model.quantization,
        double_quantization=model.double_quantization,
        attention=model.attention,
        device="cuda:0" if torch.cuda.is_available() else "cpu",
    )
    train, validation = map(_dataset, documents)
    trainer = SFTTrainer(
        model=base,
        args=_sft_config(settings, model, precision, scratch),
        train_dataset=train,
        eval_dataset=validation,
        processing_class=load_tokenizer(model.base, model.revision),
        peft_config=lora_config(model.lora),
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for the table
    return trainer


def _dataset(documents: Sequence[Ids]) -> Any:
    """Return documents as the data set of token ids that TRL takes without a tokenizer."""
    import datasets

    datasets.disable_progress_bars()
    return datasets.Dataset.from_dict({"input_ids": list(documents)})


def _sft_config(settings: Settings, model: LoRACausalLM, precision: str, scratch: str) -> Any:
    """Return TRL's configuration: the recipe's settings, and those that are held equal.

    Args:
        settings: Of ours, for what is held equal.
        model: For the learning rate and checkpointing.
        precision: As Lightning names it.
        scratch: TRL's output folder.
    """
    from trl import SFTConfig

    data, steps = instantiate(settings).data, trainer_setting(settings, "max_steps")
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=scratch,
        seed=settings["seed_everything"],
        max_steps=steps,
        per_device_train_batch_size=data.batch_size,
        per_device_eval_batch_size=data.batch_size,
        gradient_accumulation_steps=batches_of_step(settings),
        gradient_checkpointing=model.gradient_checkpointing,
        max_length=data.sequence_length,
        packing=True,
        packing_strategy="wrapped",
        learning_rate=model.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(_WARMUP * steps),
        weight_decay=_WEIGHT_DECAY,
        max_grad_norm=_CLIP,
        include_num_input_tokens_seen="non_padding",
        save_strategy="no",
        logging_steps=10,
        report_to="none",
        disable_tqdm=True,
        bf16=precision == "bf16-mixed",
        fp16=precision == "16-mixed",
        use_cpu=not gpu,
        dataloader_pin_memory=gpu,
    )
