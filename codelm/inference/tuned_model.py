"""The model of a run: its base, loaded as it was trained, with its adapter and the format of its samples."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from inspect import signature
from typing import Any

import torch
from lightning.pytorch import Trainer

from codelm.datamodules.prompt_format import encoder_for
from codelm.errors import DamagedDataError, InputError
from codelm.history.samples.prompts import Prompt, prompt
from codelm.history.tokenization.encoder import Encoder
from codelm.inference.place import Place, with_line_cut
from codelm.metrics.infill_tasks import visible_context
from codelm.metrics.retrieval import Files, most_similar
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import LoRA, load_adapter
from codelm.modules.base_identity import changed_files
from codelm.modules.generation import Generated, Sampling, generate_texts
from codelm.modules.precision import auto_precision
from codelm.saved_run import ADAPTER, SavedRun
from codelm.token_healing import HealedPrompt

__all__ = ["TunedModel", "load_tuned"]

_OTHER_TOKENS = 96
"""Tokens that are kept free for names and special tokens."""
_ROW_TOKENS = 4096
"""Tokens of a row where a run's settings do not say."""
_FEWEST_TOKENS = 32
"""Tokens of code that a prompt has room for at least."""
_MOST_SHOWN, _SHARE_SHOWN = 300, 4
"""The most tokens of other code, for which docs/results.md has what it is worth, and the share of the room for it."""


class TunedModel:
    """A model that writes code at places of files.

    Args:
        module: The model, in evaluation mode on its device.
        encoder: Its tokenizer, with the format of the samples it learned.
        repository: The name of the repository it learned.
        row_tokens: Tokens of prompt and answer together at most.
    """

    def __init__(self, module: LoRACausalLM, encoder: Encoder, *, repository: str, row_tokens: int) -> None:
        self.module = module
        self.encoder = encoder
        self.repository = repository
        self.row_tokens = row_tokens

    def write(
        self,
        places: Sequence[Place],
        sampling: Sampling,
        *,
        as_base: bool = False,
        until: Sequence[Callable[[str], bool]] = (),
    ) -> list[Generated]:
        """Return what is written at each place.

        Args:
            places: The places.
            sampling: How tokens are chosen, and how many there may be.
            as_base: Whether the untouched base writes.
            until: For each place, or for none, whether a text needs no more, asked after each token.

        Raises:
            InputError: The base cannot fill in, or has no room for so long an answer.
        """
        return self.write_prompts(self.encode(places, sampling.max_new_tokens), sampling, as_base=as_base, until=until)

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

    def encode(self, places: Sequence[Place], new_tokens: int, files: Files = ()) -> list[HealedPrompt]:
        """Return the token ids of the prompt for each place; see `prompt`."""
        return self.encoder.encode_prompts([self.prompt(each, new_tokens, files) for each in places])

    def prompt(self, place: Place, new_tokens: int, files: Files = ()) -> Prompt:
        """Return the prompt for a place, with as much of the code around it as there is room for.

        Args:
            place: The place.
            new_tokens: Tokens to keep free for the answer.
            files: Other code, of which the part most like that around the place is shown first.

        Raises:
            InputError: The base cannot fill in, or has no room for an answer of so many tokens.
        """
        if place.after is not None and not self.encoder.format.infill:
            raise InputError(
                f"base model {self.module.base_name} writes from left to right: leave the text behind the place out"
            )
        repository = place.repository or self.repository
        names = sum(self.encoder.count([repository, place.path])) + _OTHER_TOKENS // 2
        room = self.row_tokens - new_tokens - max(_OTHER_TOKENS, names)
        if room < _FEWEST_TOKENS:
            most = self.row_tokens - max(_OTHER_TOKENS, names) - _FEWEST_TOKENS
            raise InputError(f"{new_tokens} new tokens leave no room for a prompt: give at most {most}")
        most = min(_MOST_SHOWN, room // _SHARE_SHOWN)
        example = most_similar(place.before, place.after or "", files, self.encoder.count, most)
        room -= sum(self.encoder.count(example)) if example else 0
        place = with_line_cut(place, self.encoder.count, room)
        before, after = visible_context(place.before, place.after or "", self.encoder.count, room)
        shown = None if place.after is None else after
        return prompt(repository, place.path, before, shown, self.encoder.format, example=example)


def load_tuned(run: SavedRun, base: str | None = None) -> TunedModel:
    """Return the model of a run, on a GPU where there is one; ``base`` says where its base lies now.

    Raises:
        InputError: The run has no adapter, or its base cannot be had, or is another one by now.
        DamagedDataError: What the run has written is damaged.
    """
    if not (run.folder / ADAPTER).is_dir():
        state = run.figure("status") or "not ended"
        raise InputError(f"run {run.label} has no adapter, its training is {state}; let it end, or give another run")
    run.refuse_changed_adapter()
    module = LoRACausalLM(**(_model_settings(run) | {"adapter": None} | ({"base": base} if base else {})))
    encoder = encoder_for(module.base, module.revision, run.settings.get("data.formats.fim_format", "auto"))
    module.trainer = _trainer()
    module.configure_model()
    _refuse_other_base(run, module)
    load_adapter(module.model, module.lora, run.folder / ADAPTER)
    module.to(module.trainer.strategy.root_device).eval()
    row = min(run.settings.get("data.sequence_length") or _ROW_TOKENS, module.max_positions or _ROW_TOKENS)
    names = [each["name"] for each in run.figure("phase_results", "phase_1_scrape", "repositories") or []]
    return TunedModel(module, encoder, repository=names[0] if names else "", row_tokens=row)


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
