"""Numbers that are not finite, put into a training where it computes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Float16", "Place", "Poison"]

Place = Literal["loss", "gradient", "weights", "validation"]


@dataclass(frozen=True, slots=True)
class Poison:
    """Puts a number into a training, when it is called in the training's process.

    Attributes:
        place: Where: into the loss, the gradient or the weights of an optimizer step, or the loss of a validation.
        value: What: ``nan``, ``inf`` or ``-inf``.
        step: The optimizer step, from 0, behind which the weights are poisoned; or the number of the validation.
        lasting: Whether each later step or validation is poisoned, too.
    """

    place: Place
    value: float
    step: int
    lasting: bool = False

    def __call__(self) -> None:
        """Let this process compute the number."""
        from codelm.modules import CausalLM

        model: Any = CausalLM
        wrap: dict[Place, Callable[[Any], None]] = {
            "loss": self._wrap_loss,
            "gradient": self._wrap_gradient,
            "weights": self._wrap_weights,
            "validation": self._wrap_validation,
        }
        wrap[self.place](model)

    def _hits(self, step: int) -> bool:
        return step == self.step or (self.lasting and step > self.step)

    def _wrap_loss(self, model: Any) -> None:
        compute = model.training_step

        def poisoned(its: Any, batch: Any, index: int) -> Any:
            loss = compute(its, batch, index)
            return loss * self.value if self._hits(its.global_step) else loss

        def seen(its: Any, batch: Any) -> Any:  # what is logged as the step's loss
            total, weight = measured(its, batch)
            return (total * self.value if its.trainer.training and self._hits(its.global_step) else total), weight

        measured = model.weighted_nll
        model.training_step, model.weighted_nll = poisoned, seen

    def _wrap_gradient(self, model: Any) -> None:
        check = model.on_before_optimizer_step

        def poisoned(its: Any, optimizer: Any) -> None:
            if self._hits(its.global_step):
                next(one for _, one in its.trained() if one.grad is not None).grad.view(-1)[0] = self.value
            check(its, optimizer)

        model.on_before_optimizer_step = poisoned

    def _wrap_weights(self, model: Any) -> None:
        advance = model.lr_scheduler_step

        def poisoned(its: Any, *arguments: Any) -> None:
            advance(its, *arguments)
            if self._hits(its.global_step - 1):
                next(one for _, one in its.trained()).data.view(-1)[0] = self.value

        model.lr_scheduler_step = poisoned

    def _wrap_validation(self, model: Any) -> None:
        report, counted = model._report, iter(range(1000))

        def poisoned(its: Any, stage: str) -> None:
            if stage == "val" and self._hits(next(counted)):
                its.held_out_nll.update(self.value)
            report(its, stage)

        model._report = poisoned


@dataclass(frozen=True, slots=True)
class Float16:
    """Lets a training compute in float16 on a CPU, with a scaler that begins with a scale.

    Attributes:
        scale: The scale.
    """

    scale: float

    def __call__(self) -> None:
        """Let this process's trainers compute so."""
        from lightning.pytorch.plugins import MixedPrecision
        from lightning.pytorch.trainer.connectors import accelerator_connector
        from torch.amp import GradScaler

        def precision(its: Any) -> Any:
            return MixedPrecision("16-mixed", "cpu", GradScaler("cpu", init_scale=self.scale))

        connector: Any = accelerator_connector._AcceleratorConnector
        connector._check_and_init_precision = precision
