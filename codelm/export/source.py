"""What an export takes from a finished run: its adapter, checked, and what its base was."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codelm.bases.families import decide, identities
from codelm.errors import DamagedDataError, InputError
from codelm.modules.base_identity import changed_files, identify
from codelm.saved_run import ADAPTER, SavedRun
from codelm.special_tokens import AUTO, FORMATS

__all__ = ["Source", "find_source", "refuse_changed_base", "trained_format"]

_PART = re.compile(r"[^\"`\x00-\x09\x0b-\x1f\x7f]*")
"""Of a format of prompts: special tokens and slots, which have no quotes, and no control characters but line feeds."""
_NEEDED = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run, with an adapter that is as it was saved.

    Attributes:
        run: The run.
        base: Where its base is loaded from: a bundled name, a folder, or a model hub's name.
    """

    run: SavedRun
    base: str

    @property
    def adapter(self) -> Path:
        """The folder of the adapter."""
        return self.run.folder / ADAPTER

    @property
    def name(self) -> str:
        """The run's name, without its version."""
        return self.run.folder.resolve().parent.name

    @property
    def base_name(self) -> str:
        """The name by which others find the base."""
        return str(self.run.figure("model", "base") or self.base)

    @property
    def revision(self) -> str | None:
        """The base's revision on the model hub."""
        revision: str | None = self.model("revision")
        return revision

    @property
    def quantization(self) -> Any:
        """The type of the base's linear weights in training."""
        return self.model("quantization", "none")

    @property
    def attention(self) -> str:
        """The implementation of attention in training."""
        return str(self.model("attention", "sdpa"))

    @property
    def adapter_config(self) -> dict[str, Any]:
        """The content of PEFT's ``adapter_config.json``.

        Raises:
            DamagedDataError: It is not JSON.
        """
        path = self.adapter / _NEEDED[0]
        try:
            found = json.loads(path.read_text("utf-8"))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DamagedDataError(f"{path} is damaged: it is not JSON; take a copy of it, or another run")
        return found

    def model(self, name: str, default: Any = None) -> Any:
        """Return what the manifest says of the model under a name."""
        found = self.run.figure("model", name)
        return default if found is None else found


def find_source(run: SavedRun, base: str | None = None) -> Source:
    """Return what can be exported of a run; ``base`` says where its base lies now.

    Raises:
        InputError: It has not ended, or has no adapter.
        DamagedDataError: Its adapter is not the one that its manifest names.
    """
    status = run.figure("status")
    if status == "running":
        raise InputError(f"{run.label} has not ended: let it, or end it with {run.going_on} if it was killed")
    if not all((run.folder / ADAPTER / name).is_file() for name in _NEEDED):
        raise InputError(f"{run.label} ({status}) has no adapter: give a run that has trained to its first validation")
    run.refuse_changed_adapter()
    return Source(run, base or str(run.figure("model", "base") or run.settings.get("model.base")))


def refuse_changed_base(source: Source, option: str = "--base") -> bool:
    """Refuse a base that is another one than that which the adapter was trained on.

    Args:
        source: What the run has left.
        option: The command's option that says where the base lies.

    Returns:
        Whether it could be told: the run says what its base was, and that lies on this machine.

    Raises:
        InputError: Its configuration, weights or tokenizer are others.
    """
    trained = source.run.figure("model", "base_identity", "files")
    found = identify(source.base, source.revision).files if trained else None
    if found is None:
        return False
    differ = changed_files(found, trained)
    if differ:
        raise InputError(
            f"base model {source.base_name} has another {' and other '.join(differ)} than when {source.run.label} was"
            f" trained on it: give the folder of that one with {option}"
        )
    return True


def trained_format(source: Source, tokenizer: Any) -> dict[str, Any]:
    """Return the format of prompts that the adapter has learned, as the manifest has it: ``name``, ``infill``, ...

    Raises:
        DamagedDataError: It is none of codelm's: a card and Ollama's Modelfile quote it.
    """
    found = source.run.figure("phase_results", "phase_2_tokenize", "format")
    if isinstance(found, dict) and "infill" in found:
        parts = found["infill"]
        if not isinstance(parts, list) or not all(isinstance(part, str) and _PART.fullmatch(part) for part in parts):
            raise DamagedDataError(
                f"the manifest of {source.run.label} has a format of prompts that is none of codelm's; take another run"
            )
        return found
    # The rows came from a datamodule of somebody's own.
    decided = decide(AUTO, identities(source.base_name), tokenizer.get_vocab().__contains__).format
    return {"name": decided.name, "infill": list(FORMATS[decided.name].infill)}
