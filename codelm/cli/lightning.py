"""Lightning's command line for codelm's model and datamodule, with a folder for each run."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

from codelm import __version__
from codelm.bases import public_name
from codelm.callbacks import BehavioralEvaluation, Checkpoints
from codelm.cli.base_folder import base_folder
from codelm.cli.batch_size import keep_rows_of_step, settle_batch_size
from codelm.cli.checks import absolute_path, check_settings, first_adapter
from codelm.cli.commands import LIGHTNING_COMMANDS
from codelm.cli.config_files import default_argument
from codelm.cli.default_callbacks import default_callbacks
from codelm.cli.defaults import DEFAULTS
from codelm.cli.error_messages import as_typed, known_refusal, lightning_message
from codelm.cli.impossible_settings import refuse_long_rows
from codelm.cli.loggers import ConfigAdvice, SaveFitConfig, log_to
from codelm.cli.logging import run_logging
from codelm.cli.parser import OneLineParser, command_help
from codelm.cli.parsing_rules import MODE, parsing_rules
from codelm.cli.prompt_format import settle_format
from codelm.cli.ranks import all_ranks
from codelm.cli.slurm import refuse_other_tasks
from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.checks import open_repositories
from codelm.errors import CodelmError, InputError, ResourceError
from codelm.evaluation.settings import EvaluationSettings
from codelm.lightning_internals import print_figures_in
from codelm.modules import LoRACausalLM
from codelm.modules.precision import auto_precision
from codelm.modules.resume_checks import refuse_other_settings, result_settings
from codelm.runs.checkpoint_io import use_atomic_checkpoints
from codelm.runs.checkpoints import checkpoint_file, read_settings
from codelm.runs.folder import claimed_folder
from codelm.runs.name import run_name
from codelm.runs.restoring import damaged_states_refused
from codelm.runs.standard_output import results_only, shown_results

__all__ = ["run"]

log = logging.getLogger(__name__)


class _CodelmCLI(LightningCLI):
    """Lightning's command line for one model class and one datamodule class; ``cleanup`` is closed when it is over."""

    def __init__(self, arguments: Sequence[str], cleanup: ExitStack, switches: Mapping[str, bool]) -> None:
        self.arguments = [*arguments, *(f"--{name}" for name, given in switches.items() if given)]
        self.cleanup = cleanup
        self.quiet = switches["quiet"]
        self.took_default_config = default_argument() in arguments
        shared = {"parser_mode": MODE, "dump_header": [f"codelm {__version__}"]}
        each = {name: command_help(name, LIGHTNING_COMMANDS[name]) | shared for name in self.subcommands()}
        super().__init__(
            LoRACausalLM,
            GitCommitDataModule,
            args=list(arguments),
            parser_class=OneLineParser,
            # abbreviations are off, or --trainer.max_epoch would pass
            parser_kwargs={"prog": "codelm", "allow_abbrev": False, **shared, **each},
            seed_everything_default=42,
            save_config_callback=SaveFitConfig,
            save_config_kwargs={"overwrite": True},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Return the command that was given alone: to add the settings of the others takes a third of a second."""
        return {name: skipped for name, skipped in LightningCLI.subcommands().items() if name == self.arguments[0]}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add model and data before the trainer, whose forty settings hide what comes after them."""
        parser.add_lightning_class_args(LoRACausalLM, "model")
        parser.add_lightning_class_args(GitCommitDataModule, "data")
        parser.add_lightning_class_args(Trainer, "trainer")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what a run has beside model, data and trainer, each under a short name."""
        parser.add_argument("--output", type=str, default="runs", help="Folder for the runs.")
        parser.add_argument("--name", type=str | None, help="Name of the run; null for the repository's.")
        parser.add_class_arguments(
            BehavioralEvaluation, "behavior", instantiate=False, sub_configs=True, skip={"record"}
        )
        parser.add_class_arguments(EvaluationSettings, "evaluation")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.add_lightning_class_args(Checkpoints, "checkpoint")
        for target in ("model.seed", "data.seed", "behavior.seed", "evaluation.seed"):
            parser.link_arguments("seed_everything", target, compute_fn=int)
        parser.link_arguments("model.base", "data.tokenizer")
        parser.link_arguments("model.revision", "data.tokenizer_revision")
        parser.link_arguments("behavior.prompts", "data.prompts", compute_fn=list)
        parser.link_arguments("behavior.max_new_tokens", "model.max_new_tokens")
        parser.set_defaults(DEFAULTS)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the arguments; Lightning would warn that the program has arguments of its own."""
        self.config = parser.parse_args(args)
        try:
            parser.dump(self.config)
        except ValueError as error:  # later, when the run's folder is there, it would be saved in vain
            raise InputError(lightning_message(str(error))) from error
        command = self.config.subcommand
        check_settings(self.config[command], trains=command == "fit")

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
        self.cleanup.enter_context(results_only())  # help and configuration, which were asked for, are printed by now
        settings = self.settings
        needs_history = settings.name is None or not self.predicts
        paths = [absolute_path(path) for path in _as_list(settings.data.repo)]
        repositories = open_repositories(paths, settings.data.revision) if needs_history else []
        settings.name = run_name(settings.name, [repository.name for repository in repositories])
        settings.data.repo = paths[0] if len(paths) == 1 else paths
        if len(repositories) == 1:  # several have no commit in common that the setting could name
            base, tip = repositories[0].base, repositories[0].tip
            settings.data.revision = f"{base}..{tip}" if base else tip
        self.config_files = [Path(str(each)) for each in _as_list(settings.config)]
        keep_rows_of_step(settings, self.config_files, self.arguments)
        self.base_folder = base_folder(settings.model.base, self.config_files)
        if self.base_folder:  # the saved configuration names what others know
            name = settings.model.base_name or public_name(settings.model.base)
            settings.model.base, settings.model.base_name, settings.data.tokenizer = name, None, name
        settings.trainer.precision = settings.trainer.precision or auto_precision(str(settings.trainer.accelerator))
        self.checkpoint = checkpoint_file(settings.ckpt_path, Path(settings.output), settings.name, self.config_files)
        settings.model.adapter = first_adapter(settings.model.adapter, self.checkpoint, trains=self.subcommand == "fit")
        settings.ckpt_path = None  # a configuration that replays the run begins at its beginning

    def instantiate_classes(self) -> None:
        """Make model, data and trainer; whatever they refuse was given by a setting."""
        try:
            super().instantiate_classes()
            if self.base_folder:
                self.model.base = self.datamodule.tokenizer = self.base_folder
        except (MisconfigurationException, ImportError, TypeError, ValueError) as error:
            raise error if isinstance(error, InputError) else InputError(lightning_message(str(error))) from error

    def after_instantiate_classes(self) -> None:
        """Refuse what the base cannot do before any history is read or weight loaded."""
        trains = self.subcommand == "fit"
        untouched = self.checkpoint is None and self.model.adapter is None
        if not trains and untouched and (self.datamodule.prompts or not self.predicts):  # or setup will refuse it
            log.warning(
                "no --ckpt_path: %s the untouched base; --ckpt_path best takes the checkpoint of the newest run",
                "completing with" if self.predicts else "measuring",
            )
        self.config_init[self.subcommand].ckpt_path = self.checkpoint
        self.cleanup.enter_context(damaged_states_refused(self.checkpoint))
        self.model.check()
        refuse_long_rows(self.datamodule.sequence_length, self.model.max_positions, self.model.base)
        settings = self.settings
        if not self.predicts:
            settings.data.formats.fim_format = settle_format(self.trainer, self.model, self.datamodule)
        chosen = self.trainer, self.model, self.datamodule
        if self.checkpoint is not None and trains:
            refuse_other_settings(*map(as_typed, (read_settings(Path(self.checkpoint)), result_settings(*chosen))))
        batches = settle_batch_size(*chosen, self.checkpoint) if trains else {}
        decided = {"name": settings.name, "data.revision": settings.data.revision, "ckpt_path": self.checkpoint}
        decided |= {"data.formats.fim_format": settings.data.formats.fim_format} | batches
        found = [f"--{name}={value}" for name, value in decided.items() if value is not None]
        if self.checkpoint is not None and self.trainer.is_global_zero:
            log.info("taking %s", self.checkpoint)
        self.cleanup.enter_context(all_ranks(self.trainer, [*self.arguments, *found]))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Make the trainer, and for training the folder it writes to."""
        settings = self.config_init[self.subcommand]
        given = settings.trainer
        quiet = self.quiet or self.predicts
        kwargs |= {"enable_progress_bar": False} if quiet else {}
        given.callbacks = default_callbacks(_as_list(given.callbacks), settings, predicts=self.predicts, quiet=quiet)
        given.callbacks += [ConfigAdvice()] if self.took_default_config else []
        leaves_something = self.subcommand == "fit" and not given.fast_dev_run
        if leaves_something:
            kwargs |= {"logger": [one for one in _as_list(given.logger) if isinstance(one, Logger)] or False}
        else:  # not even those of Lightning's fast_dev_run
            kwargs |= {"default_root_dir": self.cleanup.enter_context(TemporaryDirectory()), "logger": False}
        trainer: Trainer = super().instantiate_trainer(**kwargs)
        refuse_other_tasks(trainer)
        use_atomic_checkpoints(trainer)
        print_figures_in(shown_results(), trainer)
        if leaves_something:
            self.write_to_own_folder(trainer, with_events=given.logger is not False)
        return trainer

    def write_to_own_folder(self, trainer: Trainer, *, with_events: bool) -> None:
        """Claim the run's folder, and let all callbacks write to it; Lightning tells its name to other processes."""
        output, name = Path(self.settings.output), self.settings.name
        claim = claimed_folder(output, name, self.checkpoint, self.config_files)
        own = claim if trainer.is_global_zero else nullcontext(output / name)
        log_to(self.cleanup.enter_context(own), trainer, with_events=with_events)


def _as_list(value: Any) -> list[Any]:
    """Return a setting that is one thing, several or none as a list."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def run(arguments: Sequence[str], *, quiet: bool = False, debug: bool = False, allow_code: bool = False) -> None:
    """Run one of Lightning's commands with its settings.

    Args:
        arguments: The command and its settings.
        quiet: Whether to print only warnings and errors.
        debug: Whether to print all messages of all libraries.
        allow_code: Whether configurations may name code from outside of codelm and Lightning.

    Raises:
        CodelmError: With one line for the user.
    """
    rules = parsing_rules(arguments, allow_code=allow_code)
    with ExitStack() as cleanup, run_logging(quiet=quiet, debug=debug), rules:
        try:
            _CodelmCLI(arguments, cleanup, {"quiet": quiet, "debug": debug, "allow_code": allow_code})
        except MisconfigurationException as error:
            raise InputError(lightning_message(str(error))) from error
        except ValueError as error:
            if isinstance(error, CodelmError) or (refusal := known_refusal(str(error))) is None:
                raise
            raise InputError(refusal) from error
        except torch.OutOfMemoryError as error:
            remedy = "go on with --ckpt_path last and fewer programs beside it, or shorten --data.sequence_length"
            raise ResourceError(f"out of GPU memory; {remedy}") from error
