"""The heavy half of the command: Lightning's trainer, one model, one datamodule, and a folder for the run."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from os.path import expanduser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jsonargparse import Namespace, set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

from codelm import __version__
from codelm.bases import BUNDLED
from codelm.callbacks import (
    BaseReference,
    BehavioralEvaluation,
    Evaluation,
    ExportAdapter,
    Manifest,
    MemoryPeaks,
    Predictions,
    Progress,
    SaveWhenStopped,
    Summary,
    TokensPerSecond,
)
from codelm.cli.checks import refuse_hopeless
from codelm.cli.commands import COMMANDS
from codelm.cli.defaults import DEFAULTS
from codelm.cli.loggers import Board, SaveFitConfig
from codelm.cli.logging import voice
from codelm.cli.messages import in_our_words
from codelm.cli.parser import OneLineParser, about
from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.limits import open_all
from codelm.errors import InputError, ResourceError
from codelm.git.repository import Repository
from codelm.modules import LoRACausalLM
from codelm.modules.precision import auto_precision
from codelm.runs.checkpoints import keep_whole
from codelm.runs.folder import checkpoint_file, claimed_folder, run_name

log = logging.getLogger(__name__)


class CodelmCLI(LightningCLI):
    """Lightning's command line for one model class and one datamodule class.

    Args:
        arguments: The command and its settings.
        cleanup: Closed when the run is over; takes the run's folder back where nothing came of it.
        quiet: Whether to draw no progress bar.
    """

    def __init__(self, arguments: Sequence[str], cleanup: ExitStack, *, quiet: bool) -> None:
        self.cleanup = cleanup
        self.quiet = quiet
        each = {name: about(name, what) for name, what in COMMANDS.items()}
        super().__init__(
            LoRACausalLM,
            GitCommitDataModule,
            args=list(arguments),
            parser_class=OneLineParser,
            parser_kwargs={"prog": "codelm", "allow_abbrev": False, **each},  # or --trainer.max_epoch would pass
            seed_everything_default=42,
            save_config_callback=SaveFitConfig,
            save_config_kwargs={"overwrite": True},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """Make a parser whose configurations say what wrote them."""
        parser: LightningArgumentParser = super().init_parser(**kwargs, dump_header=[f"codelm {__version__}"])
        return parser

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add model and data before the trainer, whose forty settings hide what comes after them."""
        parser.add_lightning_class_args(LoRACausalLM, "model")
        parser.add_lightning_class_args(GitCommitDataModule, "data")
        parser.add_lightning_class_args(Trainer, "trainer")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run has beside model, data and trainer, each under a short name."""
        parser.add_argument("--output", type=str, default="runs", help="Folder for the runs.")
        parser.add_argument("--name", type=str | None, help="Name of the run; null for the repository's.")
        parser.add_lightning_class_args(BehavioralEvaluation, "behavior")
        parser.add_class_arguments(Evaluation, "evaluation")  # ours to place: it comes behind what it tells of
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        for target in ("data.seed", "behavior.seed", "evaluation.seed"):
            parser.link_arguments("seed_everything", target, compute_fn=int)
        parser.link_arguments("model.base", "data.tokenizer")
        parser.link_arguments("model.revision", "data.tokenizer_revision")
        parser.link_arguments("behavior.prompts", "data.prompts", compute_fn=list)
        parser.link_arguments("behavior.max_new_tokens", "model.max_new_tokens")
        parser.set_defaults(DEFAULTS)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse what the command was given; Lightning would warn that the program has arguments of its own."""
        self.config = parser.parse_args(args)
        command = self.config.subcommand
        refuse_hopeless(self.config[command], trains=command == "fit")

    def _parse_ckpt_path(self) -> None:
        """Leave the settings alone: Lightning would let those in the checkpoint overrule the user's, silently."""

    @property
    def settings(self) -> Namespace:
        """The settings of the chosen command."""
        settings: Namespace = self.config[self.subcommand]
        return settings

    @property
    def predicts(self) -> bool:
        """Whether prompts are completed: no history is needed, and standard output is for the completions."""
        return bool(self.subcommand == "predict")

    def before_instantiate_classes(self) -> None:
        """Decide what was left open, so that the saved configuration holds the decision."""
        settings = self.settings
        needs_history = settings.name is None or not self.predicts
        paths = [absolute(path) for path in as_list(settings.data.repo)]
        repositories = open_all(paths, settings.data.revision) if needs_history else []
        settings.name = run_name(settings.name, [repository.name for repository in repositories])
        settings.data.repo = paths[0] if len(paths) == 1 else paths
        if len(repositories) == 1:  # several have no commit in common that the setting could name
            settings.data.revision = commits_of(repositories[0])
        if settings.model.base not in BUNDLED and Path(settings.model.base).is_dir():
            settings.model.base = settings.data.tokenizer = absolute(settings.model.base)
        settings.trainer.precision = settings.trainer.precision or auto_precision(str(settings.trainer.accelerator))
        self.checkpoint = checkpoint_file(settings.ckpt_path, Path(settings.output), settings.name)
        settings.ckpt_path = None  # a configuration that replays the run begins at its beginning

    def instantiate_classes(self) -> None:
        """Make model, data and trainer; whatever they refuse was asked for by a setting."""
        try:
            super().instantiate_classes()
        except (MisconfigurationException, TypeError, ValueError) as error:
            raise error if isinstance(error, InputError) else InputError(in_our_words(str(error))) from error

    def after_instantiate_classes(self) -> None:
        """Refuse what the base cannot do before any history is read or weight loaded."""
        refused = self.predicts and not self.datamodule.prompts  # in a moment, and in one line
        if self.subcommand != "fit" and self.checkpoint is None and not refused:
            log.warning(
                "no --ckpt_path: %s the untouched base; --ckpt_path best takes the checkpoint of the newest run",
                "completing with" if self.predicts else "measuring",
            )
        self.config_init[self.subcommand].ckpt_path = self.checkpoint
        self.model.check()
        refuse_long_rows(self.datamodule.sequence_length, self.model.max_positions, self.model.base)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Make the trainer, and for training the folder it writes to."""
        given = self._get(self.config_init, "trainer")
        quiet = self.quiet or self.predicts
        if quiet:
            given.callbacks = [one for one in as_list(given.callbacks) if not isinstance(one, ProgressBar)]
            kwargs |= {"enable_progress_bar": False}
        predictions = [Predictions(self.settings.behavior.language)] if self.predicts else []
        evaluation = self._get(self.config_init, "evaluation")
        ours = always(as_list(given.callbacks), evaluation, quiet=quiet)
        self.trainer_defaults["callbacks"] = [*ours, *predictions]
        leaves_something = self.subcommand == "fit" and not given.fast_dev_run
        kwargs |= self.writing_to_own_folder(given.logger) if leaves_something else self.writing_nowhere()
        trainer: Trainer = super().instantiate_trainer(**kwargs)
        keep_whole(trainer)
        return trainer

    def writing_to_own_folder(self, loggers: Any) -> dict[str, Any]:
        """Claim the run's folder and return the trainer's arguments that make everybody write to it."""
        output, name = Path(self.settings.output), self.settings.name
        folder = self.cleanup.enter_context(claimed_folder(output, name, self.checkpoint))
        if loggers is False:
            return {"default_root_dir": folder}
        # Ours comes first: callbacks take their folder from the first logger.
        board = Board(folder.parent.parent, folder.parent.name, folder.name, default_hp_metric=False)
        others = [logger for logger in as_list(loggers) if isinstance(logger, Logger)]
        return {"default_root_dir": folder, "logger": [board, *others]}

    def writing_nowhere(self) -> dict[str, Any]:
        """Return the trainer's arguments that leave nothing behind, not even what Lightning saves in a rehearsal."""
        return {"default_root_dir": self.cleanup.enter_context(TemporaryDirectory()), "logger": False}


