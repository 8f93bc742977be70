"""From settings to the model and the data that `codelm fit` would make of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from codelm.cli.messages import explain, in_our_words
from codelm.datamodules import GitCommitDataModule
from codelm.errors import InputError
from codelm.evaluation.data import Material
from codelm.modules import LoRACausalLM
from experiments.ablation.rows import OURS, VARIANTS, Experiment


class Objects(NamedTuple):
    """What a run is made of; nothing of it has been read or loaded."""

    model: LoRACausalLM
    data: GitCommitDataModule


def parser() -> ArgumentParser:
    """Return the part of the command's grammar that makes model and data."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--seed_everything", type=int, default=42)
    parser.add_class_arguments(LoRACausalLM, "model")
    parser.add_class_arguments(GitCommitDataModule, "data")
    parser.link_arguments("seed_everything", "data.seed")
    parser.link_arguments("model.base", "data.tokenizer")
    parser.link_arguments("model.revision", "data.tokenizer_revision")
    return parser


def parsed(settings: Mapping[str, Any]) -> Namespace:
    """Return the settings of model and data with all defaults.

    Raises:
        InputError: One of them is unknown or of the wrong kind.
    """
    known = {name: settings[name] for name in ("seed_everything", "model", "data") if name in settings}
    try:
        found: Namespace = parser().parse_object(known)
    except ArgumentError as error:
        raise InputError(explain(str(error), parser().get_defaults().keys())) from error
    return found


def make(settings: Mapping[str, Any]) -> Objects:
    """Return model and data.

    Raises:
        InputError: The settings do not make any.
    """
    try:
        made = parser().instantiate(parsed(settings))
    except TypeError as error:  # jsonargparse finds one value in place of several only here
        raise InputError(in_our_words(str(error))) from error
    return Objects(made.model, made.data)


def material_of(data: GitCommitDataModule) -> Material:
    """Return what there is to learn and to be measured on; the history is read unless the cache has it."""
    data.prepare_data()
    data.setup("test")
    return Material(data.store, data.encoder)


def refuse_empty(experiment: Experiment, row: str) -> None:
    """Raise `InputError` where a variant differs from ours in nothing."""
    if row not in VARIANTS:
        return
    ours, variant = parsed(experiment.settings(OURS)), parsed(experiment.settings(row))
    if all(ours[name] == variant[name] for name in VARIANTS[row]):
        raise InputError(f"row {row} would be ours again: both have the same {', '.join(VARIANTS[row])}")
