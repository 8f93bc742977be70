"""The model and the data module that `codelm fit` would make of nested settings."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from codelm.cli.error_messages import explain, lightning_message
from codelm.datamodules import GitCommitDataModule
from codelm.errors import InputError
from codelm.evaluation.data import EvaluationData
from codelm.modules import LoRACausalLM
from experiments.ablation.rows import OURS, VARIANTS, Experiment

__all__ = ["instantiate", "open_evaluation_data", "parse_settings", "refuse_equal_to_ours"]


class _Objects(NamedTuple):
    """Model and data module of a run; neither has read or loaded anything."""

    model: LoRACausalLM
    data: GitCommitDataModule


def _parser() -> ArgumentParser:
    """Return a parser of the settings of model and data."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--seed_everything", type=int, default=42)
    parser.add_class_arguments(LoRACausalLM, "model")
    parser.add_class_arguments(GitCommitDataModule, "data")
    parser.link_arguments("seed_everything", "data.seed")
    parser.link_arguments("model.base", "data.tokenizer")
    parser.link_arguments("model.revision", "data.tokenizer_revision")
    return parser


def parse_settings(settings: Mapping[str, Any]) -> Namespace:
    """Return the settings of model and data with all defaults."""
    known = {name: settings[name] for name in ("seed_everything", "model", "data") if name in settings}
    try:
        found: Namespace = _parser().parse_object(known)
    except ArgumentError as error:
        raise InputError(explain(str(error), _parser().get_defaults().keys())) from error
    return found


def instantiate(settings: Mapping[str, Any]) -> _Objects:
    """Return the model and the data module of nested settings."""
    try:
        made = _parser().instantiate(parse_settings(settings))
    except TypeError as error:  # jsonargparse finds one value in place of several only here
        raise InputError(lightning_message(str(error))) from error
    return _Objects(made.model, made.data)


def open_evaluation_data(data: GitCommitDataModule) -> EvaluationData:
    """Return the snapshot and the test commits of a data module; the history is read unless the cache has it."""
    data.prepare_data()
    data.setup("test")
    return EvaluationData(data.store, data.encoder)


def refuse_equal_to_ours(experiment: Experiment, row: str) -> None:
    """Raise `InputError` where a variant differs from ours in nothing."""
    if row not in VARIANTS:
        return
    ours, variant = parse_settings(experiment.settings(OURS)), parse_settings(experiment.settings(row))
    if all(ours[name] == variant[name] for name in VARIANTS[row]):
        raise InputError(f"row {row} would be ours again: both have the same {', '.join(VARIANTS[row])}")
