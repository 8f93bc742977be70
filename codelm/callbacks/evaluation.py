"""What a run learned of its repository, what it cost, and a report that shows it."""

import logging
import shlex
import time
from pathlib import Path
from typing import Any

from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.export import ExportAdapter, best_checkpoint, read_step
from codelm.callbacks.manifest import Manifest
from codelm.errors import CodelmError, InputError, one_line
from codelm.evaluation.data import Material
from codelm.evaluation.evaluate import Limits, examine
from codelm.evaluation.model import Examinee
from codelm.evaluation.tasks.forgetting import own_bits_per_byte
from codelm.report.tensorboard import show
from codelm.runs.figures import about_run, dot, figures, heard, prompts, write
from codelm.runs.manifest import saved_moment
from codelm.runs.outcome import saved_step
from codelm.runs.tested import draw, earlier_dots, earlier_prompts, no_dots, report_folder
from codelm.runs.trainer import companion, log_scalars, run_folder, untouched, writes

log = logging.getLogger(__name__)


class Evaluation(Callback):
    """Examines the base and the tuned model on what training did not see, when training or a test ends.

    Bits per byte on the lines that held-out commits added, holes they filled, idioms, what was forgotten of general
    code and what is recited of training. Writes ``report.html``, and ``evaluation/`` with the figures and every hole,
    to the run's folder. What it cost on general code is also measured while training goes on. A part that fails is told
    in the report; where there can be none, a training ends as it would have, its adapter and manifest are written
    before, and a test ends with an error once its loss is printed.

    List it behind `ExportAdapter`, which gives the model its best weights, and `Manifest`, which then tells of it.

    Args:
        enabled: Whether to examine anything.
        minutes: Time for the examination at the end; what does not fit is asked less often.
        limit: Holes, functions and windows of each kind at most.
        tokens: Tokens of held-out samples at most.
        every_n_epochs: Epochs from one look at general code to the next; 0 looks at the end alone.
        batch_size: Rows or prompts at a time; fewer need less memory.
        seed: Decides what is asked about, where not all can be.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        minutes: PositiveFloat = 5.0,
        limit: PositiveInt = 64,
        tokens: PositiveInt = 200_000,
        every_n_epochs: NonNegativeInt = 1,
        batch_size: PositiveInt = 4,
        seed: int = 42,
    ) -> None:
        self.enabled = enabled
        self.limits = Limits(float(minutes), int(limit), int(tokens))
        self.every_n_epochs = every_n_epochs
        self.batch_size = batch_size
        self.seed = seed
        self.epochs: list[dict[str, Any]] = []
        self.figures: dict[str, Any] | None = None
        self.folder: Path | None = None
        self.tested: Path | None = None
        self.failure: str | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a list of callbacks in which other weights are examined than those that are saved.

        Raises:
            InputError: `ExportAdapter` or `Manifest` stands behind this.
        """
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        if any(isinstance(callback, ExportAdapter | Manifest) for callback in callbacks[callbacks.index(self) :]):
            raise InputError(
                "trainer.callbacks lists Evaluation before ExportAdapter and Manifest, whose weights it examines: "
                "leave it out, and set it up under evaluation"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the untouched base on general code; a resumed run has done so before."""
        if not self.epochs:
            self.look(trainer, pl_module, epoch=0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the tuned model on general code, if its turn has come or training stops."""
        epoch = trainer.current_epoch + 1
        if trainer.should_stop or (self.every_n_epochs and epoch % self.every_n_epochs == 0):
            self.look(trainer, pl_module, epoch)

    def look(self, trainer: Trainer, pl_module: LightningModule, epoch: int) -> None:
        """Add a dot to the curve of what is gained against what is lost; a failure only logs a warning."""
        if not (self.enabled and self.every_n_epochs and trainer.is_global_zero and has_history(trainer)):
            return
        if epoch > 0 and not self.epochs:  # the base could not be measured: nothing to hold this against
            return
        try:
            with untouched(trainer, pl_module, self.seed):
                examinee = self.examinee(trainer, pl_module)
                with examinee.as_base(epoch == 0):
                    bits = own_bits_per_byte(examinee, data_of(trainer).encoder)
        except Exception as error:  # whatever it is, training goes on
            log.warning("general code after epoch %d was not measured, training goes on: %s", epoch, one_line(error))
            return
        self.epochs.append({"epoch": epoch, "step": trainer.global_step, "bits": bits, "loss": loss(trainer, epoch)})
        forgetting = 100 * (bits / self.epochs[0]["bits"] - 1)
        log_scalars(trainer, {"general/bits_per_byte": bits, "general/forgetting_percent": forgetting})

    def examinee(self, trainer: Trainer, pl_module: LightningModule) -> Examinee:
        """Return the model as somebody who is asked."""
        return Examinee(pl_module, room=data_of(trainer).sequence_length, batch_size=self.batch_size)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Examine the weights that were saved, and let the manifest tell of it."""
        manifest = companion(trainer, Manifest)
        if self.enabled and writes(trainer) and has_history(trainer) and trainer.global_step > 0:
            step = saved_step(trainer)
            step = trainer.global_step if step is None else step
            try:
                shown = prompts(heard(trainer), step)
                self.run(trainer, pl_module, run_folder(trainer), self.dots(step), step, shown)
            finally:  # also where it was stopped
                if manifest is not None:
                    manifest.tell_evaluation(trainer, pl_module, self.figures, self.failure)
            if self.failure is not None:
                log.warning("the evaluation failed, everything else stands: %s", self.failure)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the folder of the run that is tested; whether it can take the report is known before anything is read.

        Raises:
            InputError: It cannot be written to.
        """
        if self.enabled and trainer.is_global_zero and has_history(trainer) and trainer.ckpt_path:
            checkpoint = Path(trainer.ckpt_path).resolve()
            self.tested = report_folder(checkpoint, data_of(trainer), lambda step: learned(trainer, step))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Examine the weights of a checkpoint; its run's folder takes the report."""
        if self.tested is not None:
            step = read_step(Path(str(trainer.ckpt_path)))
            earlier = [each | {"chosen": each["step"] == step} for each in earlier_dots(self.tested)]
            shown = earlier_prompts(self.tested, step)
            self.run(trainer, pl_module, self.tested, earlier or self.dots(step), step, shown)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let a test end with the failure of its evaluation, now that Lightning has printed the loss.

        Raises:
            CodelmError: The evaluation of a checkpoint failed.
        """
        if stage == "test" and self.failure is not None:
            raise CodelmError(f"no report, the test loss stands: {self.failure}; --debug shows where it failed")

    def dots(self, step: int) -> list[dict[str, Any]]:
        """Return the epochs that were looked at, as the report shows them; the weights of a step are chosen."""
        return [dot(each, self.epochs[0], chosen=each["step"] == step) for each in self.epochs]

    def run(
        self,
        trainer: Trainer,
        pl_module: Any,
        folder: Path,
        dots: list[dict[str, Any]],
        step: int,
        shown: list[dict[str, Any]],
    ) -> None:
        """Examine the weights of a step, and write down what came out, or keep why that failed."""
        log.info("evaluation: about %g min; evaluation.minutes and evaluation.limit change it", self.limits.minutes)
        started = time.perf_counter()
        try:
            data, samples = data_of(trainer), learned(trainer, step)
            with untouched(trainer, pl_module, self.seed):
                found = examine(
                    self.examinee(trainer, pl_module),
                    Material(data.store, data.encoder, samples),
                    self.limits,
                    self.seed,
                )
            found.notes += [] if dots else [no_dots(folder)]
            about = about_run(folder, pl_module, data, dots) | {"learned": draw(step, samples)}
            about["seconds"] = time.perf_counter() - started
            self.figures = figures(found, about, dots, shown)
            write(folder, self.figures, found.holes)
            self.folder = folder
            show(trainer, self.figures, step)
        except Exception as error:  # the training is saved; it must not be lost for a report
            log.debug("evaluation", exc_info=True)
            self.failure = str(error) if isinstance(error, CodelmError) else one_line(error)
        except BaseException:  # Ctrl-C, or SIGTERM
            self.failure = "stopped"
            asked = trainer.ckpt_path if self.tested else best_checkpoint(trainer)
            log.warning("the evaluation was stopped, everything else stands: %s makes the report", again(folder, asked))
            raise

    def state_dict(self) -> dict[str, Any]:
        """Keep the dots with a checkpoint."""
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the dots of the run that is continued."""
        self.epochs = list(state_dict["epochs"])


def again(folder: Path, checkpoint: object) -> str:
    """Return the command that examines a checkpoint of a run's folder."""
    return shlex.join(
        ["codelm", "test", "--config", str(folder / "config.yaml"), "--ckpt_path", str(checkpoint or "last")]
    )


def data_of(trainer: Trainer) -> Any:
    """Return the trainer's datamodule."""
    return trainer.datamodule  # type: ignore[attr-defined]


def has_history(trainer: Trainer) -> bool:
    """Return whether the data is a repository's history, and not somebody's own."""
    data = getattr(trainer, "datamodule", None)
    return all(hasattr(data, name) for name in ("store", "encoder", "drawn", "sequence_length"))


def learned(trainer: Trainer, step: int) -> list[int]:
    """Return the training samples that a run has learned by an optimizer step."""
    limit = trainer.limit_train_batches
    share = limit if isinstance(limit, float) else 1.0  # a number is the datamodule's to spread
    slicing = {"accumulate": trainer.accumulate_grad_batches, "ranks": trainer.world_size}
    found: list[int] = data_of(trainer).drawn(step, share=share, **slicing)
    return found


def loss(trainer: Trainer, epoch: int) -> dict[str, float | None]:
    """Return the validation loss of the weights as they are after an epoch, and the base's; None where unknown."""
    reference = companion(trainer, BaseReference)
    base = reference.loss if reference else None
    manifest = companion(trainer, Manifest)
    # Lightning's metrics keep the last validation's loss, which may be that of earlier weights.
    measured = saved_moment(manifest.history, trainer.global_step) if manifest else None
    return {"base": base, "tuned": base if epoch == 0 else measured.val_loss if measured else None}
