"""A causal language model that learns from packed rows, as a Lightning module."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torchmetrics import SumMetric
from transformers import PreTrainedModel

from codelm.batch import Batch, learned_labels, learned_weights
from codelm.errors import CodelmError, InputError
from codelm.lightning_checkpoints import rewind_to_whole_step
from codelm.modules.batch_seed import seed_batch
from codelm.modules.decoder import decoder_of, packed_states, states_by_sample, states_one_by_one
from codelm.modules.finite import refuse_not_finite, report_failure
from codelm.modules.losses import Choices, token_nll, weighted_nll_sum
from codelm.modules.offloading import activations_on_host
from codelm.modules.optimizers import OptimizerName, build_optimizer, warmup_cosine
from codelm.modules.resume_checks import refuse_other_settings, refuse_other_weights, result_settings

__all__ = ["CausalLM"]

_MAX_FAILURES = 3
"""This many steps in a row whose loss or gradient is not finite end the run."""


class CausalLM(LightningModule):
    """Trains the model that a subclass's `build` returns; only the parameters that require a gradient are saved.

    Args:
        learning_rate: The highest learning rate, reached at the end of the warm-up.
        weight_decay: AdamW's weight decay of matrices; vectors do not decay.
        warmup: Share of all steps over which the learning rate rises; afterwards it falls as a half cosine.
        optimizer: The optimizer: adamw, or paged_adamw_8bit of bitsandbytes, which saves memory on CUDA.
        seed: Seed of dropout.
    """

    def __init__(
        self,
        *,
        learning_rate: PositiveFloat = 1e-4,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.1,
        optimizer: OptimizerName = "adamw",
        seed: int = 42,
    ) -> None:
        super().__init__()
        if not math.isfinite(learning_rate):
            raise InputError(f"model.learning_rate is {learning_rate}: give a number above 0, such as 1e-4")
        # jsonargparse's number types would get into the optimizer's state, which torch then refuses to load safely.
        self.learning_rate = float(learning_rate)
        self.weight_decay = float(weight_decay)
        self.warmup = warmup
        self.optimizer = optimizer
        self.seed = seed
        self.rate_factors: dict[str, float] = {}
        # Checkpoints hold only trained parameters: `on_load_checkpoint` does the strict check on those.
        self.strict_loading = False
        self.keeps_samples_apart, self.attends_by_sample = True, False
        self.activation_offloading = False
        self.step_loss = torch.zeros(())
        self.failures = self.skipped_steps = 0
        # Two sums: torchmetrics' MeanMetric ignores its weights if nan_strategy is "disable".
        self.held_out_nll = SumMetric(nan_strategy="disable").set_dtype(torch.float64)
        self.held_out_weight = SumMetric(nan_strategy="disable").set_dtype(torch.float64)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that decide what a training ends with."""
        return {name: getattr(self, name) for name in ("learning_rate", "weight_decay", "warmup", "optimizer", "seed")}

    def build(self) -> PreTrainedModel:
        """Return the model to train."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        """Sum held-out losses in float32 on MPS, which has no float64; the module moves there after this hook."""
        if self.trainer.strategy.root_device.type == "mps":
            self.held_out_nll.set_dtype(torch.float32)
            self.held_out_weight.set_dtype(torch.float32)

    def configure_model(self) -> None:
        """Build the model, once."""
        if not hasattr(self, "model"):
            self.model = self.build().train()  # from_pretrained returns eval mode, and Lightning leaves it so

    @property
    def language_model(self) -> Any:
        """The Hugging Face model with decoder and head."""
        return self.model

    def trained(self) -> Iterator[tuple[str, Parameter]]:
        """Return the trained parameters with their names."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)

    def forward(self, batch: Batch) -> Tensor:
        """Return the decoder's last hidden states, ``[B, T, H]``."""
        together = states_by_sample if self.attends_by_sample else packed_states
        states = together if self.keeps_samples_apart else states_one_by_one
        with activations_on_host(self.device, wanted=self.activation_offloading):
            return states(decoder_of(self.language_model), batch)

    def weighted_nll(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of nll over the learned labels, in nats, and the sum of their weights; scalars."""
        head, weights = self.language_model.get_output_embeddings(), learned_weights(batch)
        total = weighted_nll_sum(self(batch), head.weight, batch["labels"], weights, head_bias=head.bias)
        return total, weights.sum()

    def token_nll(self, batch: Batch, choices: Choices | None = None) -> Tensor:
        """Return the nll of each learned label, in nats, ``[B, T]``, 0 elsewhere; see `token_nll` of the losses."""
        head = self.language_model.get_output_embeddings()
        return token_nll(self(batch), head.weight, learned_labels(batch), head_bias=head.bias, choices=choices)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed dropout."""
        seed_batch(self.seed, self.current_epoch, batch_idx, self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's share of the step's mean loss times the number Lightning divides by; a scalar, in nats."""
        total, _ = self.weighted_nll(batch)
        share = total / batch["step_weight"].clamp(min=torch.finfo(torch.float32).tiny)  # without labels 0, not NaN
        self.step_loss = self.step_loss.to(share.device) + share.detach()
        return share * self.trainer.accumulate_grad_batches

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Log the step, before its gradient is clipped; skip it if its loss or gradient is not finite."""
        # All processes skip a step or none does: the norm is of the mean gradient, and so is the same for all.
        loss = self.trainer.strategy.reduce(self.step_loss, reduce_op="mean")
        self.step_loss = torch.zeros_like(self.step_loss)
        gradients = [parameter.grad for _, parameter in self.trained() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/gradient_norm", norm)
        self.log("train/learning_rate", optimizer.param_groups[0]["lr"])
        self.step_is_finite = math.isfinite(loss) and math.isfinite(norm)
        if not self.step_is_finite:
            optimizer.zero_grad()  # AdamW leaves parameters without a gradient as they are
            self._count_failure(float(loss), float(norm))
        self.failures *= not self.step_is_finite

    def _count_failure(self, loss: float, norm: float) -> None:
        """Count a step that is not finite; raise `CodelmError` at the last of `_MAX_FAILURES` in a row."""
        self.skipped_steps += 1
        # A float16 scaler finds its scale by overflows: they are no failures as long as the scale can fall.
        scaler = self.trainer.scaler
        self.failures += not (scaler and math.isfinite(loss) and scaler.get_scale() >= 1)
        if self.failures:
            report_failure(self.trainer, self.global_step, loss, norm, left=_MAX_FAILURES - self.failures)

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Advance the learning rate, unless the step was skipped."""
        if self.step_is_finite:
            scheduler.step()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch of validation rows to the held-out loss."""
        self._measure(batch)

    def on_validation_epoch_end(self) -> None:
        """Log ``val/loss`` and ``val/perplexity``."""
        self._report("val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch of test rows to the held-out loss."""
        self._measure(batch)

    def on_test_epoch_end(self) -> None:
        """Log ``test/loss`` and ``test/perplexity``."""
        self._report("test")

    def _measure(self, batch: Batch) -> None:
        """Add a batch to the held-out sums, whose quotient is the mean over label weights and not over batches."""
        total, weight = self.weighted_nll(batch)
        self.held_out_nll.update(total)
        self.held_out_weight.update(weight)

    def _report(self, stage: str) -> None:
        """Log the mean nll of the held-out rows and its exponential, the perplexity; refuse one that is not finite."""
        nll, weight = self.held_out_nll.compute(), self.held_out_weight.compute()
        self.held_out_nll.reset()
        self.held_out_weight.reset()
        if not weight:
            raise InputError(
                f"{stage}/loss cannot be measured: none of the held-out rows has a label; take more of them"
                " (data.held_out, or trainer.limit_val_batches and trainer.limit_test_batches), or loosen data.filters"
            )
        loss = nll / weight
        if not math.isfinite(loss):
            what = f"{stage}/loss is {float(loss)} at step {self.global_step}"
            raise CodelmError(f"{what}: model.learning_rate is too high, or the model or its data is broken")
        self.log(f"{stage}/loss", loss, prog_bar=True)
        self.log(f"{stage}/perplexity", loss.exp())
        if self.trainer.state.fn == TrainerFn.FITTING:
            # Lightning uses it as the step on the loggers' axis; its own is one less than what callbacks log.
            self.log("step", float(self.global_step))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimizer and the schedule of its learning rate over all steps of the run."""
        optimizer = build_optimizer(
            self.optimizer,
            dict(self.trained()),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            factors=self.rate_factors,
        )
        schedule = warmup_cosine(optimizer, total=self.total_steps(), warmup=self.warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def total_steps(self) -> int:
        """Return the number of optimizer steps of the run; raise `InputError` if it has no end."""
        # Lightning's estimate makes the loader before its position is restored: a resumed run would start over.
        planned = getattr(getattr(self.trainer, "datamodule", None), "total_steps", None)
        total = self.trainer.estimated_stepping_batches if planned is None else planned
        if not 0 < total < math.inf:
            raise InputError(
                f"the learning rate has no course over {total} steps: set trainer.max_epochs or trainer.max_steps"
            )
        return int(total)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what was trained and with which settings, not the base; refuse weights that are not finite."""
        refuse_not_finite(self.trained(), self.global_step)
        checkpoint["state_dict"] = {name: checkpoint["state_dict"][name] for name, _ in self.trained()}
        checkpoint["skipped_steps"] = self.skipped_steps
        checkpoint["settings"] = self._result_settings()

    def _result_settings(self) -> dict[str, Any]:
        return result_settings(self.trainer, self, getattr(self.trainer, "datamodule", None))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore them; refuse other settings, and parameters of other names or shapes, than this model's.

        A training goes on behind the checkpoint's last whole optimizer step: batches that were learned after it, whose
        gradients waited for more, are learned again. Its batches may have been of another size.
        """
        trains = self.trainer.state.fn == TrainerFn.FITTING
        refuse_other_settings(checkpoint.get("settings", {}), self._result_settings(), trains=trains)
        refuse_other_weights(checkpoint["state_dict"], dict(self.trained()))
        self.skipped_steps = checkpoint.get("skipped_steps", 0)
        if trains and "loops" in checkpoint:
            self.step_loss = torch.zeros(())
            rewind_to_whole_step(checkpoint, self.trainer.accumulate_grad_batches)
