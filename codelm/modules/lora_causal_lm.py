"""A causal language model with LoRA adapters, its base in 4 bits by default, as a Lightning module."""

import logging
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from codelm.bases import public_name
from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import InputError
from codelm.lightning_internals import attached_trainer
from codelm.modules.adapter_targets import refuse_unknown_targets
from codelm.modules.adapters import Coverage, LoRA, add_adapter, coverage, save_adapter
from codelm.modules.base_identity import Identity, identify
from codelm.modules.base_model import (
    Attention,
    Quantization,
    checkpoint_activations,
    dropout_of,
    linear_layers,
    load_base,
    load_config,
    max_positions,
    refuse_small_vocabulary,
)
from codelm.modules.base_trial import attends_by_sample, chunks_mlps, try_adapters, try_base, try_four_bits
from codelm.modules.causal_lm import CausalLM
from codelm.modules.finite import refuse_not_finite
from codelm.modules.first_adapter import begin_with, check_first_adapter
from codelm.modules.four_bits import layer_bytes
from codelm.modules.fused_lora import fuse_adapters
from codelm.modules.generation import Generated, Sampling, complete
from codelm.modules.mlp_chunks import chunk_mlps
from codelm.modules.optimizers import OptimizerName
from codelm.modules.packed_attention import BY_SAMPLE
from codelm.modules.precision import compute_dtype
from codelm.modules.small_model import small_model

__all__ = ["LoRACausalLM"]

log = logging.getLogger(__name__)

_NOTEWORTHY_BYTES = 100_000_000
"""More bytes that 4 bits do not reach than this, and than a tenth of those they reach, are told of."""


