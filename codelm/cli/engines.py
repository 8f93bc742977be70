"""The engine that ``codelm serve`` generates text with: llama.cpp or PyTorch."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from codelm.errors import CodelmError, InputError
from codelm.export.gguf_model import refuse_gguf
from codelm.export.served_gguf import ServedGguf, served_gguf
from codelm.export.source import find_source
from codelm.files import existing_folder
from codelm.history.store_settings import cache_folder
from codelm.inference.tuned_model import load_prompt_maker, load_tuned
from codelm.modules.base_model import load_config
from codelm.saved_run import SavedRun
from codelm.serving.engine import Engine
from codelm.serving.llama_cpp import LlamaCpp, has_gpu, refuse_no_llama_cpp
from codelm.serving.llama_cpp_engine import LlamaCppEngine
from codelm.serving.tuned_engine import TunedEngine

__all__ = ["engine_for"]

log = logging.getLogger(__name__)


@contextmanager
def engine_for(name: str, run: SavedRun, base: str | None, max_tokens: int) -> Iterator[Engine]:
    """Give an engine with a run's model.

    Args:
        name: "llama.cpp", "pytorch", or "auto": llama.cpp where that can run the model as fast as PyTorch.
        run: The run.
        base: Where its base lies now.
        max_tokens: Tokens of an answer at most.

    Raises:
        CodelmError: The run has no adapter, its base cannot be had, or llama.cpp, if that is wanted, cannot run it.
    """
    with TemporaryDirectory(prefix="codelm-") as spare:
        found = None
        if name != "pytorch":
            try:
                found = _served_gguf(run, base, Path(spare), may_lack_gpu=name != "auto")
            except CodelmError as error:
                if name != "auto":
                    raise
                log.info("engine: PyTorch, not llama.cpp: %s", error)
        if found is None:
            yield TunedEngine(load_tuned(run, base), max_tokens)
            return
        log.info("engine: llama.cpp, with %s", found.file)
        prompts = load_prompt_maker(run, base)
        prompts.row_tokens = min(prompts.row_tokens, found.context)
        with closing(LlamaCpp(found.file, prompts.row_tokens, torch.get_num_threads())) as llama:
            yield LlamaCppEngine(llama, prompts, max_tokens)


def _served_gguf(run: SavedRun, base: str | None, spare: Path, *, may_lack_gpu: bool) -> ServedGguf:
    """Return the GGUF file of a run, from the user's cache or, where that cannot be written to, a ``spare`` folder.

    Raises:
        CodelmError: llama.cpp cannot run it, or lacks the GPU that PyTorch has and may not.
    """
    refuse_no_llama_cpp()
    if torch.cuda.is_available() and not may_lack_gpu and not has_gpu():
        raise InputError("xllamacpp, as it is installed, does not use the GPU, which PyTorch does")
    source, cache = find_source(run, base), cache_folder(None)
    refuse_gguf(load_config(source.base, source.revision), source.base_name, "give --engine pytorch")
    return served_gguf(source, cache if os.access(existing_folder(cache), os.W_OK) else spare)
