"""The format of a run's samples, decided before anything is read, so that the saved configuration names it."""

import logging
from typing import Any

from lightning.pytorch import Trainer

from codelm.datamodules.prompt_format import decide_format, encoder_for
from codelm.evaluation.infill_probe import probe_infill
from codelm.evaluation.model import EvaluatedModel
from codelm.history.setting_checks import unused_cursor_rate
from codelm.history.store_settings import with_format
from codelm.runs.trainer import preserved_state
from codelm.special_tokens import FORMATS

__all__ = ["settle_format"]

log = logging.getLogger(__name__)

_ROW_TOKENS = 1024
"""Tokens of a row in which a base is asked, unless it has fewer positions."""


def settle_format(trainer: Trainer, model: Any, datamodule: Any) -> str:
    """Let the data be written in the format for the base, and return its name.

    A base that has the tokens of a format and may have been trained with it is loaded and asked.
    """
    formats = datamodule.store_settings.formats
    decision = decide_format(model.base, model.tokenizer, formats.fim_format, model.base_name)
    chosen = decision.format.name
    if decision.candidate is None and decision.notice:
        log.warning(decision.notice)
    if decision.candidate and _fills_in(trainer, model, datamodule, decision.candidate.name):
        chosen = decision.candidate.name
    if unused := unused_cursor_rate(formats, FORMATS[chosen]):
        log.warning(unused)
    datamodule.store_settings = with_format(datamodule.store_settings, chosen)
    return chosen


def _fills_in(trainer: Trainer, model: Any, datamodule: Any, candidate: str) -> bool:
    """Return whether the base finds lines likelier in a format than without it, and log by how much."""
    encoder = encoder_for(model.base, model.revision, candidate)
    model.trainer = trainer
    model.configure_model()
    model.to(trainer.strategy.root_device)
    row = min(_ROW_TOKENS, model.max_positions or _ROW_TOKENS)
    evaluated = EvaluatedModel(model, max_tokens=row, batch_size=datamodule.batch_size)
    with preserved_state(trainer, model, seed=0):
        found = probe_infill(evaluated, encoder)
    log.warning(
        "%s has the special tokens of format %s and %s: lines of general code have %.2f nats a token in it, %.2f "
        "without what follows them, %.2f where that is shown first",
        model.base_name,
        candidate,
        "fills in with them" if found.fills_in else "does not fill in with them, so changes are learned left to right",
        found.in_format,
        found.without,
        found.shown_first,
    )
    return found.fills_in