class LoRACausalLM(CausalLM):
    """A causal language model of Hugging Face, frozen, with LoRA adapters that are trained.

    Args:
        base: The base model: a name on the model hub, a folder, or ``tiny``, which is part of the package.
        base_name: Name by which others find a base that is a folder, for the files that a run leaves; null for the
            hub's, if it lies in its cache, or else the folder's own.
        revision: Branch, tag or commit of the base on the model hub.
        quantization: Type of the base's linear weights: nf4 (4 bits), or none (the precision of the computation).
        double_quantization: Quantise the scales of the 4-bit weights as well.
        attention: Implementation of attention in transformers.
        lora: Settings of the adapters.
        adapter: Folder of a saved adapter of this base and these settings, to be trained further; null for a new one.
        base_dropout: Dropout of the base's own layers in training, which the base's configuration may ask for: it needs
            far more memory on a CPU, and adds noise to adapters that have a dropout of their own; null for the
            configuration's.
        gradient_checkpointing: Keep only each block's input for the backward pass; slower, with far less memory.
        activation_offloading: Keep these inputs in the host's memory, not in a GPU's, until the backward pass: the same
            result, with two copies over the bus.
        learning_rate: The highest learning rate, reached at the end of the warm-up.
        weight_decay: AdamW's weight decay of matrices; vectors do not decay.
        warmup: Share of all steps over which the learning rate rises; afterwards it falls as a half cosine.
        optimizer: The optimizer: adamw, or paged_adamw_8bit of bitsandbytes, which saves memory on CUDA.
        seed: Seed of dropout.
        max_new_tokens: Largest number of tokens that `predict` generates after a prompt.
    """

    def __init__(
        self,
        base: str = "bigcode/starcoder2-3b",
        *,
        base_name: str | None = None,
        revision: str | None = None,
        quantization: Quantization = "nf4",
        double_quantization: bool = True,
        attention: Attention = "sdpa",
        lora: LoRA = LoRA(),
        adapter: str | None = None,
        base_dropout: ClosedUnitInterval | None = 0.0,
        gradient_checkpointing: bool = True,
        activation_offloading: bool = False,
        learning_rate: PositiveFloat = 1e-4,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.1,
        optimizer: OptimizerName = "adamw",
        seed: int = 42,
        max_new_tokens: PositiveInt = 256,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, warmup=warmup, optimizer=optimizer, seed=seed
        )
        self.base = base
        self.base_name = base_name or public_name(base)
        self.revision = revision
        self.quantization = quantization
        self.double_quantization = double_quantization
        self.attention = attention
        self.lora = lora
        self.adapter = adapter
        self.first_weights: dict[str, Tensor] = {}
        """The weights of the adapter that was to be trained further, by their names, on the CPU."""
        self.rate_factors = {"lora_B": float(lora.loraplus_ratio)}
        self.base_dropout = base_dropout
        self.gradient_checkpointing = gradient_checkpointing
        self.activation_offloading = activation_offloading
        self.max_new_tokens = max_new_tokens
        self.base_identity: Identity | None = None
        self.used_base_dropout: float | dict[str, float] | None = None
        """The dropout of a base that is loaded, also where its configuration decides."""
        self.is_checked = self.chunks_mlps = False

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that decide what a training ends with, and the identity of a base that is loaded."""
        names = ("quantization", "double_quantization", "attention", "base_dropout", "lora")
        identity = {} if self.base_identity is None else {"base_identity": self.base_identity.files}
        return super().settings | {name: getattr(self, name) for name in names} | identity

    def setup(self, stage: str) -> None:
        """Refuse data whose tokenizer has tokens that the base has not, before weights are loaded."""
        super().setup(stage)
        data = None if stage == "predict" else getattr(self.trainer, "datamodule", None)
        if encoder := getattr(data, "encoder", None):
            refuse_small_vocabulary(self.base, load_config(self.base, self.revision), encoder.largest_id)

    def check(self) -> None:
        """Raise `InputError` for a base, target or precision that cannot work; no weights are loaded.

        The first time it warns of what `notices` returns.
        """
        compute_dtype(self.precision)
        if self.activation_offloading and not self.gradient_checkpointing:
            raise InputError("model.activation_offloading keeps what model.gradient_checkpointing keeps: set both")
        check_first_adapter(self.lora, self.adapter, self.base_name)
        small = small_model(self.base, load_config(self.base, self.revision), self.attention)
        self.keeps_samples_apart = try_base(self.base, small)
        can_replace = self.attention == "sdpa" and self.keeps_samples_apart
        self.attends_by_sample = can_replace and attends_by_sample(small)
        # Chunks would draw other dropout of the base's own.
        self.chunks_mlps = self.base_dropout == 0 and chunks_mlps(small)
        refuse_unknown_targets(self.lora.targets, self.linear_layers, base=self.base)
        if self.quantization != "none":
            try_four_bits(self.base, small, self.quantization)
        try_adapters(self.base, small, self.lora, checkpointing=self.gradient_checkpointing)
        for notice in [] if self.is_checked else self.notices():
            log.warning(notice)
        self.is_checked = True

    def notices(self) -> list[str]:
        """Return what is slower or larger with this base than one would expect; `check` comes first."""
        notices = []
        if not self.keeps_samples_apart:
            notices.append(
                f"base model {self.base} lets the samples of a row see each other: each is computed on its own, slower"
            )
        layers = layer_bytes(load_config(self.base, self.revision))
        if self.quantization == "nf4" and layers.in_16_bits > max(_NOTEWORTHY_BYTES, layers.in_4_bits / 10):
            notices.append(
                f"4 bits reach only the linear layers of base model {self.base}: {layers.in_16_bits / 1e9:.1f} GB of "
                f"its layers, {layers.share_in_16_bits:.1%} of their bytes, stay in 16 bits"
            )
        return notices

    @property
    def max_positions(self) -> int | None:
        """The longest sequence in tokens, by the base's configuration; None if it names none."""
        return max_positions(load_config(self.base, self.revision))

    @cached_property
    def linear_layers(self) -> list[str]:
        """The names of the base's layers that can have adapters, by its configuration."""
        return linear_layers(load_config(self.base, self.revision))

    @property
    def precision(self) -> str:
        """The trainer's precision, or float32 without a trainer."""
        trainer = attached_trainer(self)
        return str(trainer.precision) if trainer else "32-true"

    def build(self) -> Any:
        """Return the base with new adapters, or with the saved one."""
        self.check()
        trainer = attached_trainer(self)
        base = load_base(
            self.base,
            revision=self.revision,
            dtype=compute_dtype(self.precision),
            quantization=self.quantization,
            double_quantization=self.double_quantization,
            attention=BY_SAMPLE if self.attends_by_sample else self.attention,
            dropout=self.base_dropout,
            device=str(trainer.strategy.root_device) if trainer else "cpu",
        )
        self.base_identity = identify(self.base, self.revision)
        self.used_base_dropout = dropout_of(base.config) if self.base_dropout is None else self.base_dropout
        model = self.adapt(base)
        self.first_weights = begin_with(model, self.lora, self.adapter)
        return model

    def adapt(self, base: Any) -> Any:
        """Return a base with new adapters, ready to be trained; `check` comes first."""
        commit = self.base_identity.hub_commit if self.base_identity else None
        model = add_adapter(base, self.lora, name=self.base_name, revision=commit or self.revision)
        fuse_adapters(model)
        if self.gradient_checkpointing:
            if self.chunks_mlps:
                chunk_mlps(base)
            checkpoint_activations(base)  # after peft, which would else make the embeddings require a gradient
        return model

    @property
    def language_model(self) -> Any:
        """The Hugging Face model with decoder, head and adapters."""
        return self.model.get_base_model()

    @property
    def coverage(self) -> Coverage:
        """The numbers of adapted layers and of trained parameters."""
        return coverage(self.model, self.lora.targets, self.linear_layers)

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer."""
        return load_tokenizer(self.base, self.revision)

    def predict_step(self, batch: list[str], batch_idx: int) -> list[Generated]:
        """Return the completion of each prompt of a batch, by greedy decoding."""
        greedy = Sampling(self.max_new_tokens, temperature=0.0, top_p=1.0, batch_size=len(batch))
        return list(complete(self.model, self.tokenizer, batch, greedy))

    def base_disabled(self) -> AbstractContextManager[None]:
        """Return a context in which the adapter is disabled."""
        disabled: AbstractContextManager[None] = self.model.disable_adapter()
        return disabled

    def save_adapter(self, folder: str | Path) -> None:
        """Write the adapter, in PEFT's format, and the tokenizer into ``folder``; refuse one that is not finite."""
        refuse_not_finite(self.trained(), getattr(attached_trainer(self), "global_step", 0))
        save_adapter(self.model, Path(folder), scale=self.lora.inference_scale)
        self.tokenizer.save_pretrained(folder)