def absolute(path: str) -> str:
    """Return a path that means the same from every folder."""
    return str(Path(expanduser(path)).resolve())


def commits_of(repository: Repository) -> str:
    """Return the revision that goes on meaning the same commits when branches move on."""
    return f"{repository.base}..{repository.tip}" if repository.base else repository.tip


def always(given: Sequence[Callback], evaluation: Evaluation, *, quiet: bool) -> list[Callback]:
    """Return the callbacks of every run, which a list of the user's own does not lose; ``given`` ones come instead."""
    ours = [BaseReference(), TokensPerSecond(), MemoryPeaks(), SaveWhenStopped()]
    ours += [ExportAdapter(), Manifest(), evaluation]  # each tells of what those before it have made
    if not quiet:
        ours += [Summary(), *([] if any(isinstance(one, ProgressBar) for one in given) else [Progress()])]
    kinds = {type(one) for one in given}
    return [one for one in ours if type(one) not in kinds]


def refuse_long_rows(sequence_length: int, max_positions: int | None, base: str) -> None:
    """Raise `InputError` where rows are longer than the base has positions: it would run, and learn nothing there."""
    if max_positions is not None and sequence_length > max_positions:
        raise InputError(
            f"data.sequence_length {sequence_length} is beyond the {max_positions} positions of base model {base}; "
            "give no more than that"
        )


def as_list(value: Any) -> list[Any]:
    """Return a setting that is one thing, several or none as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def run(arguments: Sequence[str], *, quiet: bool = False, debug: bool = False) -> None:
    """Run one of Lightning's commands with its settings.

    Raises:
        CodelmError: With one line for the user.
    """
    # Otherwise a configuration could name a part of itself by an address on the network.
    set_parsing_settings(config_read_mode_fsspec_enabled=False)
    with ExitStack() as cleanup, voice(quiet=quiet, debug=debug):
        try:
            CodelmCLI(arguments, cleanup, quiet=quiet)
        except MisconfigurationException as error:
            raise InputError(in_our_words(str(error))) from error
        except torch.OutOfMemoryError as error:
            raise ResourceError(
                "out of GPU memory; halve --data.batch_size and double --trainer.accumulate_grad_batches, "
                "or shorten --data.sequence_length"
            ) from error
