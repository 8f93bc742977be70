"""Lightning's logger and its saved configuration, as a run's folder holds them, and what a configuration may lack."""

import logging
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from codelm.cli.base_folder import link_base
from codelm.files import new_file
from codelm.lightning_internals import set_root_folder
from codelm.report.tensorboard import arrange
from codelm.runs.batch_size import batch_settings

__all__ = ["ConfigAdvice", "EventLogger", "SaveFitConfig", "log_to"]

log = logging.getLogger(__name__)


class ConfigAdvice(Callback):
    """Says which configuration a run took that was given none, and which one fits its repositories."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say it when the history is read."""
        found = trainer.datamodule.facts["analysis"]["repositories"]  # type: ignore[attr-defined]
        for repository in found:
            if trainer.is_global_zero and "rust_share_of_code" in repository:  # older caches do not say it
                share, fitting = 100 * repository["rust_share_of_code"], repository["recommended_config"]
                of = f"{share:.0f} % of the code of {repository['name']} is Rust"
                log.info("no --config: took configs/default.yaml; %s, so %s fits", of, fitting)


class EventLogger(TensorBoardLogger):
    """TensorBoard's events without an empty ``hparams.yaml`` beside ``config.yaml``."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics.

        Raises:
            OSError: The events cannot be written; Lightning 2.6 would blame the metric.
        """
        try:
            super().log_metrics(metrics, step)
        except ValueError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise

    def save(self) -> None:
        """Write what was logged."""
        self.experiment.flush()

    def finalize(self, status: str) -> None:
        """Close the events; after a run that was stopped or failed, what ended it is the error to report.

        A stop may have come while they were closed, and torch's writer then refuses to be closed again.
        """
        with nullcontext() if status == "success" else suppress(OSError):
            super().finalize(status)


def log_to(folder: Path, trainer: Trainer, *, with_events: bool) -> None:
    """Let all callbacks and loggers of a trainer write to a run's folder, and with ``with_events`` TensorBoard's."""
    set_root_folder(trainer, folder)
    if with_events:
        # Ours comes first: callbacks take their folder from the first logger.
        events = EventLogger(folder.parent.parent, folder.parent.name, folder.name, default_hp_metric=False)
        trainer.loggers = [events, *trainer.loggers]


class SaveFitConfig(SaveConfigCallback):
    """Writes ``config.yaml`` to the folder of a training run; other commands have none."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write nothing yet: a checkpoint that is refused later must find the run's own configuration as it was."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the configuration when training begins, in one step: a resumed run replaces the one before."""
        folder = trainer.log_dir  # asked for by all processes: the first one tells the others
        if trainer.is_global_zero:
            for name, value in batch_settings(trainer, trainer.datamodule).items():  # type: ignore[attr-defined]
                self.config[name] = value
            identity = pl_module.base_identity
            if identity and identity.hub_commit:  # type: ignore[union-attr]
                self.config["model.revision"] = identity.hub_commit  # type: ignore[union-attr]
            with new_file(Path(str(folder)) / self.config_filename) as unfinished:
                self.parser.save(self.config, unfinished, skip_none=False, overwrite=True, multifile=self.multifile)
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    arrange(logger, vars(self.config.as_flat()))
            link_base(Path(str(folder)), pl_module.base_name, pl_module.base)  # type: ignore[arg-type]
