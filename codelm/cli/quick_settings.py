"""The settings of a run, parsed without Lightning: the same files and options, the same defaults, in half a second.

The settings of the data have their types, since they are used. Of the others the values are kept as they are given;
`codelm fit` checks them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, make_dataclass
from functools import partial
from typing import Any, Literal

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from codelm.cli.config_files import checked_arguments
from codelm.cli.defaults import DEFAULTS
from codelm.cli.error_messages import explain
from codelm.cli.known_settings import refuse_wrong_options, setting_names
from codelm.cli.parsing_rules import MODE, parsing_rules
from codelm.errors import InputError
from codelm.history.epochs.importance import Importance
from codelm.history.epochs.refresh import Refresh
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats
from codelm.history.setting_checks import refuse_invalid_shares, refuse_too_small
from codelm.history.store_settings import StoreSettings

__all__ = ["DataSettings", "QuickSettings", "quick_settings"]

_CLASS_DEFAULTS = {
    "seed_everything": 42,
    "output": "runs",
    "model.base": "bigcode/starcoder2-3b",
    "model.quantization": "nf4",
    "model.gradient_checkpointing": True,
    "model.activation_offloading": False,
    "model.lora.r": 8,
    "model.lora.targets": ["q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj"],
    "trainer.max_steps": -1,
    "evaluation.enabled": True,
    "evaluation.minutes": 5.0,
}
"""Defaults that are read here and stand in classes that need torch; tests/cli/test_quick_settings.py compares them."""


@dataclass(frozen=True)
class DataSettings:
    """The settings of the data, as `GitCommitDataModule` has them, whose documentation holds."""

    repo: str | list[str] = "."
    revision: str = "HEAD"
    sequence_length: int = 2048
    batch_size: int | Literal["auto"] = "auto"
    filters: Filters = field(default_factory=Filters)
    formats: Formats = field(default_factory=Formats)
    importance: Importance = field(default_factory=Importance)
    curriculum: Literal["competence", "none"] = "competence"
    curriculum_epochs: float = 1.0
    held_out: float = 0.1
    max_commits: int | None = None
    refresh: Refresh = field(default_factory=Refresh)
    context_weight: float = 1.0
    cache: str | None = None
    num_workers: int = 0

    @property
    def repositories(self) -> list[str]:
        """The folders of the repositories."""
        return [self.repo] if isinstance(self.repo, str) else self.repo


@dataclass(frozen=True)
class QuickSettings:
    """The settings of a run.

    Attributes:
        data: Those of the data.
        seed: The seed of all parts.
        others: All others by their full names; None where neither a value is given nor a default known here.
    """

    data: DataSettings
    seed: int
    others: dict[str, Any]

    @property
    def store(self) -> StoreSettings:
        """What decides the samples."""
        data = self.data
        read = data.sequence_length, data.filters, data.formats, data.held_out, data.max_commits, self.seed
        return StoreSettings(*read, tuple(data.refresh.learned))


def quick_settings(arguments: Sequence[str]) -> QuickSettings:
    """Return the settings that these arguments of ``codelm fit`` give.

    Raises:
        InputError: A file or a setting is wrong.
    """
    refuse_wrong_options(arguments)
    checked = checked_arguments(arguments)
    with parsing_rules(arguments, allow_code=False):
        parser = _parser()
        try:
            parsed = parser.parse_args(checked)
            data: DataSettings = parser.instantiate_classes(parsed).data
        except ArgumentError as error:
            raise InputError(explain(str(error), setting_names())) from error
    others = {name: value for name, value in _flat(parsed) if not name.startswith("data.")}
    refuse_too_small(sequence_length=data.sequence_length, max_commits=data.max_commits)
    rows = None if data.batch_size == "auto" else data.batch_size
    refuse_too_small(curriculum_epochs=data.curriculum_epochs, batch_size=rows, num_workers=data.num_workers)
    refuse_invalid_shares(context_weight=data.context_weight, held_out=data.held_out)
    return QuickSettings(data, int(others["seed_everything"]), others)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, parser_mode=MODE)
    parser.add_argument("-c", "--config", action="config")
    parser.add_class_arguments(DataSettings, "data")
    others = [name for name in setting_names() if not name.startswith("data.")]
    for name in others:
        if "." not in name:
            parser.add_argument(f"--{name}", type=Any, default=_default(name))
    for group in dict.fromkeys(name.partition(".")[0] for name in others if "." in name):
        parser.add_class_arguments(_untyped(group, others), group)
    return parser


def _untyped(group: str, names: Iterable[str]) -> type:
    """Return a class with the settings of a group, and of the groups in it, each of any type."""
    inside = [name.removeprefix(f"{group}.") for name in names if name.startswith(f"{group}.")]
    fields: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys(each.partition(".")[0] for each in inside):
        if name in inside:
            fields.append((name, Any, field(default_factory=partial(_default, f"{group}.{name}"))))
        else:
            below = _untyped(f"{group}.{name}", names)
            fields.append((name, below, field(default_factory=below)))
    return make_dataclass("Settings", fields)


def _default(name: str) -> Any:
    return {**_CLASS_DEFAULTS, **DEFAULTS}.get(name)


def _flat(settings: Namespace) -> Iterable[tuple[str, Any]]:
    known = setting_names()
    return ((name, value) for name, value in settings.items(branches=True) if name in known)
