"""The model of a run: its base, loaded as it was trained, with its adapter and the format of its samples."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from inspect import signature
from typing import Any

import torch
from lightning.pytorch import Trainer

from codelm.datamodules.prompt_format import encoder_for
from codelm.errors import DamagedDataError, InputError
from codelm.inference.place import Place
from codelm.inference.prompt_maker import PromptMaker
from codelm.metrics.retrieval import Files
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import LoRA, load_adapter
from codelm.modules.base_identity import changed_files
from codelm.modules.generation import Generated, Sampling, generate_texts
from codelm.modules.precision import auto_precision
from codelm.saved_run import ADAPTER, SavedRun
from codelm.token_healing import HealedPrompt

__all__ = ["TunedModel", "load_prompt_maker", "load_tuned"]

_ROW_TOKENS = 4096
"""Tokens of a row where a run's settings do not say."""


class TunedModel:
    """A model that writes code at places of files.

    Args:
        module: The model, in evaluation mode on its device.
        prompts: Makes its prompts.
    """

    def __init__(self, module: LoRACausalLM, prompts: PromptMaker) -> None:
        self.module = module
        self.prompts = prompts

    def write(
        self,
        places: Sequence[Place],
        sampling: Sampling,
        *,
        as_base: bool = False,
        files: Files = (),
        until: Sequence[Callable[[str], bool]] = (),
    ) -> list[Generated]:
        """Return what is written at each place.

        Args:
            places: The places.
            sampling: How tokens are chosen, and how many there may be.
            as_base: Whether the untouched base writes.
            files: Other code, of which the part most like that around a place is shown first.
            until: For each place, or for none, whether a text needs no more, asked after each token.

        Raises:
            InputError: The base cannot fill in, or has no room for so long an answer.
        """
        prompts = self.prompts.encode(places, sampling.max_new_tokens, files)
        return self.write_prompts(prompts, sampling, as_base=as_base, until=until)

    @torch.inference_mode()
    def write_prompts(
        self,
        prompts: Sequence[HealedPrompt],
        sampling: Sampling,
        *,
        as_base: bool = False,
        until: Sequence[Callable[[str], bool]] = (),
    ) -> list[Generated]:
        """Return what is written behind each prompt; see `write`."""
        with self.module.base_disabled() if as_base else nullcontext():
            written = generate_texts(
                self.module.model, self.module.tokenizer, prompts, sampling, until, each_token=bool(until)
            )
            return list(written)


def load_tuned(run: SavedRun, base: str | None = None) -> TunedModel:
    """Return the model of a run, on a GPU where there is one; ``base`` says where its base lies now.

    Raises:
        InputError: The run has no adapter, or its base cannot be had, or is another one by now.
        DamagedDataError: What the run has written is damaged.
    """
    if not (run.folder / ADAPTER).is_dir():
        state = run.figure("status") or "not ended"
        remedy = "" if state == "completed" else f"let it end, or end it with {run.going_on} if it was killed; or "
        raise InputError(f"run {run.label} has no adapter, its training is {state}: {remedy}give another run")
    run.refuse_changed_adapter()
    module = _new_module(run, base)
    prompts = _prompt_maker(run, module)
    module.trainer = _trainer()
    module.configure_model()
    _refuse_other_base(run, module)
    load_adapter(module.model, module.lora, run.folder / ADAPTER)
    module.to(module.trainer.strategy.root_device).eval()
    return TunedModel(module, prompts)


def load_prompt_maker(run: SavedRun, base: str | None = None) -> PromptMaker:
    """Return what makes the prompts of a run's model, without any weights; ``base`` says where its base lies now.

    Raises:
        InputError: Its base cannot be had.
        DamagedDataError: What the run has written is damaged.
    """
    return _prompt_maker(run, _new_module(run, base))


def _new_module(run: SavedRun, base: str | None) -> LoRACausalLM:
    """Return a run's model before its weights are loaded."""
    return LoRACausalLM(**(_model_settings(run) | {"adapter": None} | ({"base": base} if base else {})))


def _prompt_maker(run: SavedRun, module: LoRACausalLM) -> PromptMaker:
    encoder = encoder_for(module.base, module.revision, run.settings.get("data.formats.fim_format", "auto"))
    learned = run.settings.get("data.sequence_length") or _ROW_TOKENS
    row = min(learned, module.max_positions or learned)
    names = [each["name"] for each in run.figure("phase_results", "phase_1_scrape", "repositories") or []]
    return PromptMaker(encoder, base_name=module.base_name, repository=names[0] if names else "", row_tokens=row)


def _trainer() -> Trainer:
    """Return a trainer that decides on device and precision: float32 on a CPU, which writes text in it."""
    on_gpu = torch.cuda.is_available()
    return Trainer(
        accelerator="auto" if on_gpu else "cpu",
        devices=1,
        precision=auto_precision() if on_gpu else "32-true",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _model_settings(run: SavedRun) -> dict[str, Any]:
    """Return the arguments of `LoRACausalLM` that a run's settings hold."""
    settings = run.settings
    lora = {name: settings[f"model.lora.{name}"] for name in _names(LoRA) if f"model.lora.{name}" in settings}
    found = {name: settings[f"model.{name}"] for name in _names(LoRACausalLM) if f"model.{name}" in settings}
    if "base" not in found or not lora:
        raise DamagedDataError(f"{run.folder / 'config.yaml'} names no base or adapter; give the folder of a run")
    return found | {"lora": LoRA(**lora)}


def _names(of: Callable[..., object]) -> list[str]:
    return list(signature(of).parameters)


def _refuse_other_base(run: SavedRun, module: LoRACausalLM) -> None:
    """Raise `InputError` where the base's files are not those that the run was trained on."""
    trained_on = run.figure("model", "base_identity", "files")
    identity = module.base_identity  # found when the base was loaded: all weights are read for it
    if trained_on and identity and identity.files and changed_files(identity.files, trained_on):
        raise InputError(
            f"base model {module.base} is no longer the one that {run.label} was trained on: give that, or train anew"
        )
